"""The two panels beside a transcript: the project's tasks and memories, as values for the templates.

`static/chat/panels.js` keeps the same lists from `change` events, in the same order.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from agent import board, memory
from agent.models import Memory, Project, Task
from chat import wording


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a panel. `label`: a task's status, a memory's kind."""

    id: str
    title: str
    label: str
    note: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class Panels:
    """`board` is the JSON that the page's script goes on with."""

    tasks: list[Item]
    memories: list[Item]
    open: int
    board: dict[str, Any]


def load(project: Project, fresh: Collection[str] = ()) -> Panels:
    tasks = sorted(board.tasks_json(list(Task.objects.filter(project=project))), key=_task_order)
    memories = [memory.memory_json(one) for one in Memory.objects.filter(project=project)]
    memories.sort(key=_memory_order)
    titles = {task["id"]: task["title"] for task in tasks}
    return Panels(
        tasks=[_task(task, titles, fresh) for task in tasks],
        memories=[_memory(one, fresh) for one in memories],
        open=sum(task["status"] != "completed" for task in tasks),
        board={"tasks": tasks, "memories": memories, "version": project.board_version},
    )


def _task_order(task: dict[str, Any]) -> tuple[bool, int, str]:
    return task["status"] == "completed", task["position"], task["id"]


def _memory_order(one: dict[str, Any]) -> tuple[int, str, str]:
    kinds = wording.KINDS
    rank = kinds.index(one["kind"]) if one["kind"] in kinds else len(kinds)
    return rank, one["title"].lower(), one["id"]


def _task(task: dict[str, Any], titles: dict[str, str], fresh: Collection[str]) -> Item:
    note = wording.task_note(task, titles)
    return Item(task["id"], task["title"], task["status"], note, task["id"] in fresh)


def _memory(one: dict[str, Any], fresh: Collection[str]) -> Item:
    # A title that says it all needs no second line.
    note = "" if one["content"] == one["title"] else one["content"]
    return Item(one["id"], one["title"], one["kind"], note, one["id"] in fresh)
