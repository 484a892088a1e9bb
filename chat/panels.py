"""The panels beside a transcript: the project's tasks and memories, as values for the templates.

`static/chat/panels/board.js` and `panels.js` keep the same lists from `change` events, in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.board import tasks as board
from agent.memory.memories import memory_json
from agent.models import Memory, Project, Task
from chat import labels
from chat.transcript import Change

# By id: the last change of each object that has changed since the last message.
Fresh = Mapping[str, Change]


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a panel. `label`: a task's status or a memory's kind; `level`: 1 for a top-level task;
    `tick`: the label of the button that completes the task.
    """

    id: str
    title: str
    label: str
    note: str
    fresh: Change | None
    level: int = 1
    tick: str = ""


@dataclass(frozen=True, slots=True)
class Panels:
    """Both panels. `gone_…`: deletions since the last message; `board`: JSON for the page's script."""

    tasks: list[Item]
    memories: list[Item]
    open: int
    gone_tasks: list[Change]
    gone_memories: list[Change]
    board: dict[str, Any]


def load(project: Project, fresh: Fresh | None = None) -> Panels:
    fresh = fresh or {}
    tasks = _tree(board.tasks_json(list(Task.objects.filter(project=project))))
    memories = [memory_json(row) for row in Memory.objects.filter(project=project)]
    memories.sort(key=_memory_order)
    titles = {task["id"]: task["title"] for task, _ in tasks}
    present = {*titles, *(item["id"] for item in memories)}
    gone = [change for key, change in fresh.items() if key not in present]
    return Panels(
        tasks=[_task(task, level, titles, fresh) for task, level in tasks],
        memories=[_memory(item, fresh) for item in memories],
        open=sum(task["status"] != "completed" for task, _ in tasks),
        gone_tasks=[change for change in gone if change.object == "task"],
        gone_memories=[change for change in gone if change.object == "memory"],
        board={
            "tasks": [task for task, _ in tasks],
            "memories": memories,
            "version": project.board_version,
        },
    )


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
    return task["status"] == "completed", task["position"], task["id"]


def _memory_order(memory: Mapping[str, Any]) -> tuple[int, str, str]:
    kinds = labels.KINDS
    kind = memory["kind"]
    rank = kinds.index(kind) if kind in kinds else len(kinds)
    return rank, memory["title"].lower(), memory["id"]


def _task(task: Mapping[str, Any], level: int, titles: dict[str, str], fresh: Fresh) -> Item:
    return Item(
        id=task["id"],
        title=task["title"],
        label=task["status"],
        note=labels.task_note(task, titles),
        fresh=fresh.get(task["id"]),
        level=level,
        tick=labels.TICKS[task["status"]].format(task["title"]),
    )


def _memory(memory: Mapping[str, Any], fresh: Fresh) -> Item:
    key, title, content = memory["id"], memory["title"], memory["content"]
    note = "" if content == title else content
    return Item(key, title, memory["kind"], note, fresh.get(key))
