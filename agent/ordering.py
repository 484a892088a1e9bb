"""What waits for what among the steps of a plan, and how many of them work at once. Carries nothing out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.plans import Step
from agent.tools import registry
from agent.tools.references import named_objects

# Steps of one run that work at the same time.
AT_ONCE = 8


def needs(steps: Sequence[Step]) -> dict[str, list[str]]:
    """Returns what each step waits for: its dependencies, and the step before it on the same object."""
    found = {step.id: list(step.depends_on) for step in steps}
    last: dict[tuple[str, str], str] = {}
    for step in steps:
        tool = registry.get(step.tool)
        if tool is None:
            continue
        for _, kind, name in named_objects(tool, step.arguments):
            before = last.get((kind, name))
            if before is not None and not _leads_to(found, before, step.id):
                found[step.id].append(before)
            last[kind, name] = step.id
    return found


def _leads_to(needs: Mapping[str, list[str]], start: str, goal: str) -> bool:
    """Tells whether `start` waits for `goal` already, directly or not."""
    return any(need == goal or _leads_to(needs, need, goal) for need in needs[start])
