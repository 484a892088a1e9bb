"""Makes the draft of a run from what its model writes: unchecked texts, cut to a length to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import jiter

from agent.event_log import texts
from agent.event_log.phases import REPLANNING, Phase
from agent.event_log.times import stamp
from agent.event_log.value_texts import facts, value_text
from agent.llm.base import Model
from agent.llm.reading import clean
from agent.llm.tokens import estimate
from agent.llm.writing import Writing
from agent.plans.bands import Estimate
from agent.runs import drafts
from agent.runs.recorder import Recorder
from agent.shorten import shorten
from agent.support.durations import duration

MAX_STEPS = 20  # the limit of a plan
MAX_SUMMARY, MAX_DESCRIPTION, MAX_VALUE = 500, 300, 300  # characters
MAX_COMPOSED = 1_000
MAX_THOUGHTS = 2_000  # characters of the end of the reasoning

# The phases in which each method of the model is called.
_PHASES = {
    "analyze": [Phase.ANALYZING],
    "plan": [Phase.PLANNING, Phase.VALIDATION, Phase.EXECUTION],
    "compose": [Phase.EXECUTION],
    "answer": [Phase.COMPLETION],
    "consolidate": [Phase.MEMORY],
}


class Drafting:
    """Watches the model of one run and keeps the draft of the run up to date."""

    def __init__(self, model: Model, recorder: Recorder) -> None:
        self._recorder = recorder
        self._answer: Writing | None = None  # the call for it
        self._told: Any = None  # how much of that was told
        self._has_draft = False
        # Whether a draft of the run may be stored, by this claim or an earlier one.
        self.may_be_stored = not recorder.is_fresh
        self.composed_step = ""  # the step of the plan whose value is written
        model.watch = self._watch

    def end(self) -> None:
        """The draft is outdated: what it became is in the event log."""
        if self._has_draft:
            self._has_draft = False
            drafts.discard(self._recorder.fence)

    def _watch(self, writing: Writing) -> None:
        open_phases = self._recorder.open
        phase = next((one for one in _PHASES.get(writing.verb, ()) if one in open_phases), None)
        if phase is None or not self._is_news(writing):
            return
        usual = None
        if phase not in (Phase.VALIDATION, Phase.EXECUTION):  # where only some runs call the model
            usual = self._recorder.outlook.usual(phase)
        step = REPLANNING if (writing.verb, phase) == ("plan", Phase.EXECUTION) else phase.value
        of_plan = self.composed_step if writing.verb == "compose" else ""
        self._has_draft = self.may_be_stored = True
        drafts.put(self._recorder.fence, lambda: fields(writing, step, usual, of_plan))

    def _is_news(self, writing: Writing) -> bool:
        """Tells whether the draft changes.

        The text of an answer is in the event log. Beside it the notes for the memory are written: they
        have the draft once the answer has begun.
        """
        if writing.verb == "consolidate":
            return self._answer is None or self._answer.wrote_at is not None
        if writing.verb != "answer":
            return True
        told = (len(writing.thoughts), writing.wrote_at, writing.patience)
        is_news = (self._answer, self._told) != (writing, told)
        self._answer, self._told = writing, told
        return is_news


def fields(
    writing: Writing, step: str, usual: Estimate | None, of_plan: str = ""
) -> dict[str, Any]:
    """Returns the fields of the frame. `step`: the progress step in which the model is called;
    `of_plan`: the id of the step of the plan whose value it writes.
    """
    text = writing.text
    value = {} if writing.verb == "answer" else partial_object(text)
    steps = _steps(value) if writing.verb == "plan" else []
    tokens = estimate(text) + estimate(writing.thoughts)
    return {
        "phase": step,
        "step": of_plan,
        "model": writing.model,
        "started_at": _time(writing.started_at),
        "prompt_tokens": writing.prompt_tokens,
        "tokens": tokens,
        **_patience(writing, tokens),
        "usual_ms": None if usual is None else usual.median_ms,
        "thoughts": _end_of(clean(writing.thoughts)),
        "thought_at": _time(writing.thought_at),
        "wrote_at": _time(writing.wrote_at),
        "summary": _composed(value) if writing.verb == "compose" else _summary(value),
        "steps": [_step(step) for step in steps],
        "text": {
            "message": _message(writing),
            "details": _details(writing, tokens, usual),
            "usual": "" if usual is None else texts.usual(usual.as_json()),
            "thoughts": _thinking(writing),
            "steps": [{"arguments": given} for given in _arguments(steps)],
        },
    }


def _patience(writing: Writing, tokens: int) -> dict[str, Any]:
    """Returns which try it is, why there is another one, and when the server gives up."""
    patience = writing.patience
    # The limit of an answer holds for each chunk once it has begun.
    has_limit = writing.verb != "answer" or not tokens
    return {
        "attempt": patience.attempt,
        "attempts": patience.attempts,
        "reason": clean(patience.reason),
        "gives_up_at": _time(patience.gives_up_at) if has_limit else None,
        "again_at": _time(patience.again_at),
    }


def partial_object(text: str) -> dict[str, Any]:
    """Returns the JSON object that `text` begins, as far as it is written; {} when there is none."""
    _, brace, rest = text.partition("{")
    try:
        value = jiter.from_json(
            (brace + rest).encode(errors="replace"), partial_mode="trailing-strings"
        )
    except ValueError:
        return {}
    inner = list(value.values())
    if len(inner) == 1 and isinstance(inner[0], dict):  # wrapped in its name: {"plan": {...}}
        value = inner[0]
    found: dict[str, Any] = value
    return found


def _summary(value: Mapping[str, Any]) -> str:
    """Returns the summary of an analysis or a plan, or the titles of notes."""
    notes = value.get("notes")
    written = notes if isinstance(notes, list) else []
    titles = [note.get("title") for note in written if isinstance(note, Mapping)]
    joined = "; ".join(title for title in titles if isinstance(title, str))
    return _text(value.get("summary") or joined, MAX_SUMMARY)


def _composed(value: Mapping[str, Any]) -> str:
    """Returns the value of a composition in words: of a long one the end, which is written now."""
    text = clean(value_text(value.get("value", value), {})) if value else ""
    return text if len(text) <= MAX_COMPOSED else f"…{text[-MAX_COMPOSED:]}"


def _steps(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    steps = plan.get("steps")
    written = steps if isinstance(steps, list) else []
    return [step for step in written if isinstance(step, Mapping) and step][:MAX_STEPS]


def _step(step: Mapping[str, Any]) -> dict[str, str]:
    names = ("id", "type", "tool")
    short = {name: _text(step.get(name), 100) for name in names}
    return {**short, "description": _text(step.get("description"), MAX_DESCRIPTION)}


def _arguments(steps: list[Mapping[str, Any]]) -> list[list[list[str]]]:
    """Returns name and text of each argument, by step."""
    numbers = {str(step.get("id")): number for number, step in enumerate(steps, 1)}
    return [
        [[_text(name, 100), _text(text, MAX_VALUE)] for name, text in facts(given, numbers)]
        for given in (step.get("arguments") for step in steps)
    ]


def _text(value: Any, limit: int) -> str:
    return shorten(clean(value), limit) if isinstance(value, str) else ""


def _end_of(thoughts: str) -> str:
    return thoughts if len(thoughts) <= MAX_THOUGHTS else f"…{thoughts[-MAX_THOUGHTS:]}"


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else stamp(datetime.fromtimestamp(seconds, UTC))


# -- texts -----------------------------------------------------------------------------------------

_WRITES = {
    "analyze": "analyzing the message",
    "plan": "writing the plan",
    "compose": "composing a value",
    "answer": "writing the answer",
    "consolidate": "looking for what to remember",
}


def _message(writing: Writing) -> str:
    """Returns what is being waited for."""
    if writing.wrote_at is not None:
        return f"{writing.model} is {_WRITES[writing.verb]}"
    if writing.thought_at is not None:
        return f"{writing.model} is thinking"
    patience = writing.patience
    number = f"attempt {patience.attempt} of {patience.attempts}"
    if patience.again_at is not None:
        return f"{writing.model} failed, {number} follows"
    if patience.reason:
        return f"Asked {writing.model} again" + (f", {number}" if patience.attempt > 1 else "")
    return f"Waiting for {writing.model}"


def _details(writing: Writing, tokens: int, usual: Estimate | None) -> str:
    sent = f"about {writing.prompt_tokens:,} tokens sent"
    written = f"about {tokens:,} tokens written" if tokens else ""
    often = "" if usual is None else texts.usual(usual.as_json())
    reason = "" if tokens else clean(writing.patience.reason)
    return " · ".join(filter(None, (reason, written or sent, often)))


def _thinking(writing: Writing) -> str:
    if writing.thought_at is None:
        return ""
    if writing.wrote_at is None:
        return "Thinking"
    return f"Thought for {duration((writing.wrote_at - writing.thought_at) * 1000)}"
