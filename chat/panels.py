"""The panels beside a transcript: the project's tasks and memories, as values for the templates.

`static/chat/panels/board.js` and `panels.js` keep the same lists from `change` events, in the same order.
A large board is shown in part at first, and long texts always: see `load`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Count, Q

from agent.accounts.shared_links import Guest
from agent.board import tasks as board
from agent.memory.memories import memory_json
from agent.models import Memory, Project, Task
from agent.shorten import shorten
from agent.support import raw_sql
from agent.support.words import isolated
from chat import guest_view, labels
from chat.transcript import Change

M = TypeVar("M", Task, Memory)

# Objects that a page shows at first, and each of them when somebody asks for all.
TASKS, MEMORIES = 200, 100
WHOLE = 1000
FRESH = 200  # fresh objects that are shown besides those
# Characters of a description, a memory, or all criteria of a task. The rest is read when one is opened.
MAX_TEXT = 1000
_CUT = MAX_TEXT + 1  # tells that there is more

# By id: the last change of each object that has changed since the last message.
Fresh = Mapping[str, Change]


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a panel. `label`: a task's status or a memory's kind; `level`: 1 for a top-level task;
    `tick`: the label of the button that completes the task; `number`: "#12".
    """

    id: str
    title: str
    label: str
    note: str
    fresh: Change | None
    level: int = 1
    tick: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class Panels:
    """Both panels. `gone_…`: deletions since the last message; `all_…`: the number of all objects, of
    which `tasks` and `memories` may be a part; `board`: JSON for the page's script; `shows_…`: a guest may
    see them.
    """

    tasks: list[Item]
    memories: list[Item]
    open: int
    gone_tasks: list[Change]
    gone_memories: list[Change]
    all_tasks: int
    all_memories: int
    board: dict[str, Any]
    shows_tasks: bool = True
    shows_memories: bool = True


def load(
    project: Project,
    fresh: Fresh | None = None,
    *,
    whole: bool = False,
    guest: Guest | None = None,
) -> Panels:
    """Returns the panels: the first `TASKS` tasks, open ones before those that are over, with the tasks
    that contain them, the newest `MEMORIES` memories, and `FRESH` of what is `fresh`. `whole`: the first
    `WHOLE` of both. For a `guest`, those that the link shows; the other one is empty.

    An object whose texts are cut has `cut`.
    """
    shows_tasks = guest is None or guest.shows_tasks
    shows_memories = guest is None or guest.shows_memories
    shown = {"task": shows_tasks, "memory": shows_memories}
    fresh = {key: one for key, one in (fresh or {}).items() if shown.get(one.object)}
    counts = {"open": 0, "all": 0, "memories": 0}
    tasks: list[tuple[dict[str, Any], int]] = []
    memories: list[dict[str, Any]] = []
    if shows_tasks:
        rows, numbers = _tasks(project, WHOLE if whole else TASKS, fresh)
        counts |= numbers
        found = list(map(_cut_task, board.tasks_json(rows)))
        tasks = _tree(found if guest is None else list(map(guest_view.task, found)))
    if shows_memories:
        remembered, counts["memories"] = _memories(project, WHOLE if whole else MEMORIES, fresh)
        memories = sorted(map(_cut_memory, remembered), key=_memory_order)
    present = {one["id"] for one in (*(task for task, _ in tasks), *memories)}
    gone = [change for key, change in fresh.items() if key not in present]
    version = project.board_version if shows_tasks or shows_memories else 0
    return Panels(
        tasks=_task_items(tasks, counts["all"], fresh),
        memories=[_memory(item, fresh) for item in memories],
        open=counts["open"],
        gone_tasks=[change for change in gone if change.object == "task"],
        gone_memories=[change for change in gone if change.object == "memory"],
        all_tasks=counts["all"],
        all_memories=counts["memories"],
        board={
            "tasks": [task for task, _ in tasks],
            "memories": memories,
            "hidden": _hidden(tasks, memories, counts),
            "whole": whole,
            "version": version,
        },
        shows_tasks=shows_tasks,
        shows_memories=shows_memories,
    )


def _task_items(tasks: list[tuple[dict[str, Any], int]], number: int, fresh: Fresh) -> list[Item]:
    """`number`: of all tasks, of which `tasks` may be a part."""
    by_id = {task["id"]: task for task, _ in tasks}
    is_whole = len(tasks) >= number
    return [
        _task(task, level, labels.task_note(task, by_id, whole=is_whole), fresh)
        for task, level in tasks
    ]


def _hidden(
    tasks: list[tuple[dict[str, Any], int]],
    memories: list[dict[str, Any]],
    counts: Mapping[str, int],
) -> dict[str, int]:
    """Returns how many of all objects, `counts`, the page does not show."""
    shown_open = sum(task["status"] in Task.OPEN for task, _ in tasks)
    return {
        "tasks": max(counts["all"] - len(tasks), 0),
        "open": max(counts["open"] - shown_open, 0),
        "memories": max(counts["memories"] - len(memories), 0),
    }


def memories_of(project: Project) -> tuple[list[Item], int]:
    """Returns the newest `MEMORIES` memories in the order of the panel, and the number of all."""
    rows, number = _memories(project, MEMORIES, {})
    return [_memory(item, {}) for item in sorted(map(_cut_memory, rows), key=_memory_order)], number


def _tasks(project: Project, most: int, fresh: Fresh) -> tuple[list[Task], dict[str, int]]:
    """Returns the tasks to show, and the numbers of open and of all tasks."""
    rows = _first_tasks(project, most + 1)
    if len(rows) <= most:
        return rows, {"open": sum(row.status in Task.OPEN for row in rows), "all": len(rows)}
    shown = {row.pk: row for row in rows[:most]}
    missing: set[Any] = _keys(fresh) - shown.keys()
    while missing:  # what is fresh, and the tasks that contain what is shown
        shown |= {row.pk: row for row in _by_key(Task, project, missing, _TASK_TEXT)}
        parents = {row.parent_id for row in shown.values()} - {None}
        missing = parents - shown.keys() - missing
    tasks = Task.objects.filter(project=project)
    counts = tasks.aggregate(open=Count("pk", filter=Q(status__in=Task.OPEN)), all=Count("pk"))
    return list(shown.values()), counts


_PRESENT = "project_id = %s AND deleted_at IS NULL"
_FIRST_TASKS = f"{_PRESENT} AND status IN ({{}}) ORDER BY position, created_at, id LIMIT %s"
_NEWEST_MEMORIES = f"{_PRESENT} ORDER BY updated_at DESC, id LIMIT %s"
_TASK_TEXT, _MEMORY_TEXT = (("description", _CUT),), (("content", _CUT),)


def _keys(fresh: Fresh) -> set[UUID]:
    """Returns the ids of the latest `FRESH` objects."""
    return set(map(UUID, list(fresh)[-FRESH:]))


def _by_key(model: type[M], project: Project, keys: set[UUID], cut: Any) -> list[M]:
    where = f"{_PRESENT} AND id IN ({', '.join(['%s'] * len(keys))})"
    return raw_sql.select(model, where, project.pk, *keys, cut=cut)


def _first_tasks(project: Project, most: int) -> list[Task]:
    rows: list[Task] = []
    for statuses in (Task.OPEN, Task.OVER):
        # As literals, by which SQLite finds the index.
        where = _FIRST_TASKS.format(", ".join(f"'{status}'" for status in statuses))
        rows += raw_sql.select(Task, where, project.pk, most - len(rows), cut=_TASK_TEXT)
    return rows


def _memories(project: Project, most: int, fresh: Fresh) -> tuple[list[Memory], int]:
    """Returns the memories to show, and the number of all."""
    rows = raw_sql.select(Memory, _NEWEST_MEMORIES, project.pk, most + 1, cut=_MEMORY_TEXT)
    if len(rows) <= most:
        return rows, len(rows)
    shown = {row.pk: row for row in rows[:most]}
    missing = _keys(fresh) - shown.keys()
    if missing:
        shown |= {row.pk: row for row in _by_key(Memory, project, missing, _MEMORY_TEXT)}
    return list(shown.values()), Memory.objects.filter(project=project).count()


def _cut_task(task: dict[str, Any]) -> dict[str, Any]:
    """Returns the task with `cut`, and a part of its texts, if they are long."""
    criteria = task["criteria"]
    is_long = sum(len(item["text"]) for item in criteria) > MAX_TEXT
    if not is_long and len(task["description"]) <= MAX_TEXT:
        return task
    limit = MAX_TEXT // len(criteria) if is_long else MAX_TEXT
    return {
        **task,
        "description": shorten(task["description"], MAX_TEXT),
        "criteria": [{**item, "text": shorten(item["text"], limit)} for item in criteria],
        "cut": True,
    }


def _cut_memory(memory: Memory) -> dict[str, Any]:
    """As `_cut_task`, for a memory."""
    fields = memory_json(memory)
    if len(fields["content"]) <= MAX_TEXT:
        return fields
    return {**fields, "content": shorten(fields["content"], MAX_TEXT), "cut": True}


def _tree(tasks: list[dict[str, Any]]) -> list[tuple[dict[str, Any], int]]:
    """Returns the tasks with their levels, each followed by its subtasks."""
    known = {task["id"] for task in tasks}
    children: dict[str | None, list[dict[str, Any]]] = {}
    for task in sorted(tasks, key=_task_order):
        parent = task["parent"] if task["parent"] in known else None
        children.setdefault(parent, []).append(task)

    def walk(parent: str | None, level: int) -> list[tuple[dict[str, Any], int]]:
        return [
            entry
            for task in children.get(parent, [])
            for entry in [(task, level), *walk(task["id"], level + 1)]
        ]

    return walk(None, 1)


def _task_order(task: Mapping[str, Any]) -> tuple[bool, int, str]:
    return task["status"] in Task.OVER, task["position"], task["id"]


def _memory_order(memory: Mapping[str, Any]) -> tuple[int, str, str]:
    kinds = labels.KINDS
    kind = memory["kind"]
    rank = kinds.index(kind) if kind in kinds else len(kinds)
    return rank, memory["title"].lower(), memory["id"]


def _task(task: Mapping[str, Any], level: int, note: str, fresh: Fresh) -> Item:
    return Item(
        id=task["id"],
        title=task["title"],
        label=task["status"],
        note=note,
        fresh=fresh.get(task["id"]),
        level=level,
        tick=labels.TICKS[task["status"]].format(isolated(task["title"])),
        number=f"#{task['number']}",
    )


def _memory(memory: Mapping[str, Any], fresh: Fresh) -> Item:
    key, title, content = memory["id"], memory["title"], memory["content"]
    note = "" if content == title else content
    return Item(key, title, memory["kind"], note, fresh.get(key))
