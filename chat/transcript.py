"""What a page shows of a session, as plain values for the templates. How it comes about: `chat.fold`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from agent.event_log import phases
from agent.event_log.payloads import PlanQuestion
from agent.event_log.texts import queued
from agent.event_log.times import milliseconds
from agent.plan import WORK, StepType
from agent.support.counts import count
from chat import labels
from chat.draft import DRAFT_STEPS, DRAFTS_OF_ANSWER, Draft, shown_draft

UNFINISHED = frozenset(("queued", "running", "waiting"))


@dataclass(slots=True)
class Phase:
    """One line of a run's timeline. `state`: running, finished, failed, stopped, or noted: it just
    happened. `at` and all other times: as in the events."""

    key: str
    step: str
    at: str
    seq: int  # of the first event about it
    message: str = ""
    details: str = ""
    state: str = "noted"
    duration_ms: int | None = None
    slow_after_ms: int | None = None  # so long, and it is slower than usual
    usual: str = ""  # how long it usually takes
    took: str = ""
    recalled: str = ""  # which memories were
    parts: list[Phase] = field(default_factory=list)  # the sub-steps of a reading

    @property
    def since(self) -> str:
        return self.at if self.state == "running" else ""

    @property
    def kind(self) -> phases.StepKind | None:
        """How a custom step is shown; None for a phase, and for what no package registers any more."""
        return phases.kind_of(self.step)

    @property
    def slow_after(self) -> int | str:
        return self.slow_after_ms if self.slow_after_ms is not None and self.since else ""

    @property
    def icon(self) -> str:
        own = self.step in tuple(phases.Phase) or self.step in ("error", "resumed")
        return self.step if own else "custom"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What who sees the page thought of something: 1, -1, or 0 for nothing yet."""

    value: int = 0
    comment: str = ""


@dataclass(slots=True)
class Step:
    """One item of the plan's checklist."""

    id: str
    number: int
    type: str
    description: str
    status: str
    depends_on: list[str]
    waits_for: str
    seq: int  # of the first event about it, 0 before that
    tool: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    given: list[list[str]] = field(default_factory=list)  # name and text of each argument
    returned: list[list[str]] = field(default_factory=list)  # the result, likewise
    started_at: str | None = None
    finished_at: str | None = None
    gives_up_at: str = ""
    usual: str = ""  # how long it usually takes
    took: str = ""
    report: str = ""
    result: str = ""
    error: str = ""
    slow_after_ms: int | None = None
    parts: list[Phase] = field(default_factory=list)  # its sub-steps
    opinion: Opinion = Opinion()

    @property
    def how(self) -> str:
        """How it is carried out: by a tool, or composed."""
        return self.type if self.type == StepType.COMPOSE else self.tool

    @property
    def since(self) -> str:
        return self.started_at or "" if self.status == "running" else ""

    @property
    def call(self) -> str:
        """What is called with what, while it runs."""
        first = [value for _, value in self.given[:1]]
        return ": ".join([self.how, *first]) if self.since else ""

    @property
    def slow_after(self) -> int | str:
        return self.slow_after_ms if self.slow_after_ms is not None and self.since else ""

    @property
    def note(self) -> str:
        notes = {"pending": self.waits_for, "running": self.report, "succeeded": self.result}
        return self.error or notes.get(self.status, "")


@dataclass(slots=True)
class Change:
    """A change of the board or the memory. `undoable`: nothing changed the object since."""

    seq: int
    object: str
    id: str
    text: str
    by: str
    at: str
    brief: str = ""  # what was done, without the name of the object
    undoable: bool = True
    kind: str = "note"


@dataclass(slots=True)
class Effect:
    """A change that a plan's step would make. `fields`: name, old and new text of each. `mark`: how it
    differs from an earlier approval.

    `action` is "unknown" when `text` says why one cannot tell."""

    key: str
    number: int  # of the step
    action: str
    text: str
    fields: list[list[str]]
    mark: str = ""


def counted_effects(effects: Sequence[Effect]) -> str:
    """Returns e.g. "12 changes, 1 call": calls are those whose changes are not known."""
    calls = sum(effect.action == "unknown" for effect in effects)
    changes = len(effects) - calls
    parts = [
        *([count(changes, "change")] if changes else []),
        *([count(calls, "call")] if calls else []),
    ]
    return ", ".join(parts)


@dataclass(slots=True)
class Line:
    """An event that cannot be shown otherwise."""

    text: str
    kind: str = "line"


@dataclass(frozen=True, slots=True)
class Gap:
    """What begins with the events from `start` to before `end` is not shown."""

    start: int
    end: int
    kind: str = "gap"


@dataclass(slots=True)
class Said:
    author: str
    content: str
    at: str
    id: str = ""
    client_id: str = ""
    into: str = ""  # the run that it came too late for


@dataclass(slots=True)
class Steered:
    """A message that was sent into the run. `note`: what became of it."""

    id: str
    author: str
    content: str
    at: str
    seq: int
    client_id: str
    note: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A phase's part of the bar, in thousandths of what all finished phases took."""

    key: str
    step: str
    x: int
    width: int
    says: str


@dataclass(slots=True)
class Exchange:
    """A message with its run."""

    run: str
    said: Said | None = None
    status: str = "queued"
    told: str = ""  # what it does or how it ended, as its events say
    started_at: str = ""
    phases: list[Phase] = field(default_factory=list)
    plan_revision: int = 0
    summary: str = ""
    open_points: list[str] = field(default_factory=list)  # what the plan assumes and leaves open
    questions: list[PlanQuestion] = field(default_factory=list)  # which a click on a choice answers
    steps: list[Step] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    steering: list[Steered] = field(default_factory=list)  # without what is the next message
    text: str = ""  # the answer while it is written, and what is left of one that broke off
    html: str = ""  # the answer
    asks: bool = False  # an approval is wanted
    why: str = ""  # it is
    effects: list[Effect] = field(default_factory=list)  # what the plan would change
    estimate: str = ""  # how long it may take
    expires_at: str = ""
    decided: str = ""  # who decided and how
    comments: list[str] = field(
        default_factory=list
    )  # on the last plan that was rejected with some
    answer_id: str = ""
    retryable: bool = False
    eta_ms: list[int] | None = None  # the shortest and the longest time that is left
    eta_at: str = ""  # when that was said
    interrupted: bool = False  # nobody drives it at the moment
    duration_ms: int | None = None
    before: int = 0  # unfinished runs before it
    draft: dict[str, Any] | None = None  # the fields of its frame
    ended: bool = False  # no event of it follows
    pruned: bool = False  # its events were deleted: what is here is from its rows
    opinions: dict[str, Opinion] = field(default_factory=dict)  # by what they are about
    kind: str = "exchange"

    @property
    def state(self) -> str:
        """All values as one text: kept HTML is shown again for the same state only."""
        return repr(self)

    @property
    def active(self) -> bool:
        return self.status in UNFINISHED

    @property
    def questions_json(self) -> str:
        return json.dumps(self.questions, ensure_ascii=False, separators=(",", ":"))

    @property
    def work_steps(self) -> list[Step]:
        return [step for step in self.steps if step.type in WORK]

    @property
    def checklist(self) -> list[Step]:
        """A plan that only answers is no list to read."""
        return self.steps if self.work_steps else []

    @property
    def draft_of_plan(self) -> Draft | None:
        return self._shown_draft(in_answer=False)

    @property
    def draft_of_answer(self) -> Draft | None:
        """That of what is written beside or before the answer, in view with it."""
        return self._shown_draft(in_answer=True)

    def _shown_draft(self, *, in_answer: bool) -> Draft | None:
        """Returns the draft while the step of progress runs in which it is written."""
        if self.draft is None or self.status != "running":
            return None
        own = self.draft["phase"]
        if (own in DRAFTS_OF_ANSWER) != in_answer:
            return None
        steps = DRAFT_STEPS.get(own, (own,))
        runs = any(phase.key in steps and phase.state == "running" for phase in self.phases)
        if composed := self.draft.get("step"):
            runs = any(step.id == composed and step.status == "running" for step in self.steps)
        return shown_draft(self.draft) if runs else None

    @property
    def first_failure(self) -> str:
        """The step at which a failed run is unfolded."""
        failed = (step.id for step in self.steps if step.status == "failed")
        return next(failed, "") if self.status == "failed" else ""

    @property
    def effects_count(self) -> str:
        return counted_effects(self.effects)

    @property
    def shown_summary(self) -> str:
        """What the list of steps does not say itself."""
        says_all = all(step.description in self.summary for step in self.checklist)
        return "" if says_all else self.summary

    @property
    def undoable(self) -> bool:
        """All of its changes can be taken back: the last one of each object stands."""
        last = {change.id: change for change in self.changes}
        return bool(last) and not self.active and all(one.undoable for one in last.values())

    @property
    def bar(self) -> list[Segment]:
        # Without the parts of a phase, which it contains.
        whole = [phase for phase in self.phases if phase.key == phase.step]
        timed = [(phase, phase.duration_ms) for phase in whole if phase.duration_ms]
        total, segments, passed = sum(ms for _, ms in timed), [], 0
        for phase, ms in timed:
            start, passed = 1000 * passed // total, passed + ms
            width = 1000 * passed // total - start
            says = f"{phase.message}: {phase.took}"
            segments.append(Segment(phase.key, phase.step, start, width, says))
        return segments

    @property
    def eta(self) -> str:
        """From when to when it will be over, as far as one knows; the page counts down to it."""
        if self.status != "running" or self.eta_ms is None or self.interrupted:
            return ""
        return " ".join(str(milliseconds(self.eta_at) + ms) for ms in self.eta_ms)

    @property
    def opens(self) -> bool:
        """It failed, or works and its answer is not begun, which would move if the run folded later."""
        is_early = all(phase.step != "completion" for phase in self.phases)
        return self.status == "failed" or (self.active and is_early)

    @property
    def folded(self) -> bool:
        """Its body is outside of the document until somebody opens it."""
        return not (self.active or self.opens)

    @property
    def mark(self) -> str:
        if self.interrupted:
            return "interrupted"
        failed = any(step.status == "failed" for step in self.steps) or self._has_no_plan
        return "partly" if self.status == "succeeded" and failed else self.status

    @property
    def _has_no_plan(self) -> bool:
        """No plan was valid."""
        states = [phase.state for phase in self.phases if phase.step == "validation"]
        return states[-1:] == ["failed"]

    @property
    def resumed(self) -> bool:
        return any(phase.step == "resumed" for phase in self.phases)

    @property
    def since(self) -> str:
        return self.started_at if self.status == "running" else ""

    @property
    def line(self) -> str:
        if self.interrupted:
            return labels.INTERRUPTED
        return queued(self.before) if self.status == "queued" else self.told


@dataclass(slots=True)
class Transcript:
    """What a page shows of a session. `fresh`: by id, the last change of what changed after the last
    message."""

    entries: list[Exchange | Change | Line | Gap] = field(default_factory=list)
    fresh: dict[str, Change] = field(default_factory=dict)
    last_seq: int = 0

    @property
    def exchanges(self) -> list[Exchange]:
        return [entry for entry in self.entries if isinstance(entry, Exchange)]

    def unfinished_as_json(self) -> list[dict[str, Any]]:
        """Returns the runs that live events go on with."""
        return [asdict(entry) for entry in self.exchanges if not entry.ended]
