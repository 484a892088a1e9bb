"""Which steps of a plan a step waits for, and how many run at once. Executes nothing."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

from agent.plan import Step, in_order
from agent.tools import registry
from agent.tools.references import kinds_of_placeholders, named_objects

# Steps of one run that execute at the same time.
MAX_PARALLEL_STEPS = 8

# The kind and the identity of an object that a step uses. Identity None: any object of this kind.
Touched = tuple[str, Hashable | None]
Resolve = Callable[[str, str], Hashable | None]


def needs(steps: Sequence[Step], resolve: Resolve = lambda _, name: name) -> dict[str, list[str]]:
    """Returns the steps that each step waits for: its dependencies, and earlier steps that use the
    same object. The order is that of the dry run, `in_order`: an approval shows what comes of it.

    `resolve` returns the identity of the object that a kind and a name refer to. An object that a
    placeholder refers to may be any object of its kind, so that steps using it keep this order.
    """
    waits = {step.id: list(step.depends_on) for step in steps}
    earlier: list[tuple[str, set[Touched]]] = []
    for step in in_order(steps):
        touched = _touched(step, resolve)
        for other, other_touched in reversed(earlier):
            if _overlap(touched, other_touched) and not _linked(waits, step.id, other):
                waits[step.id].append(other)
        if touched:
            earlier.append((step.id, touched))
    return waits


def _touched(step: Step, resolve: Resolve) -> set[Touched]:
    tool = registry.get(step.tool)
    if tool is None:
        return set()
    named = {(kind, resolve(kind, name)) for _, kind, name in named_objects(tool, step.arguments)}
    return named | {(kind, None) for kind in kinds_of_placeholders(tool, step.arguments)}


def _overlap(left: set[Touched], right: set[Touched]) -> bool:
    return any(
        kind == other_kind and (key == other_key or key is None or other_key is None)
        for kind, key in left
        for other_kind, other_key in right
    )


def _linked(waits: Mapping[str, list[str]], step: str, other: str) -> bool:
    """Tells whether one of the two steps already waits for the other, directly or indirectly."""
    return _reaches(waits, step, other) or _reaches(waits, other, step)


def _reaches(waits: Mapping[str, list[str]], start: str, goal: str) -> bool:
    pending, seen = [start], {start}
    while pending:
        added = set(waits[pending.pop()]) - seen
        if goal in added:
            return True
        seen |= added
        pending += added
    return False
