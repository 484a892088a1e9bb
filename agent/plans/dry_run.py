"""Finds out what a plan would change: executes its tools in a transaction and rolls it back.

Async tools, which call other systems, are not executed. Their effects, and those of steps that need
their results, stay unknown.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction

from agent.change import Change
from agent.event_log.effect_texts import ONLY_READS
from agent.event_log.payloads import EffectChange, StepEffect
from agent.exceptions import QuotaReached, ToolFailed
from agent.models import Run, Task
from agent.plan import Plan, Step, StepType, fill, in_order, placeholders
from agent.shorten import shorten
from agent.support import database
from agent.support.words import isolated
from agent.tools import registry
from agent.tools.calling import call_plain
from agent.tools.registry import Tool, ToolCall

logger = logging.getLogger(__name__)

LINKS = ("parent", "depends_on")  # the fields of a task that name other tasks by their ids
MAX_ABOUT = 100  # characters that tell memories of one title apart


@dataclass(frozen=True, slots=True)
class Effect:
    """What one step would change. `note` says why the changes are incomplete or unknown; `is_tried`:
    its tool was executed, with the arguments that it has by now. `names`: what people call the tasks
    that the changes link to, by id; `created`: the ids of all objects that the plan creates; `numbers`:
    those of the plan's steps, by id.
    """

    step: Step
    changes: tuple[Change, ...] = ()
    note: str = ""
    is_tried: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    created: Collection[str] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> StepEffect:
        effect: StepEffect = {
            "step": self.step.id,
            "changes": [self._shown(change) for change in self.changes],
            "note": self.note,
        }
        tool = registry.get(self.step.tool)
        if tool is not None and (not self.is_tried or tool.outgoing):
            self._add_call(effect, tool)
        return effect

    def _add_call(self, effect: StepEffect, tool: Tool) -> None:
        effect["tool"] = tool.name
        if self.step.arguments:
            effect["arguments"] = dict(self.step.arguments)
        named = {placeholder.step for _, placeholder in placeholders(self.step.arguments)}
        if sources := {key: self.numbers[key] for key in sorted(named) if key in self.numbers}:
            effect["sources"] = sources

    def _shown(self, change: Change) -> EffectChange:
        """Returns the change with what tells its objects from others of their titles."""
        shown = difference(change)
        if shown["id"] not in self.created:
            _tell_apart(shown, change)
        if links := {key: self.names[key] for key in _links(shown) if key in self.names}:
            shown["links"] = links
        return shown


def preview(
    run: Run, plan: Plan, left: Collection[str], results: Mapping[str, Any]
) -> tuple[Effect, ...]:
    """Returns the effect of each tool step of `plan` that is `left`, and changes nothing.

    Must be called inside a transaction. `results`: what the finished steps returned, by step id. Ids
    of objects that would be created are valid only within the returned effects. Raises `QuotaReached`.
    """
    known = dict(results)
    steps = [step for step in in_order(plan.steps) if step.id in left]
    with transaction.atomic():
        idle = _idle(steps)
        effects = tuple(
            Effect(step, is_tried=True) if step.id in idle else _try(run, step, known)
            for step in steps
            if step.type == StepType.TOOL
        )
        changes = [change for effect in effects for change in effect.changes]
        created = {str(change.id) for change in changes if change.action == "created"}
        names = _names(changes, created)
        transaction.set_rollback(True)
    numbers = {step.id: number for number, step in enumerate(plan.steps, 1)}
    return tuple(
        replace(effect, names=names, created=created, numbers=numbers) for effect in effects
    )


def _idle(steps: Sequence[Step]) -> set[str]:
    """Returns the steps that only read, and of which no function that is tried needs a result: reading
    takes long, and others wait for the commit. `steps`: in the order of their execution.
    """
    idle, needed = set(), set()
    for step in reversed(steps):
        tool = registry.get(step.tool) if step.type == StepType.TOOL else None
        if tool is None or tool.is_async:
            continue
        if tool.reads and step.id not in needed:
            idle.add(step.id)
        else:
            needed |= {placeholder.step for _, placeholder in placeholders(step.arguments)}
    return idle


def _names(changes: Iterable[Change], created: Collection[str]) -> dict[str, str]:
    """Returns what people call the tasks that updates link to or unlink: "#12 “Booking”", by id.

    A task that the plan creates has its title alone: its number may be another one.
    """
    keys = {key for change in changes for key in _links(difference(change))}
    rows = Task.all_objects.filter(pk__in=keys).values_list("pk", "number", "title") if keys else ()
    return {
        str(key): f"“{isolated(title)}”"
        if str(key) in created
        else f"#{number} “{isolated(title)}”"
        for key, number, title in rows
    }


def _links(change: EffectChange) -> list[str]:
    """Returns the ids of the tasks that a new or changed task links to, or no longer does."""
    if change["action"] not in ("created", "updated"):
        return []
    values = [(change[side] or {}).get(name) for side in ("before", "after") for name in LINKS]
    return [key for value in values for key in ([value] if isinstance(value, str) else value or ())]


def _try(run: Run, step: Step, known: dict[str, Any]) -> Effect:
    tool = registry.get(step.tool)
    if tool is not None and tool.is_async and tool.reads:
        return Effect(step, note=ONLY_READS)
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
            known[step.id] = call_plain(tool, call, arguments)
    except QuotaReached:
        raise
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


def _tell_apart(shown: EffectChange, change: Change) -> None:
    """Adds what tells an existing object from others of its title."""
    row = change.before or change.after or {}
    if change.object == "task" and isinstance(row.get("number"), int):
        shown["number"] = row["number"]
    elif change.object == "memory":
        content = "" if row["content"] == row["title"] else row["content"]
        content = shorten(" ".join(content.split()), MAX_ABOUT)
        shown["about"] = ": ".join(filter(None, (str(row["kind"]), content)))


def _copy(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else dict(value)
