"""Gathers the context of a message for the model, with as much history as is useful. Only reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from uuid import UUID

from agent.board.readiness import is_overdue
from agent.board.task_rules import members
from agent.board.tasks import PLAIN_FIELDS
from agent.event_log import events
from agent.llm.base import (
    COMPLETED_TASKS,
    MAX_COUNTED,
    MESSAGE_CHARACTERS,
    OPEN_TASKS,
    Context,
    HistoryMessage,
    MemoryBrief,
    TaskBrief,
)
from agent.llm.tokens import estimate
from agent.memory import memories
from agent.models import Message, Run, Task
from agent.runs import steering_rows
from agent.shorten import cut
from agent.support import raw_sql
from agent.text import dates

# Estimated tokens of earlier messages. What a model has no room for is left out of its prompts.
HISTORY_TOKENS = 6_000
HISTORY_MESSAGES = 20
MEMORIES = 12
RECENT = 20  # of the session's last changes


_PRESENT = "project_id = %s AND deleted_at IS NULL"
_TASK_ROWS = f"""
SELECT id, number, (SELECT parent.number FROM agent_task parent WHERE parent.id = agent_task.parent_id),
    (SELECT username FROM auth_user WHERE auth_user.id = agent_task.assignee_id),
    {", ".join(PLAIN_FIELDS)}
FROM agent_task
"""
_TASKS = f"{_TASK_ROWS} WHERE {_PRESENT}"
_OPEN = "status IN ('pending', 'in_progress', 'blocked')"
# The open tasks in the order of the board, then the completed ones, the latest first.
_OPEN_AND_COMPLETED_TASKS = f"""
{_TASK_ROWS} WHERE id IN (
    SELECT id FROM (SELECT id FROM agent_task WHERE {_PRESENT} AND {_OPEN}
        ORDER BY position, created_at, id LIMIT {OPEN_TASKS}) opened
    UNION ALL
    SELECT id FROM (SELECT id FROM agent_task WHERE {_PRESENT} AND status = 'completed'
        ORDER BY updated_at DESC LIMIT {COMPLETED_TASKS}) completed
)
ORDER BY CASE WHEN {_OPEN} THEN 0 ELSE 1 END, CASE WHEN {_OPEN} THEN position END,
    CASE WHEN status = 'completed' THEN updated_at END DESC, created_at, id
"""
_NEEDED = """
SELECT edge.from_task_id, needed.number, needed.status FROM agent_task_depends_on edge
JOIN agent_task needed ON needed.id = edge.to_task_id
WHERE edge.from_task_id IN ({}) AND needed.deleted_at IS NULL
ORDER BY needed.position, needed.created_at, needed.id
"""
_HISTORY = f"""
SELECT run.id, run.number, answer.content, answer.created_at, message.content, message.created_at
FROM agent_run run
JOIN agent_message message ON message.id = run.message_id
LEFT JOIN agent_message answer ON answer.id = run.answer_id
WHERE run.session_id = %s AND run.number < %s
ORDER BY run.number DESC LIMIT {HISTORY_MESSAGES // 2}
"""
# What was sent into the runs with these ids and their plans were made with.
_SENT = """
SELECT steering.run_id, message.content FROM agent_steering steering
JOIN agent_message message ON message.id = steering.message_id
WHERE steering.run_id IN ({}) AND steering.status = 'applied' ORDER BY message.created_at, message.id
"""
_MEMORIES = f"SELECT id, title, content, kind, updated_at FROM agent_memory WHERE {_PRESENT}"
_LATEST = f"{_MEMORIES} ORDER BY updated_at DESC, id LIMIT {MEMORIES}"
_COUNTED = f"LIMIT {MAX_COUNTED}) counted"
_COUNTS = f"""
SELECT status, count(*) FROM (SELECT status FROM agent_task WHERE {_PRESENT} {_COUNTED} GROUP BY status
UNION ALL SELECT 'memories', count(*) FROM (SELECT 1 FROM agent_memory WHERE {_PRESENT} {_COUNTED}
"""


def gather(run: Run, history: tuple[HistoryMessage, ...] | None = None) -> Context:
    """Returns the context of `run`. Values that a library call gave replace the stored ones.

    `history`: as it was gathered before; it does not change while the run is executed.
    """
    project = run.session.project
    given: Mapping[str, Any] = run.given
    recent = _recent_changes(run.session_id)
    if history is None:
        history = _given_history(given) or _history(run)
    focus = run.task or run.session.task  # of the message, or else of the session
    chosen = [*recent["task"], *([str(focus.pk)] if focus else [])]
    tasks, completed, others = _tasks(project.pk, chosen)
    known = tasks | completed | others
    return Context(
        message=run.message.content,
        author=run.created_by.get_username() if run.created_by else "",
        people=tuple(person.get_username() for person in members(project.pk)),
        project_name=project.name,
        project_description="" if project.is_sample else project.description,
        history=history,
        memories=_memories(run, _query(run.message.content, history)),
        tasks=tuple(tasks.values()),
        completed=tuple(completed.values()),
        recent_tasks=tuple(known[key] for key in recent["task"] if key in known),
        recent_memories=_chosen_memories(project.pk, recent["memory"]),
        focus=known.get(str(focus.pk)) if focus else None,
        extra=given.get("project_context", ""),
        today=f"{dates.now():%A, %Y-%m-%d %H:%M %Z}",
        counts=_counts(project.pk),
        added=tuple(steering_rows.words_of(run)) if run.retry_of_id else (),
    )


def recall_again(run: Run, context: Context, words: str) -> tuple[MemoryBrief, ...]:
    """Returns the memories recalled for the message and the `words` that it refers to."""
    return _memories(run, _query(f"{context.message}\n{words}", context.history))


def _counts(project: UUID) -> dict[str, int]:
    return {str(name): number for name, number in raw_sql.rows(_COUNTS, project, project)}


def _local(moment: Any, form: str) -> str:
    """Returns the text of a moment, which SQLite gives without a time zone or as a text."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return format(moment.astimezone(dates.now().tzinfo), form)


def _history(run: Run) -> tuple[HistoryMessage, ...]:
    """Returns the messages of earlier runs, oldest first, in the order of the queue."""
    messages: list[HistoryMessage] = []
    left = HISTORY_TOKENS
    rows = raw_sql.rows(_HISTORY, run.session_id, run.number)
    sent = _sent([row[0] for row in rows])
    for key, number, answer, answered, message, said in rows:
        words = "\n\n".join([message, *sent.get(key, ())])
        for role, content, moment in (
            (Message.Author.AGENT, answer, answered),
            (Message.Author.USER, words, said),
        ):
            text = cut(content or "", MESSAGE_CHARACTERS)
            left -= estimate(text)
            if left < 0:
                return tuple(reversed(messages))
            if text:
                at = _local(moment, "%Y-%m-%d %H:%M")
                messages.append(HistoryMessage(str(role.value), text, at, number))
    return tuple(reversed(messages))


def _sent(runs: Sequence[Any]) -> Mapping[Any, list[str]]:
    """Returns by run what was sent into it, in order."""
    sent: dict[Any, list[str]] = {}
    if runs:
        for key, content in raw_sql.rows(_SENT.format(_places(runs)), *runs):
            sent.setdefault(key, []).append(content)
    return sent


def _given_history(given: Mapping[str, Any]) -> tuple[HistoryMessage, ...]:
    return tuple(
        HistoryMessage(item["role"], item["content"])
        for item in given.get("conversation_history", ())
    )


def _query(message: str, history: Sequence[HistoryMessage]) -> str:
    """Returns the words to recall memories for: a message may continue the one before it."""
    before = next((one.content for one in reversed(history) if one.role == "user"), "")
    return f"{message}\n{before}"


def _recent_changes(session: UUID) -> dict[str, list[str]]:
    """Returns the ids of the tasks and memories that the session changed last, newest first."""
    # The type is part of the statement, not a parameter: only then SQLite uses the partial index.
    query = "SELECT body FROM agent_event WHERE session_id = %s AND type = 'change'"
    bodies = raw_sql.column(f"{query} ORDER BY seq DESC LIMIT {RECENT}", session)
    recent: dict[str, list[str]] = {"task": [], "memory": []}
    for change in map(events.read, bodies):
        if not isinstance(change, events.Change) or change.object not in recent:
            continue
        if str(change.id) not in recent[change.object]:
            recent[change.object].append(str(change.id))
    return recent


# -- tasks and memories ----------------------------------------------------------------------------

# Raw rows, not model instances: a full board has a hundred tasks, and every run reads them.


def _tasks(project: UUID, chosen: Sequence[str]) -> list[dict[str, TaskBrief]]:
    """Returns the open tasks, the latest completed ones, and those of `chosen` that are in neither, all by
    their ids.
    """
    status = PLAIN_FIELDS.index("status") - len(PLAIN_FIELDS)
    groups: list[list[tuple[Any, ...]]] = [[], []]
    for row in raw_sql.rows(_OPEN_AND_COMPLETED_TASKS, project, project):
        groups[row[status] not in Task.OPEN].append(row)
    known = {_text(row[0]) for row in chain(*groups)}
    groups.append(_chosen(_TASKS, project, [key for key in chosen if key not in known]))
    needed = _needed([row[0] for row in chain(*groups)])
    return [{_text(row[0]): _task_brief(row, needed) for row in group} for group in groups]


def _task_brief(row: Sequence[Any], needed: Mapping[Any, Mapping[str, str]]) -> TaskBrief:
    key, number, parent, assignee, *values = row
    statuses = needed.get(key, {})  # of the tasks that it depends on
    plain = dict(zip(PLAIN_FIELDS, values, strict=True))
    return TaskBrief(
        id=f"#{number}",
        **{
            **plain,
            "due": str(plain["due"]) if plain["due"] else None,
            "labels": tuple(plain["labels"].split()),
            "criteria": tuple(json.loads(plain["criteria"])),
        },
        assignee=assignee,
        parent=f"#{parent}" if parent else None,
        depends_on=tuple(statuses),
        overdue=is_overdue(plain["status"], plain["due"]),
        waits_for=tuple(number for number, status in statuses.items() if status in Task.OPEN),
    )


def _needed(tasks: Sequence[Any]) -> Mapping[Any, Mapping[str, str]]:
    """Returns number and status of each task's dependencies, without deleted ones, in board order."""
    needed: dict[Any, dict[str, str]] = {}
    if tasks:
        for task, number, status in raw_sql.rows(_NEEDED.format(_places(tasks)), *tasks):
            needed.setdefault(task, {})[f"#{number}"] = status
    return needed


def _memories(run: Run, query: str) -> tuple[MemoryBrief, ...]:
    """Returns the memories recalled for `query`, filled up with the latest ones."""
    project = run.session.project_id
    recalled = _memory_briefs(
        (item.pk, item.title, item.content, item.kind, item.updated_at)
        for item in memories.recall(project, query, MEMORIES)
    )
    known = {item.id for item in recalled}
    latest = _memory_briefs(raw_sql.rows(_LATEST, project))
    others = [item for item in latest if item.id not in known]
    return (*recalled, *others[: MEMORIES - len(recalled)])


def _chosen_memories(project: UUID, chosen: Sequence[str]) -> tuple[MemoryBrief, ...]:
    """Returns the memories with the ids `chosen`, in this order."""
    places = {key: place for place, key in enumerate(chosen)}
    found = _memory_briefs(_chosen(_MEMORIES, project, chosen))
    return tuple(sorted(found, key=lambda item: places[item.id]))


def _memory_briefs(rows: Iterable[Sequence[Any]]) -> tuple[MemoryBrief, ...]:
    return tuple(
        MemoryBrief(_text(key), title, content, kind, _local(changed, "%Y-%m-%d %H:%M"))
        for key, title, content, kind, changed in rows
    )


def _chosen(query: str, project: UUID, chosen: Sequence[str]) -> list[tuple[Any, ...]]:
    if not chosen:
        return []
    places = _places(chosen)
    return raw_sql.rows(f"{query} AND id IN ({places})", project, *map(UUID, chosen))


def _places(values: Sequence[Any]) -> str:
    return ",".join(["%s"] * len(values))


def _text(key: Any) -> str:
    """Returns an id as texts have it. `key`: as the database returns it."""
    return str(UUID(str(key)))
