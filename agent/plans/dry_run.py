"""Finds out what a plan would change: executes its tools in a transaction and rolls it back.

Async tools, which call other systems, are not executed. Their effects, and those of steps that need
their results, stay unknown.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from agent.change import Change
from agent.event_log.payloads import EffectChange, StepEffect
from agent.exceptions import ToolFailed
from agent.models import Run
from agent.plan import Plan, Step, StepType, fill, in_order, placeholders
from agent.support import database
from agent.tools import registry
from agent.tools.registry import Tool, ToolCall

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one step would change. `note` says why the changes are incomplete or unknown; `is_tried`:
    its tool was executed, with the arguments that it has by now.
    """

    step: Step
    changes: tuple[Change, ...] = ()
    note: str = ""
    is_tried: bool = False

    def as_json(self) -> StepEffect:
        effect: StepEffect = {
            "step": self.step.id,
            "changes": [difference(change) for change in self.changes],
            "note": self.note,
        }
        if self.step.arguments and not self._changes_say_all:
            effect["arguments"] = dict(self.step.arguments)
        return effect

    @property
    def _changes_say_all(self) -> bool:
        """The arguments would add nothing, or only placeholders."""
        tool = registry.get(self.step.tool)
        is_outgoing = tool is not None and tool.outgoing
        return any(placeholders(self.step.arguments)) or (self.is_tried and not is_outgoing)


def preview(
    run: Run, plan: Plan, left: Collection[str], results: Mapping[str, Any]
) -> tuple[Effect, ...]:
    """Returns the effect of each tool step of `plan` that is `left`, and changes nothing.

    Must be called inside a transaction. `results`: what the finished steps returned, by step id. Ids
    of objects that would be created are valid only within the returned effects.
    """
    known = dict(results)
    steps = [step for step in in_order(plan.steps) if step.id in left]
    with transaction.atomic():
        effects = tuple(_try(run, step, known) for step in steps if step.type == StepType.TOOL)
        transaction.set_rollback(True)
    return effects


def _try(run: Run, step: Step, known: dict[str, Any]) -> Effect:
    tool = registry.get(step.tool)
    if tool is None or tool.is_async:
        return Effect(step, note="Effects can't be previewed.")
    try:
        arguments = tool.arguments.model_validate(fill(step.arguments, known))
    except (LookupError, ValueError):
        return Effect(step, note="Effects depend on the results of earlier steps.")
    return _execute(run, step, tool, arguments, known)


def _execute(run: Run, step: Step, tool: Tool, arguments: Any, known: dict[str, Any]) -> Effect:
    call = ToolCall.of(run, step.id)
    try:
        with transaction.atomic():
            known[step.id] = tool.function(call, arguments).model_dump(mode="json")
    except ToolFailed as error:
        return Effect(step, note=f"Would fail: {error}", is_tried=True)
    except database.CONNECTION_ERRORS:
        raise
    except Exception:  # tools are third-party code: an error in one fails only its step
        logger.exception("%s raised in the dry run", tool.name)
        note = "Would fail: unexpected error (see the server log)."
        return Effect(step, note=note, is_tried=True)
    return Effect(step, tuple(call.changes), is_tried=True)


def difference(change: Change) -> EffectChange:
    """Returns the change as JSON: of an update, only the fields that differ."""
    before, after = _copy(change.before), _copy(change.after)
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


def _copy(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else dict(value)
