"""The plans of two runs beside each other: their steps aligned, with what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agent.event_log.value_texts import facts
from agent.models import PlanStep
from agent.support.differences import Part, blocks, parts
from agent.support.durations import duration
from chat.run_page.rows import Rows

MAX_VALUE = 300  # characters of an argument


@dataclass(frozen=True, slots=True)
class Side:
    """A step of one of the plans."""

    number: int
    status: str
    took: str


@dataclass(frozen=True, slots=True)
class Aligned:
    """A step of either plan, or of both. `what`: "same", "changed", "removed" from the first plan, "added"
    in the second; `description`: what differs in it; `arguments`: name, old and new text of those that
    differ.
    """

    what: str
    description: list[Part]
    tool: str
    left: Side | None
    right: Side | None
    arguments: list[tuple[str, str, str]]


def aligned(left: Rows, right: Rows) -> list[Aligned]:
    """Returns the steps of the latest plan of each run, in the order of both."""
    found: list[Aligned] = []
    for before, after, is_same in blocks(left.last_plan, right.last_plan, _key):
        pairs = zip(before, after, strict=True) if is_same else _paired(before, after)
        found += [_aligned(*pair) for pair in pairs]
    return found


def _key(step: PlanStep) -> tuple[str, str, str]:
    return step.type, step.tool, step.description


def _paired(
    before: Sequence[PlanStep], after: Sequence[PlanStep]
) -> Iterator[tuple[PlanStep | None, PlanStep | None]]:
    """Yields steps of the same tool together, in order; others alone."""
    for old, new, is_same in blocks(before, after, lambda step: (step.type, step.tool)):
        if is_same:
            yield from zip(old, new, strict=True)
            continue
        yield from ((step, None) for step in old)
        yield from ((None, step) for step in new)


def _aligned(left: PlanStep | None, right: PlanStep | None) -> Aligned:
    step = left or right
    assert step is not None, "one of them is there"
    if left is None or right is None:
        gone = Part(removed=step.description) if left else Part(added=step.description)
        what = "removed" if left else "added"
        return Aligned(what, [gone], step.tool, _side(left), _side(right), [])
    arguments = _differing(left.arguments, right.arguments)
    described = parts(left.description, right.description)
    is_same = not arguments and left.description == right.description
    what = "same" if is_same else "changed"
    return Aligned(what, described, step.tool, _side(left), _side(right), arguments)


def _side(step: PlanStep | None) -> Side | None:
    if step is None:
        return None
    took = ""
    if step.started_at and step.finished_at:
        took = duration((step.finished_at - step.started_at).total_seconds() * 1000)
    return Side(step.position, str(step.status), took)


def _differing(before: Any, after: Any) -> list[tuple[str, str, str]]:
    old, new = (dict(facts(values, {})) for values in (before, after))
    return [
        (name, old.get(name, "–")[:MAX_VALUE], new.get(name, "–")[:MAX_VALUE])
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]
