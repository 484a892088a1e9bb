"""Gathers the context of a message for the model, with as much history as is useful. Only reads."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from agent.board.readiness import is_overdue
from agent.board.task_rules import MEMBERS
from agent.board.tasks import PLAIN_FIELDS
from agent.event_log import events, parsing
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
from agent.pipeline import named_tasks, remembering
from agent.runs import steering_rows
from agent.shorten import cut
from agent.support import raw_sql
from agent.support.counts import count
from agent.text import dates
from agent.tools import switches

# Estimated tokens of earlier messages. What a model has no room for is left out of its prompts.
HISTORY_TOKENS = 6_000
HISTORY_MESSAGES = 20
MEMORIES = 12
RECENT = 20  # of the session's last changes


_PRESENT = "project_id = %s AND deleted_at IS NULL"
# Each task once for each task that it depends on, in the order of the board, or once if there is none.
_TASK_ROWS = f"""
SELECT task.id, task.number,
    (SELECT parent.number FROM agent_task parent WHERE parent.id = task.parent_id),
    (SELECT username FROM auth_user WHERE auth_user.id = task.assignee_id),
    {", ".join(f"task.{name}" for name in PLAIN_FIELDS)}, needed.number, needed.status
FROM agent_task task
LEFT JOIN agent_task_depends_on edge ON edge.from_task_id = task.id
LEFT JOIN agent_task needed ON needed.id = edge.to_task_id AND needed.deleted_at IS NULL
"""
_NEEDED = "needed.position, needed.created_at, needed.id"
_TASKS = f"""
{_TASK_ROWS} WHERE task.project_id = %s AND task.deleted_at IS NULL AND task.id IN ({{}}) ORDER BY {_NEEDED}
"""
_OPEN = "status IN ('pending', 'in_progress', 'blocked')"
# The open tasks in the order of the board, then the completed ones, the latest first.
_OPEN_AND_COMPLETED_TASKS = f"""
{_TASK_ROWS} WHERE task.id IN (
    SELECT id FROM (SELECT id FROM agent_task WHERE {_PRESENT} AND {_OPEN}
        ORDER BY position, created_at, id LIMIT {OPEN_TASKS}) opened
    UNION ALL
    SELECT id FROM (SELECT id FROM agent_task WHERE {_PRESENT} AND status = 'completed'
        ORDER BY updated_at DESC LIMIT {COMPLETED_TASKS}) completed
)
ORDER BY CASE WHEN task.{_OPEN} THEN 0 ELSE 1 END, CASE WHEN task.{_OPEN} THEN task.position END,
    CASE WHEN task.status = 'completed' THEN task.updated_at END DESC, task.created_at, task.id, {_NEEDED}
"""
# Each run once for each message that was sent into it and its plans were made with, or once if there is
# none.
_HISTORY = f"""
SELECT run.id, run.number, answer.content, answer.created_at, message.content, message.created_at,
    sent.content
FROM (
    SELECT id, number, message_id, answer_id FROM agent_run WHERE session_id = %s AND number < %s
    ORDER BY number DESC LIMIT {HISTORY_MESSAGES // 2}
) run
JOIN agent_message message ON message.id = run.message_id
LEFT JOIN agent_message answer ON answer.id = run.answer_id
LEFT JOIN agent_steering steering ON steering.run_id = run.id AND steering.status = 'applied'
LEFT JOIN agent_message sent ON sent.id = steering.message_id
ORDER BY run.number DESC, sent.created_at, sent.id
"""
_MEMORIES = f"SELECT id, title, content, kind, updated_at FROM agent_memory WHERE {_PRESENT}"
_LATEST = f"{_MEMORIES} ORDER BY updated_at DESC, id LIMIT {MEMORIES}"
_COUNTED = f"LIMIT {MAX_COUNTED}) counted"
# Rows of a kind, a text and a number. The type of the events is part of the statement, not a parameter: only
# then SQLite uses the partial index.
_STATE = f"""
SELECT 'count', status, count(*)
    FROM (SELECT status FROM agent_task WHERE {_PRESENT} {_COUNTED} GROUP BY status
UNION ALL
SELECT 'count', 'memories', count(*) FROM (SELECT 1 FROM agent_memory WHERE {_PRESENT} {_COUNTED}
UNION ALL
SELECT 'change', body, seq FROM (
    SELECT body, seq FROM agent_event WHERE session_id = %s AND type = 'change'
    ORDER BY seq DESC LIMIT {RECENT}
) recent
"""
_ABOUT = f"""
{_STATE}
UNION ALL SELECT 'off', tool, 0 FROM ({switches.OFF}) switched_off
UNION ALL SELECT 'person', username, 0 FROM (
    SELECT username FROM auth_user WHERE {MEMBERS}
) person
UNION ALL SELECT 'before', status, 0 FROM agent_run WHERE {remembering.INTERRUPTED}
"""


@dataclass(frozen=True, slots=True)
class State:
    """How many tasks a project has by status, and "memories"; the last `change` events of a session, newest
    first.
    """

    counts: Mapping[str, int]
    changes: Sequence[str]

    @classmethod
    def of(cls, rows: Sequence[tuple[str, str, int]]) -> State:
        """`rows`: as `_STATE` selects them, and perhaps others."""
        changes = sorted(
            ((seq, body) for kind, body, seq in rows if kind == "change"), reverse=True
        )
        counts = {name: number for kind, name, number in rows if kind == "count"}
        return cls(counts, [body for _, body in changes])


@dataclass(frozen=True, slots=True)
class About:
    """The state of a run's project and session; the people of the project; the tools that are switched off
    in it. `was_interrupted`: the memory phase of a run just before it has not ended.
    """

    state: State
    people: tuple[str, ...]
    off: frozenset[str]
    was_interrupted: bool


def about(run: Run) -> About:
    project, session = run.session.project_id, run.session_id
    rows = raw_sql.rows(_ABOUT, project, project, session, *[project] * 3, *remembering.before(run))
    texts: dict[str, list[str]] = {}
    for kind, text, _ in rows:
        texts.setdefault(kind, []).append(text)
    people, off = sorted(texts.get("person", ())), frozenset(texts.get("off", ()))
    return About(State.of(rows), tuple(people), off, "before" in texts)


def gather(run: Run, known: About | None = None) -> Context:
    """Returns the context of `run`. Values that a library call gave replace the stored ones."""
    project = run.session.project
    known = known or about(run)
    given: Mapping[str, Any] = run.given
    history = _given_history(given) or _history(run)
    context = Context(
        message=run.message.content,
        author=run.created_by.get_username() if run.created_by else "",
        people=known.people,
        project_name=project.name,
        project_description="" if project.is_sample else project.description,
        history=history,
        extra=given.get("project_context", ""),
        counts=known.state.counts,
        added=tuple(steering_rows.words_of(run)) if run.retry_of_id else (),
    )
    if known.state.counts["memories"]:
        context = replace(context, memories=_memories(run, _query(context.message, history)))
    return _with_objects(run, context, known.state.changes)


def open_tasks_in_words(context: Context) -> str:
    """Returns how many open tasks the context has; of how many, if the board has more."""
    shown = len(context.tasks)
    known = sum(context.counts.get(status, 0) for status in Task.OPEN)
    is_all = sum(context.counts.values()) - context.counts.get("memories", 0) < MAX_COUNTED
    if is_all and known <= shown:
        return count(shown, "open task")
    return f"the first {shown} of {'' if is_all else 'at least '}{max(shown, known):,} open tasks"


def gather_again(run: Run, before: Context, changed: Collection[str]) -> Context:
    """Returns the context after steps of the run. `before`: as of before them; `changed`: the kinds of the
    objects that they changed. Memories are recalled again only if one of them was changed.
    """
    project = run.session.project_id
    state = State.of(raw_sql.rows(_STATE, project, project, run.session_id))
    context = replace(before, counts=state.counts, after_steps=True)
    if "memory" in changed:
        query = _query(context.message, context.history)
        context = replace(context, memories=_memories(run, query))
    return _with_objects(run, context, state.changes)


def _with_objects(run: Run, context: Context, changes: Sequence[str]) -> Context:
    """Returns the context with the tasks, and with what the session changed last, as they are now."""
    project = run.session.project_id
    recent = _changed(changes)
    focus = run.task or run.session.task  # of the message, or else of the session
    chosen = [*recent["task"], *([str(focus.pk)] if focus else [])]
    tasks, completed, others = _tasks(project, chosen, named_tasks.told(context))
    known = tasks | completed | others
    return replace(
        context,
        tasks=tuple(tasks.values()),
        completed=tuple(completed.values()),
        named=tuple(task for key, task in others.items() if key not in chosen),
        recent_tasks=tuple(known[key] for key in recent["task"] if key in known),
        recent_memories=_chosen_memories(project, recent["memory"]),
        focus=known.get(str(focus.pk)) if focus else None,
        today=f"{dates.now():%A, %Y-%m-%d %H:%M %Z}",
    )


def recall_again(run: Run, context: Context, words: str) -> tuple[MemoryBrief, ...]:
    """Returns the memories recalled for the message and the `words` that it refers to."""
    return _memories(run, _query(f"{context.message}\n{words}", context.history))


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
    for _, of_run in groupby(rows, key=itemgetter(0)):
        (first, *others) = of_run
        _, number, answer, answered, message, said, _ = first
        words = "\n\n".join([message, *(row[-1] for row in (first, *others) if row[-1])])
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


def _given_history(given: Mapping[str, Any]) -> tuple[HistoryMessage, ...]:
    return tuple(
        HistoryMessage(item["role"], item["content"])
        for item in given.get("conversation_history", ())
    )


def _query(message: str, history: Sequence[HistoryMessage]) -> str:
    """Returns the words to recall memories for: a message may continue the one before it."""
    before = next((one.content for one in reversed(history) if one.role == "user"), "")
    return f"{message}\n{before}"


def _changed(changes: Sequence[str]) -> dict[str, list[str]]:
    """Returns the ids of the tasks and memories that `change` events name, in this order."""
    recent: dict[str, list[str]] = {"task": [], "memory": []}
    for change in map(parsing.read, changes):
        if not isinstance(change, events.Change) or change.object not in recent:
            continue
        if str(change.id) not in recent[change.object]:
            recent[change.object].append(str(change.id))
    return recent


# -- tasks and memories ----------------------------------------------------------------------------

# Raw rows, not model instances: a full board has a hundred tasks, and every run reads them.


def _tasks(project: UUID, chosen: Sequence[str], told: str) -> tuple[dict[str, TaskBrief], ...]:
    """Returns the open tasks, the latest completed ones, and those of `chosen`, or named in `told`, that are
    in neither, all by their ids.
    """
    groups: tuple[dict[str, TaskBrief], ...] = ({}, {}, {})
    for key, task in _task_briefs(raw_sql.rows(_OPEN_AND_COMPLETED_TASKS, project, project)):
        groups[task.status not in Task.OPEN][key] = task
    known = groups[0] | groups[1]
    is_cut = len(groups[0]) >= OPEN_TASKS or len(groups[1]) >= COMPLETED_TASKS
    named = map(_text, named_tasks.ids(project, told, known.values(), is_cut))
    others = [key for key in dict.fromkeys((*chosen, *named)) if key not in known]
    if others:
        query = _TASKS.format(_places(others))
        groups[2].update(_task_briefs(raw_sql.rows(query, project, *map(UUID, others))))
    return groups


def _task_briefs(rows: Sequence[Sequence[Any]]) -> Iterator[tuple[str, TaskBrief]]:
    """Returns the tasks by their ids, in the order in which they come first."""
    of_task: dict[Any, list[Sequence[Any]]] = {}
    for row in rows:
        of_task.setdefault(row[0], []).append(row)
    for key, of_one in of_task.items():
        # The numbers and statuses of the tasks that it depends on.
        yield (
            _text(key),
            _task_brief(of_one[0], {f"#{row[-2]}": row[-1] for row in of_one if row[-2]}),
        )


def _task_brief(row: Sequence[Any], needed: Mapping[str, str]) -> TaskBrief:
    _, number, parent, assignee, *values = row[:-2]
    plain = dict(zip(PLAIN_FIELDS, values, strict=True))
    due = plain["due"] = str(plain["due"]) if plain["due"] else None
    # Most tasks have none.
    plain["labels"] = tuple(plain["labels"].split()) if plain["labels"] else ()
    plain["criteria"] = () if plain["criteria"] == "[]" else tuple(json.loads(plain["criteria"]))
    return TaskBrief(
        id=f"#{number}",
        **plain,
        assignee=assignee,
        parent=f"#{parent}" if parent else None,
        depends_on=tuple(needed),
        overdue=due is not None and is_overdue(plain["status"], due),
        waits_for=tuple([number for number, status in needed.items() if status in Task.OPEN]),
    )


def _memories(run: Run, query: str) -> tuple[MemoryBrief, ...]:
    """Returns the memories recalled for `query`, filled up with the latest ones."""
    project = run.session.project_id
    recalled = [
        replace(brief, score=hit.score, words=hit.words, beside=hit.beside)
        for item, hit in memories.explained(project, query, MEMORIES)
        for brief in _memory_briefs(
            [(item.pk, item.title, item.content, item.kind, item.updated_at)]
        )
    ]
    known = {item.id for item in recalled}
    latest = _memory_briefs(raw_sql.rows(_LATEST, project))
    others = [item for item in latest if item.id not in known]
    return (*recalled, *others[: MEMORIES - len(recalled)])


def _chosen_memories(project: UUID, chosen: Sequence[str]) -> tuple[MemoryBrief, ...]:
    """Returns the memories with the ids `chosen`, in this order."""
    if not chosen:
        return ()
    places = {key: place for place, key in enumerate(chosen)}
    query = f"{_MEMORIES} AND id IN ({_places(chosen)})"
    found = _memory_briefs(raw_sql.rows(query, project, *map(UUID, chosen)))
    return tuple(sorted(found, key=lambda item: places[item.id]))


def _memory_briefs(rows: Iterable[Sequence[Any]]) -> tuple[MemoryBrief, ...]:
    return tuple(
        MemoryBrief(_text(key), title, content, kind, _local(changed, "%Y-%m-%d %H:%M"))
        for key, title, content, kind, changed in rows
    )


def _places(values: Sequence[Any]) -> str:
    return ",".join(["%s"] * len(values))


def _text(key: Any) -> str:
    """Returns an id as texts have it. `key`: as the database returns it, on SQLite 32 digits."""
    if isinstance(key, str) and len(key) == 32:
        return f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"
    return str(key)
