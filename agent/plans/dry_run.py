"""What a plan would change, found out by trying it: its tools work, and then all of it is rolled back.

Tools that call out are not tried; what they do, and what needs their results, stays unknown.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from agent.change import Change
from agent.exceptions import ToolFailed
from agent.models import Run
from agent.plan import Plan, Step, StepType, fill, in_order
from agent.support import database
from agent.tools import registry
from agent.tools.registry import Tool, ToolCall

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one step would change. `note` says why that is not all, or not known."""

    step: Step
    changes: tuple[Change, ...] = ()
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "step": self.step.id,
            "changes": [_difference(change) for change in self.changes],
            "note": self.note,
        }


def preview(
    run: Run, plan: Plan, left: Collection[str], results: Mapping[str, Any]
) -> tuple[Effect, ...]:
    """Returns the effect of each tool step that is `left` of `plan`; changes nothing.

    Inside a transaction. `results` holds what the steps returned that are carried out already. The
    ids of what would be created are good within the answer only.
    """
    known = dict(results)
    steps = [step for step in in_order(plan.steps) if step.id in left]
    with transaction.atomic():
        found = tuple(_try(run, step, known) for step in steps if step.type == StepType.TOOL)
        transaction.set_rollback(True)
    return found


def _try(run: Run, step: Step, known: dict[str, Any]) -> Effect:
    tool = registry.get(step.tool)
    if tool is None or tool.is_async:
        return Effect(step, note="What it does is known only when it is done.")
    try:
        arguments = tool.arguments.model_validate(fill(step.arguments, known))
    except (LookupError, ValueError):
        return Effect(step, note="What it changes depends on what the steps before it return.")
    return _use(run, step, tool, arguments, known)


def _use(run: Run, step: Step, tool: Tool, arguments: Any, known: dict[str, Any]) -> Effect:
    call = ToolCall.of(run, step.id)
    try:
        with transaction.atomic():
            known[step.id] = tool.function(call, arguments).model_dump(mode="json")
    except ToolFailed as error:
        return Effect(step, note=f"As things are, it would fail: {error}")
    except database.CONNECTION_ERRORS:
        raise
    except Exception:  # a tool is foreign code: its fault is one failed step
        logger.exception("The tool %s raised when it was tried", tool.name)
        return Effect(step, note="As things are, it would fail.")
    return Effect(step, tuple(call.changes))


def _difference(change: Change) -> dict[str, Any]:
    """Returns the change with only the fields that differ, or whole where there is one side only."""
    before, after = change.before, change.after
    title = str((after or before or {}).get("title", ""))
    if before is not None and after is not None:
        title = str(before.get("title", title))
        changed = [name for name in after if before.get(name) != after[name]]
        before = {name: before.get(name) for name in changed}
        after = {name: after[name] for name in changed}
    return {
        "object": change.object,
        "id": str(change.id),
        "action": change.action,
        "title": title,
        "before": before,
        "after": after,
    }
