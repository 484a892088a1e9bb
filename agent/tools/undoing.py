"""The tool that undoes changes of earlier messages. The rules of undo are in `agent.edits.undo`.

Docstrings and field descriptions are written for the model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from agent.edits import latest_changes
from agent.edits import undo as edits
from agent.event_log import events, parsing, texts
from agent.exceptions import Refused, ToolFailed
from agent.models import PlanStep, Run, Task
from agent.support import raw_sql
from agent.support.words import same_text
from agent.text.references import as_id, as_number
from agent.tools import registry
from agent.tools.registry import Arguments, Result, ToolCall, tool

MAX_TOLD = 20  # changes that the result tells in words
MAX_CHANGES = 300  # latest ones of the session, among which an object is searched
MAX_RUNS = 100  # latest ones, among which is searched for what acted outside

# The type is part of the statements, not a parameter: only then SQLite uses the partial index.
_OF_SESSION = "FROM agent_event WHERE session_id = %s AND type = 'change'"
_WITH_TEXT = (
    f"SELECT body FROM (SELECT body, seq {_OF_SESSION} ORDER BY seq DESC LIMIT {MAX_CHANGES}) latest"
    " WHERE lower(body) LIKE %s ORDER BY seq DESC"
)
# What JSON writes in another way, or one of the databases compares in another way.
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")


class Undone(Result):
    changes: list[str] = Field(description="What the undo did, in words.")
    total: int = Field(description="Number of changes; `changes` holds the first of them.")


class Undo(Arguments):
    message: int | None = Field(
        default=None, ge=1, description="The number of an earlier message, as the data lists it."
    )
    object: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] | None = Field(
        default=None,
        description="The number or the id of a task or memory, or its exact title: only its last change.",
    )

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if self.message is not None and self.object is not None:
            raise ValueError("give at most one of message, object")
        return self


@tool("writes")
def undo(call: ToolCall, arguments: Undo) -> Undone:
    """Undoes all changes of the last message that changed something, or of the message or the object
    that is given: restores what was deleted, deletes what was created, sets back what was changed. All
    or nothing; it is refused if an object was changed since. A second undo goes one message further
    back; to do again what was undone, give the number of the message that undid it."""
    try:
        changes = edits.changes_at(call.session_id, _seqs(call, arguments))
        inverse = edits.undo_changes(
            call.project_id, changes, run_id=call.run_id, by_id=call.user_id
        )
    except Refused as error:
        raise ToolFailed(str(error)) from None
    call.changes.extend(replace(one, undoes=True) for one in inverse)
    told = [
        texts.change(one.action, one.object, one.before, one.after) for one in inverse[:MAX_TOLD]
    ]
    return Undone(changes=told, total=len(inverse))


def _seqs(call: ToolCall, arguments: Undo) -> Sequence[int]:
    if arguments.object:
        return [_last_change(call, arguments.object)]
    if arguments.message is None:
        return _of_last_message(call)
    run = _earlier_run(call, arguments.message)
    try:
        seqs = edits.change_seqs(call.session_id, run)
    except Refused as refused:
        raise ToolFailed(str(refused)) from None
    if not seqs:
        raise ToolFailed("There is nothing to undo: no change was made.")
    return seqs


def _of_last_message(call: ToolCall) -> Sequence[int]:
    """Raises ToolFailed if a later message acted outside of the project: "that" means this one then."""
    seqs = latest_changes.to_undo(call.session_id, call.run_id)
    number = Run.objects.get(events__session=call.session_id, events__seq=seqs[0]).number
    runs = Run.objects.filter(session=call.session_id, number__gt=number).exclude(pk=call.run_id)
    sent = PlanStep.objects.filter(
        plan__run__in=runs.order_by("-number")[:MAX_RUNS],
        status=PlanStep.Status.SUCCEEDED,
        tool__in=[tool.name for tool in registry.all_tools() if tool.outgoing],
    )
    if (last := sent.order_by("-plan__run__number").first()) is not None:
        raise ToolFailed(
            f"What message {last.plan.run.number} did outside of this project ({last.description}) "
            f"can't be undone. The last message whose changes can be undone is number {number}."
        )
    return seqs


def _earlier_run(call: ToolCall, number: int) -> UUID:
    run = Run.objects.filter(session=call.session_id, number=number).exclude(pk=call.run_id).first()
    if run is None:
        raise ToolFailed(f"There is no earlier message {number} in this session.")
    return run.pk


def _numbered(call: ToolCall, reference: str) -> UUID | None:
    """Returns the id of the task, deleted or not, that has the number `reference`, "#12"."""
    number = as_number(reference)
    tasks = Task.all_objects.filter(project_id=call.project_id, number=number)
    return tasks.values_list("pk", flat=True).first() if number else None


def _last_change(call: ToolCall, reference: str) -> int:
    """Returns the number of the session's last event that changed the object, deleted or not."""
    key, title = as_id(reference) or _numbered(call, reference), same_text(reference)
    text = str(key) if key else _NOT_PLAIN.sub("%", reference).lower()
    for event in map(parsing.read, raw_sql.column(_WITH_TEXT, call.session_id, f"%{text}%")):
        if isinstance(event, events.Change):
            titles = [same_text(str(one["title"])) for one in (event.before, event.after) if one]
            if event.id == key or title in titles:
                return event.seq
    raise ToolFailed(f"Nothing of “{reference}” was changed in this session lately.")
