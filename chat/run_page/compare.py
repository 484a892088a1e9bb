"""Two runs beside each other: timings, tokens and cost, changes, the answers. The plans: `plans`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter

from agent.event_log.phases import Phase
from agent.event_log.texts import DOING
from agent.llm import prices
from agent.models import Run
from agent.support.differences import Part, blocks, parts
from agent.support.durations import duration
from chat.run_page import changes, plans
from chat.run_page.calls import cost
from chat.run_page.changes import Made
from chat.run_page.plans import Aligned
from chat.run_page.rows import Rows

MAX_ANSWER = 50_000  # characters of an answer that are compared


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of both runs, as people read it, and their difference; "" where there is none."""

    name: str
    left: str
    right: str
    difference: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change in words, and which of the runs made it."""

    text: str
    left: Made | None
    right: Made | None


@dataclass(frozen=True, slots=True)
class Comparison:
    steps: list[Aligned]
    timings: list[Figure]
    usage: list[Figure]
    changes: list[Change]
    answer: list[Part]

    @property
    def differing_steps(self) -> int:
        return sum(step.what != "same" for step in self.steps)

    @property
    def differing_changes(self) -> int:
        return sum(not (change.left and change.right) for change in self.changes)

    @property
    def is_answer_same(self) -> bool:
        return all(part.same for part in self.answer)


def of_runs(left: Rows, right: Rows) -> Comparison:
    return Comparison(
        plans.aligned(left, right),
        _timings(left, right),
        _usage(left.run, right.run),
        _changes(changes.of_run(left.run), changes.of_run(right.run)),
        parts(_answer(left.run), _answer(right.run)),
    )


def _answer(run: Run) -> str:
    return (run.answer.content if run.answer else run.partial)[:MAX_ANSWER]


# -- figures ---------------------------------------------------------------------------------------


def _timings(left: Rows, right: Rows) -> list[Figure]:
    both = left, right
    figures = [
        _duration("From the message to the end", *map(_whole, both)),
        _duration("In the queue", *map(_queued, both)),
        _duration("Waiting for approval", *map(_waited, both)),
    ]
    of_phases = [{row.phase: row.duration_ms for row in rows.phases} for rows in both]
    figures += [
        _duration(DOING[phase], *(known.get(phase) for known in of_phases)) for phase in Phase
    ]
    return [one for one in figures if one.left or one.right]


def _ms(took: timedelta) -> float:
    return took.total_seconds() * 1000


def _whole(rows: Rows) -> float | None:
    return _ms(rows.run.finished_at - rows.run.created_at) if rows.run.finished_at else None


def _queued(rows: Rows) -> float | None:
    return _ms(rows.run.started_at - rows.run.created_at) if rows.run.started_at else None


def _waited(rows: Rows) -> float | None:
    waits = [(one.decided_at or rows.end) - one.requested_at for one in rows.approvals]
    return _ms(sum(waits, timedelta())) if waits else None


def _duration(name: str, left: float | None, right: float | None) -> Figure:
    one, other = ("" if ms is None else duration(max(ms, 0)) for ms in (left, right))
    difference = ""
    if left is not None and right is not None and one != other:
        difference = f"{'+' if right > left else '−'}{duration(abs(right - left))}"
    return Figure(name, one, other, difference)


def _usage(left: Run, right: Run) -> list[Figure]:
    figures = [
        _number("Calls to the model", "calls", left, right),
        _number("Tokens read", "input_tokens", left, right),
        _number("Tokens written", "output_tokens", left, right),
    ]
    one, other = cost(left), cost(right)
    difference = ""
    if one is not None and other is not None and one != other:
        difference = f"{'+' if other > one else '−'}{prices.shown(abs(other - one))}"
    return [*figures, Figure("Cost", prices.shown(one), prices.shown(other), difference)]


def _number(name: str, key: str, left: Run, right: Run) -> Figure:
    one, other = (run.usage.get(key, 0) for run in (left, right))
    difference = f"{'+' if other > one else '−'}{abs(other - one):,}" if one != other else ""
    return Figure(name, f"{one:,}", f"{other:,}", difference)


# -- changes ---------------------------------------------------------------------------------------


def _changes(left: Sequence[Made], right: Sequence[Made]) -> list[Change]:
    """Returns the changes of both runs in order; those with the same words are one."""
    found: list[Change] = []
    for old, new, is_same in blocks(left, right, attrgetter("text")):
        if is_same:
            found += [Change(one.text, one, other) for one, other in zip(old, new, strict=True)]
            continue
        found += [Change(one.text, one, None) for one in old]
        found += [Change(one.text, None, one) for one in new]
    return found
