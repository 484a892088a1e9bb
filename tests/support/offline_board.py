"""A board and a memory in plain lists, for tests of the offline model: carries a plan's steps out by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from agent.llm.base import Context, HistoryMessage, MemoryBrief, Outcome, StepOutcome, TaskBrief
from agent.llm.offline.model import OfflineModel
from agent.plan import fill

PRIORITIES = {"low", "medium", "high"}
STATUSES = {"pending", "in_progress", "completed", "blocked", "cancelled"}
KINDS = {"decision", "preference", "fact", "spec", "note"}


_ITEM = {"title", "description", "priority", "parent", "depends_on", "after"}


class Refusal(Exception):
    """The plan asks for what no tool takes."""


def expect(true: bool, what: object) -> None:
    if not true:
        raise Refusal(what)


def title_is_right(title: Any) -> bool:
    return isinstance(title, str) and 0 < len(title.strip()) <= 200


# What each tool takes: names of required and of optional arguments.
TAKES = {
    "create_task": ({"title"}, {"description", "priority", "parent", "depends_on"}),
    "create_tasks": ({"tasks"}, set()),
    "update_task": (
        {"task"},
        {"title", "description", "priority", "parent", "depends_on", "assignee", "due"},
    ),
    "change_task_status": ({"task", "status"}, set()),
    "search_tasks": (set(), {"query", "status", "limit"}),
    "delete_task": ({"task"}, set()),
    "change_tasks_status": ({"tasks", "status"}, set()),
    "update_tasks": ({"tasks"}, {"priority", "parent"}),
    "delete_tasks": ({"tasks"}, set()),
    "move_task": ({"task"}, {"before", "after"}),
    "create_memory": ({"title", "content", "kind"}, {"category"}),
    "update_memory": ({"memory"}, {"title", "content", "kind", "category"}),
    "search_memories": ({"query"}, {"kind", "limit"}),
    "delete_memory": ({"memory"}, set()),
    "list_changes": ({"since"}, {"limit"}),
    "get_history": ({"task"}, {"limit"}),
    "undo": (set(), {"object"}),
}


def check(plan: dict[str, Any]) -> None:
    """Raises Refusal unless the plan is one that could be carried out."""
    seen: set[str] = set()
    expect(0 < len(plan["steps"]) <= 20, "number of steps")
    for step in plan["steps"]:
        expect(step["id"] not in seen, f"{step['id']} twice")
        expect(set(step["depends_on"]) <= seen, f"{step['id']} depends on a later step")
        expect(bool(step["description"].strip()), "no description")
        seen.add(step["id"])
        if step["type"] == "tool":
            check_arguments(step["tool"], step["arguments"])
            used = set(re.findall(r"'\$from': '(\w+)'", str(step["arguments"])))
            expect(
                used <= set(step["depends_on"]),
                f"{step['id']} uses {used} and does not wait for it",
            )


def check_arguments(tool: str, arguments: dict[str, Any]) -> None:
    required, optional = TAKES[tool]
    expect(required <= set(arguments) <= required | optional, (tool, arguments))
    if tool.startswith("update_"):
        expect(len(arguments) > 1, "an update of nothing")
    expect("title" not in arguments or title_is_right(arguments["title"]), arguments)
    expect(arguments.get("priority", "low") in PRIORITIES, arguments)
    expect(arguments.get("kind", "fact") in KINDS, arguments)
    expect(len(arguments.get("content", "x")) in range(1, 10_001), "content")
    if tool == "change_task_status":
        expect(arguments["status"] in STATUSES, arguments)
    if tool == "move_task":
        expect(len(arguments) == 2, "one place")
    if "tasks" in arguments and isinstance(arguments["tasks"], list):
        expect(0 < len(arguments["tasks"]) <= 100, "number of tasks")
    if tool == "create_tasks":
        expect(0 < len(arguments["tasks"]) <= 100, "length of the list")
        for index, item in enumerate(arguments["tasks"]):
            expect(set(item) <= _ITEM, item)
            expect(title_is_right(item["title"]), item)
            expect(all(0 <= before < index for before in item.get("after", [])), item)


class Project:
    """Plays a conversation: each message is analysed, planned, carried out and answered."""

    def __init__(self) -> None:
        self.tasks: list[TaskBrief] = []
        self.memories: list[MemoryBrief] = []
        self.history: list[HistoryMessage] = []
        self.touched: list[str] = []
        self.done: list[str] = []  # the tools, in the order in which they ran
        self._count = 0

    def context(self, message: str) -> Context:
        by_id = {task.id: task for task in self.tasks}
        return Context(
            message=message,
            project_name="Clinic",
            author="alice",
            people=("alice", "Anna"),
            tasks=tuple(task for task in self.tasks if task.status != "completed"),
            completed=tuple(task for task in self.tasks if task.status == "completed"),
            history=tuple(self.history[-20:]),
            memories=tuple(self.memories),
            recent_tasks=tuple(by_id[task] for task in reversed(self.touched) if task in by_id),
        )

    async def say(self, message: str) -> str:
        model, context = OfflineModel(), self.context(message)
        analysis = await model.analyze(context)
        outcomes: list[StepOutcome] = []
        if analysis.needs_tools:
            plan = await model.plan(context, analysis, ())
            check(plan)
            outcomes = self.carry_out(plan)
        outcome = Outcome(analysis.intent, analysis.question, tuple(outcomes))
        answer = "".join([piece async for piece in model.answer(context, analysis, outcome)])
        self.history += [
            HistoryMessage("user", message),
            HistoryMessage("assistant", answer.strip()),
        ]
        return answer

    def carry_out(self, plan: dict[str, Any]) -> list[StepOutcome]:
        results: dict[str, Any] = {}
        outcomes = []
        for step in plan["steps"]:
            result: Any = None
            arguments = fill(step["arguments"], results)
            if step["type"] == "tool":
                result = getattr(self, step["tool"])(**arguments)
                self.done.append(step["tool"])
            results[step["id"]] = result
            outcomes.append(
                StepOutcome(
                    step["id"],
                    step["type"],
                    step["tool"] or "",
                    step["description"],
                    "succeeded",
                    arguments,
                    result,
                    "",
                )
            )
        return outcomes

    # -- the tools

    def _add(self, title: str, description: str = "", priority: str = "medium", **more: Any) -> str:
        self._count += 1
        identifier = f"task-{self._count}"
        needed = tuple(more.get("depends_on", ()))
        self.tasks.append(
            TaskBrief(
                identifier, title, "pending", priority, description, more.get("parent"), needed
            )
        )
        self.touched.append(identifier)
        return identifier

    def _change(self, task: str, **fields: Any) -> dict[str, Any]:
        place = next(index for index, one in enumerate(self.tasks) if one.id == task)
        if "depends_on" in fields:
            fields["depends_on"] = tuple(fields["depends_on"])
        self.tasks[place] = replace(self.tasks[place], **fields)
        self.touched.append(task)
        return {
            "task_id": task,
            "title": self.tasks[place].title,
            "status": self.tasks[place].status,
        }

    def create_task(self, **fields: Any) -> dict[str, Any]:
        return {"task_id": self._add(**fields), "title": fields["title"]}

    def create_tasks(self, tasks: list[dict[str, Any]]) -> dict[str, Any]:
        identifiers: list[str] = []
        for item in tasks:
            after = [identifiers[index] for index in item.get("after", [])]
            fields = {
                name: value for name, value in item.items() if name not in ("after", "depends_on")
            }
            identifiers.append(
                self._add(**fields, depends_on=[*item.get("depends_on", []), *after])
            )
        return {"task_ids": identifiers, "titles": [item["title"] for item in tasks]}

    def update_task(self, task: str, **fields: Any) -> dict[str, Any]:
        return self._change(task, **fields)

    def change_task_status(self, task: str, status: str) -> dict[str, Any]:
        return self._change(task, status=status)

    def delete_task(self, task: str) -> dict[str, Any]:
        result = self._change(task)
        self.tasks = [one for one in self.tasks if one.id != task]
        return result

    def _change_all(self, tasks: list[str], **fields: Any) -> dict[str, Any]:
        titles = [self._change(task, **fields)["title"] for task in tasks]
        return {"task_ids": tasks, "titles": titles}

    def change_tasks_status(self, tasks: list[str], status: str) -> dict[str, Any]:
        return self._change_all(tasks, status=status)

    def update_tasks(self, tasks: list[str], **fields: Any) -> dict[str, Any]:
        return self._change_all(tasks, **fields)

    def delete_tasks(self, tasks: list[str]) -> dict[str, Any]:
        result = self._change_all(tasks)
        self.tasks = [one for one in self.tasks if one.id not in tasks]
        return result

    def move_task(self, task: str, before: str = "", after: str = "") -> dict[str, Any]:
        result = self._change(task)
        moved = next(one for one in self.tasks if one.id == task)
        self.tasks.remove(moved)
        place = [one.id for one in self.tasks].index(before or after)
        self.tasks.insert(place + bool(after), moved)
        return result

    def list_changes(self, since: str, limit: int = 50) -> dict[str, Any]:
        return {"changes": [], "more": False}

    def get_history(self, task: str, limit: int = 20) -> dict[str, Any]:
        return {"title": next(one.title for one in self.tasks if one.id == task), "changes": []}

    def undo(self, object: str = "") -> dict[str, Any]:
        return {"changes": [f"Changed task “{object}”: title"]}

    def search_tasks(
        self, query: str = "", status: tuple[str, ...] = (), limit: int = 20
    ) -> dict[str, Any]:
        found = [
            {
                "task_id": task.id,
                "title": task.title,
                "status": task.status,
                "priority": task.priority,
            }
            for task in self.tasks
            if query.lower() in task.title.lower() and (not status or task.status in status)
        ]
        ids = [task["task_id"] for task in found[:limit]]
        return {"tasks": found[:limit], "task_ids": ids, "total": len(found)}

    def search_memories(self, query: str, kind: str = "", limit: int = 10) -> dict[str, Any]:
        found = [
            {"memory_id": one.id, "title": one.title, "content": one.content, "kind": one.kind}
            for one in self.memories
            if query.lower() in one.content.lower() and kind in ("", one.kind)
        ]
        return {"memories": found[:limit], "total": len(found)}

    def create_memory(self, title: str, content: str, kind: str) -> dict[str, Any]:
        self._count += 1
        self.memories.append(MemoryBrief(f"memory-{self._count}", title, content, kind))
        return {"memory_id": self.memories[-1].id, "title": title}

    def update_memory(self, memory: str, **fields: Any) -> dict[str, Any]:
        place = next(index for index, one in enumerate(self.memories) if one.id == memory)
        self.memories[place] = replace(self.memories[place], **fields)
        return {"memory_id": memory, "title": self.memories[place].title}

    def delete_memory(self, memory: str) -> dict[str, Any]:
        gone = next(one for one in self.memories if one.id == memory)
        self.memories.remove(gone)
        return {"memory_id": memory, "title": gone.title}
