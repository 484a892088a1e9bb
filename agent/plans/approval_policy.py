"""Decides whether a plan needs a person's approval, and why. Requests no approval itself.

A plan is executed without approval if its changes can be undone and are few, and if it deletes at most
one object, which the message plainly commands to delete.

Data is untrusted if it came out of a step: results of tools contain texts that were stored or fetched, and
what a model composed of such texts is no better. Untrusted data must not choose, without a person, what is
deleted, what is sent, or more than a few objects that are changed. Where the dry run can show what such a
step does, the approval of the plan covers it. Otherwise the step asks when its arguments are there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from agent.change import Change
from agent.event_log import events
from agent.llm.factory import OFFLINE_NAME, has_server
from agent.models import ApprovalMode, Memory, Run, Task
from agent.plan import Step, StepType, placeholders
from agent.plans import deletion_requests
from agent.plans.deletion_requests import Target
from agent.plans.dry_run import Effect
from agent.support.counts import count
from agent.support.words import isolated, terms
from agent.text import search_index
from agent.tools import registry
from agent.tools.registry import EffectKind, Tool

# Existing objects that a plan may change without approval. More cannot be checked at a glance.
MAX_CHANGED = 5
# Of a plan that a language model made: objects that it may create, and existing ones whose texts it may
# replace, without approval.
MAX_CREATED, MAX_OVERWRITTEN = 50, 1
_TEXTS = ("title", "description", "content")

_MAX_COMPARED = 500  # objects of a kind; with more, the plan needs approval
_MODELS: Mapping[str, type[Task] | type[Memory]] = {"task": Task, "memory": Memory}


def is_harmless(run: Run, steps: Iterable[Step]) -> bool:
    """Tells whether `steps` need no approval regardless of their effects, so that no dry run is needed."""
    steps = list(steps)
    tools = [tool for _, tool in _calls(steps)]
    if all(tool.spec.reads for tool in tools):  # also without any: there is nothing to approve
        return True
    if _always_asks(run) or any(tool.outgoing or tool.destructive for tool in tools):
        return False
    altered = [tool.alters for tool in tools]
    if None in altered or sum(number or 0 for number in altered) > MAX_CHANGED:
        return False
    return _is_by_rules(run) or _creates_and_overwrites_little(steps)


def _creates_and_overwrites_little(steps: Iterable[Step]) -> bool:
    """Tells whether the arguments show that the steps create and overwrite few objects. What they do not
    show is seen when a step is carried out.
    """
    calls = list(_calls(steps))
    overwriting = [
        tool
        for step, tool in calls
        if tool.alters and any(step.arguments.get(name) for name in _TEXTS)
    ]
    return most_created(steps) <= MAX_CREATED and len(overwriting) <= MAX_OVERWRITTEN


def most_created(steps: Iterable[Step]) -> int:
    """Returns how many objects the steps create at most, as far as their arguments show."""
    return sum(_longest_list(step.arguments) for step, tool in _calls(steps) if not tool.reads)


def _longest_list(arguments: Mapping[str, Any]) -> int:
    """Returns the length of the longest list among the arguments; 1 without any."""
    return max((len(value) for value in arguments.values() if isinstance(value, list)), default=1)


def reason_to_ask(
    run: Run, effects: Sequence[Effect], said: Sequence[str], deleted: int = 0
) -> str:
    """Returns why a plan with these `effects` needs approval; "" if it needs none.

    `said`: the message, and what was sent into the run, each as a text. `deleted`: the number of objects
    that the run has already deleted.
    """
    shown = [effect for effect in effects if not _asks_later(effect)]
    reasons = [_always_asks(run), *reasons_of_effects(run, effects, said, deleted)]
    reasons.append(_untrusted(shown))
    return " ".join(filter(None, reasons))


def reasons_of_effects(
    run: Run, effects: Sequence[Effect], said: Sequence[str], deleted: int = 0
) -> list[str]:
    """Returns why these effects alone need approval, as far as they can be shown by now."""
    shown = [effect for effect in effects if not _asks_later(effect)]
    changes = [change for effect in shown for change in effect.changes]
    reasons = [
        _outgoing(shown),
        _deleting(run, shown, said, deleted),
        _changing(shown) or overwriting(run, changes),
        creating(run, changes),
    ]
    return [reason for reason in reasons if reason]


def _always_asks(run: Run) -> str:
    if run.approval == ApprovalMode.REQUIRED:
        return "You asked to approve the plan first."
    if run.session.approval == ApprovalMode.REQUIRED:
        return "Every plan in this session needs approval."
    return ""


def _calls(steps: Iterable[Step]) -> Iterator[tuple[Step, Tool]]:
    for step in steps:
        if step.type == StepType.TOOL and (tool := registry.get(step.tool)) is not None:
            yield step, tool


def _outgoing(effects: Sequence[Effect]) -> str:
    names = dict.fromkeys(
        tool.name for _, tool in _calls(effect.step for effect in effects) if tool.outgoing
    )
    return f"Uses {', '.join(names)}, which acts outside this project." if names else ""


def _deleting(run: Run, effects: Sequence[Effect], said: Sequence[str], deleted: int) -> str:
    deletions = [
        change for effect in effects for change in effect.changes if change.action == "deleted"
    ]
    unknown = [effect for effect in effects if _is_destructive(effect.step) and not effect.changes]
    number = len(deletions) + len(unknown)
    if number and number + deleted > 1:
        return f"Deletes {_objects(number + deleted, deletions if not unknown else [])}."
    if unknown:
        return "It is not yet known what the plan deletes."
    if deletions and not _is_requested(run, said, deletions[0].object, deletions[0].id):
        row = deletions[0].before or {}
        name = f"“{isolated(row['title'])}”"
        name = f"#{row['number']} {name}" if "number" in row else name
        return f"Deletes {name}, which your message does not clearly ask for."
    return ""


def _objects(number: int, changes: Iterable[Change]) -> str:
    """Returns "3 tasks" if all `changes` are of tasks, else "3 tasks or memories", or "3 objects"."""
    kinds = {change.object for change in changes}
    if not kinds <= {"task", "memory"}:
        return count(number, "object")
    if kinds == {"memory"}:
        return count(number, "memory", "memories")
    return count(number, "task") if kinds == {"task"} else f"{number} tasks or memories"


def _is_destructive(step: Step) -> bool:
    tool = registry.get(step.tool)
    return tool is not None and tool.destructive


def _is_requested(run: Run, said: Sequence[str], kind: str, key: UUID) -> bool:
    """Tells whether the messages are a plain command to delete exactly this object. What the offline planner
    has understood is one.
    """
    if _is_by_rules(run):
        return True
    project = run.session.project_id
    row: Task | Memory | None = _MODELS[kind].all_objects.filter(pk=key).first()
    if row is None:  # the plan itself would create it
        return False
    titles: dict[str, dict[UUID, str]] = {}
    # Only an object that shares a word with the title can be meant instead.
    words = terms(row.title, search_index.MAX_TERMS)
    for name, model in _MODELS.items():
        sharing = search_index.with_any_word(project, name, words, _MAX_COMPARED)
        if len(sharing) == _MAX_COMPARED:
            return False
        rows = model.objects.filter(project=project, pk__in=sharing)
        titles[name] = dict(rows.values_list("pk", "title"))
    titles[kind][key] = row.title
    number = row.number if isinstance(row, Task) else None
    return deletion_requests.is_plain(said, Target(key, kind, titles, number))


def _is_by_rules(run: Run) -> bool:
    """Tells whether the offline planner makes the run's plans, and no language model."""
    return run.model == OFFLINE_NAME and not has_server()


def _changing(effects: Sequence[Effect]) -> str:
    changes = [change for effect in effects for change in effect.changes]
    created = {change.id for change in changes if change.action == "created"}
    existing = {change.id: change for change in changes if change.id not in created}
    # What is deleted is a reason of its own.
    kept = [change for change in existing.values() if change.action != "deleted"]
    unseen = _unseen(tool for _, tool in _calls(effect.step for effect in effects))
    if unseen is None:
        return "It is not known how many tasks or memories the plan changes."
    if len(existing) + unseen <= MAX_CHANGED or not (kept or unseen):
        return ""
    if unseen:
        return f"May change {len(kept) + unseen} tasks or memories."
    return f"Changes {_objects(len(kept), kept)}."


def overwriting(run: Run, changes: Iterable[Change], before: Collection[UUID] = ()) -> str:
    """Returns why replacing the texts of existing objects needs approval; "" if it needs none. `before`:
    the objects whose texts the run has replaced before.
    """
    changes = list(changes)
    created = {change.id for change in changes if change.action == "created"}
    replaced = {key: change for change in changes if (key := overwritten(change))}
    found = [change for key, change in replaced.items() if key not in created]
    others = len({*before} - replaced.keys())
    if _is_by_rules(run) or not found or len(found) + others <= MAX_OVERWRITTEN:
        return ""
    more = f", after {count(others, 'other')} of this run" if others else ""
    return f"Overwrites the texts of {_objects(len(found), found)}{more}."


def overwritten(change: Change | events.Change) -> UUID | None:
    """Returns the id of the task, memory or project if the change replaces a text of it that is not empty.
    What an undo brings back was there before.
    """
    if change.action != "updated" or change.object == "session" or change.undoes:
        return None
    before, after = change.before or {}, change.after or {}
    is_replaced = any(before.get(name) and before[name] != after.get(name) for name in _TEXTS)
    return change.id if is_replaced else None


def creating(run: Run, changes: Iterable[Change], before: Collection[UUID] = ()) -> str:
    """Returns why creating objects needs approval; "" if it needs none. `before`: those that the run has
    created before.
    """
    created = {change.id: change for change in changes if change.action == "created"}
    number = len({*created, *before})
    if _is_by_rules(run) or not created or number <= MAX_CREATED:
        return ""
    return f"Creates {_objects(number, created.values())}."


def _unseen(tools: Iterable[Tool]) -> int | None:
    """Returns how many existing objects these tools change at most, unseen by a dry run; None: any number."""
    altered = [tool.alters for tool in tools if changes_unseen(tool)]
    return None if None in altered else sum(number or 0 for number in altered)


def changes_unseen(tool: Tool) -> bool:
    """Tells whether the tool changes objects, and neither a dry run nor the step's commit shows which."""
    return tool.is_async and tool.effect is EffectKind.WRITES and tool.alters != 0


# -- untrusted data --------------------------------------------------------------------------------


def asks_for_arguments(step: Step) -> bool:
    """Tells whether a person has to see the arguments of the step before it is carried out."""
    tool = registry.get(step.tool) if step.type == StepType.TOOL else None
    return tool is not None and _is_risky(tool) and is_untrusted(step)


def is_untrusted(step: Step) -> bool:
    return step.untrusted or any(placeholders(step.arguments))


def reason_for_arguments(step: Step) -> str:
    """Returns why the step, whose arguments were filled, needs approval."""
    sources = dict.fromkeys(placeholder.step for _, placeholder in placeholders(step.arguments))
    return f"{step.tool} takes its arguments from the result of {', '.join(sources)}."


def reason_for_changes(
    changes: Sequence[Change],
    changed: Collection[UUID],
    created: Collection[UUID],
    unseen: int = 0,
) -> str:
    """Returns why a step of a plan that nobody approved needs approval that makes these changes; "" if it
    needs none. `changed`, `created`: the ids of the existing objects that the run has changed before,
    and of those that it has created; `unseen`: how many more it may have changed.
    """
    if deleted := [change for change in changes if change.action == "deleted"]:
        return f"Deletes {_objects(len(deleted), deleted)}."
    new = {*created, *(change.id for change in changes if change.action == "created")}
    now = {change.id: change for change in changes if change.id not in new}
    others = len({*changed} - now.keys()) + unseen
    if not now or len(now) + others <= MAX_CHANGED:
        return ""
    more = f", after {others} that were changed before" if others else ""
    return f"Changes {_objects(len(now), now.values())}{more}."


def reason_for_call(tool: Tool, before: int) -> str:
    """Returns why a call whose changes nobody sees needs approval; "" if it needs none. `before`: how many
    existing objects the run may have changed.
    """
    if not changes_unseen(tool) or (
        tool.alters is not None and tool.alters + before <= MAX_CHANGED
    ):
        return ""
    if tool.alters is None:
        return f"It is not known how many tasks or memories {tool.name} changes."
    return f"May change {tool.alters} tasks or memories, after {before} that were changed before."


def _is_risky(tool: Tool) -> bool:
    """A plain function's changes are looked at when they are made; those of other tools are not."""
    is_unknown = tool.is_async and (tool.alters is None or tool.alters > MAX_CHANGED)
    return tool.destructive or tool.outgoing or is_unknown


def _asks_later(effect: Effect) -> bool:
    """Tells whether nobody can be shown yet what the step does: it asks when it has its arguments."""
    is_open = any(placeholders(effect.step.arguments))
    return (
        is_open and asks_for_arguments(effect.step) and not is_shown(effect.step, effect.is_tried)
    )


def is_shown(step: Step, is_tried: bool) -> bool:
    """Tells whether an approval shows what the step does, although its arguments are not there yet.

    `is_tried`: the dry run has executed its tool. What acts outside leaves no changes to compare.
    """
    tool = registry.get(step.tool)
    return is_tried and tool is not None and not tool.outgoing


def _untrusted(effects: Sequence[Effect]) -> str:
    for step in (effect.step for effect in effects):
        if not asks_for_arguments(step):
            continue
        if any(placeholders(step.arguments)):
            return reason_for_arguments(step)
        return f"{step.tool} takes its arguments from results."
    return ""
