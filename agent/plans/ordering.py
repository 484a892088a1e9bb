"""What waits for what among the steps of a plan, and how many of them work at once. Carries nothing out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

from agent.plan import Step
from agent.tools import registry
from agent.tools.references import kinds_of_placeholders, named_objects

# Steps of one run that work at the same time.
MAX_PARALLEL_STEPS = 8

# Kind of an object and what tells it from others of its kind; None: it may be any of them.
Touched = tuple[str, Hashable | None]
Resolve = Callable[[str, str], Hashable | None]


def needs(steps: Sequence[Step], resolve: Resolve = lambda _, name: name) -> dict[str, list[str]]:
    """Returns what each step waits for: its dependencies, and the steps before it on the same object.

    `resolve` tells which object a kind and a name mean. One that a result will name may be any of
    its kind, so that the steps on such are kept in the order of the plan.
    """
    found = {step.id: list(step.depends_on) for step in steps}
    before: list[tuple[str, set[Touched]]] = []
    for step in steps:
        touched = _touched(step, resolve)
        for other, its in reversed(before):
            if _meet(touched, its) and not _linked(found, step.id, other):
                found[step.id].append(other)
        if touched:
            before.append((step.id, touched))
    return found


def _touched(step: Step, resolve: Resolve) -> set[Touched]:
    tool = registry.get(step.tool)
    if tool is None:
        return set()
    named = {(kind, resolve(kind, name)) for _, kind, name in named_objects(tool, step.arguments)}
    return named | {(kind, None) for kind in kinds_of_placeholders(tool, step.arguments)}


def _meet(some: set[Touched], others: set[Touched]) -> bool:
    return any(
        kind == kind_too and (key == key_too or key is None or key_too is None)
        for kind, key in some
        for kind_too, key_too in others
    )


def _linked(needs: Mapping[str, list[str]], one: str, other: str) -> bool:
    """Tells whether one of the two waits for the other already, directly or not."""
    return _waits(needs, one, other) or _waits(needs, other, one)


def _waits(needs: Mapping[str, list[str]], start: str, goal: str) -> bool:
    left, seen = [start], {start}
    while left:
        fresh = set(needs[left.pop()]) - seen
        if goal in fresh:
            return True
        seen |= fresh
        left += fresh
    return False
