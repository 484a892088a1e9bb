"""A task as Markdown for a coding agent: description, parts, dependencies and decisions. Reads only."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from agent.board import readiness
from agent.memory import memories
from agent.models import Memory, Task

# Kinds of memories that the work must respect. Notes are left out.
_BINDING = (Memory.Kind.DECISION, Memory.Kind.PREFERENCE, Memory.Kind.SPEC, Memory.Kind.FACT)
# Memories in a specification. More of them hide the important ones.
MAX_MEMORIES = 8
MAX_LINKED = 100  # subtasks, and tasks that depend on it
_NO_DESCRIPTION = "No description yet. Ask for the requirements before you start."


def render(task: Task) -> str:
    """Returns the specification of `task`: only what people or the agent wrote, nothing made up."""
    return "\n\n".join(_parts(task)) + "\n"


def _parts(task: Task) -> Iterator[str]:
    yield f"# {_line(task.title)}"
    yield f"Number: #{task.number}. Status: {_status(task)}. Priority: {task.priority}. Id: {task.pk}"
    planned = _planned(task)
    if planned:
        yield planned
    yield "## Description"
    yield _nested(task.description) or _NO_DESCRIPTION
    if task.criteria:
        yield "## Acceptance criteria"
        yield "\n".join(
            f"- [{'x' if item['done'] else ' '}] {_line(item['text'])}" for item in task.criteria
        )
    yield from _listed("Subtasks", Task.objects.filter(parent=task))
    yield from _listed("Depends on", task.depends_on.filter(deleted_at=None), described=True)
    yield from _listed("Tasks that depend on it", task.dependants.filter(deleted_at=None))
    yield from _decisions(task)
    yield "## Project"
    yield "\n".join(_project(task))


def _planned(task: Task) -> str:
    """Returns e.g. "Due: 2026-12-04. Estimate: 3 hours. Assignee: anna. Labels: ui, api"."""
    waiting = readiness.waits_for([task])[task.pk]
    parts = [
        f"Due: {task.due}" if task.due else "",
        f"Estimate: {task.estimate:g} hours" if task.estimate else "",
        f"Assignee: {task.assignee.get_username()}" if task.assignee else "",
        f"Labels: {', '.join(task.labels)}" if task.labels else "",
    ]
    if waiting and task.status in Task.OPEN:
        parts.append(f"Waits for: {', '.join(f'#{number}' for number in waiting)}")
    return ". ".join(filter(None, parts))


def _listed(heading: str, tasks: QuerySet[Task], *, described: bool = False) -> Iterator[str]:
    lines = [_item(task, described=described) for task in tasks[:MAX_LINKED]]
    if len(lines) == MAX_LINKED and (left := tasks.count() - MAX_LINKED):
        lines.append(f"- and {left} more")
    if lines:
        yield f"## {heading}"
        yield "\n".join(lines)


def _item(task: Task, *, described: bool) -> str:
    done = "x" if task.status == Task.Status.COMPLETED else " "
    first_line = task.description.strip().partition("\n")[0]
    description = f": {first_line}" if described and first_line else ""
    return f"- [{done}] #{task.number} {_line(task.title)} ({_status(task)}){description}"


def _decisions(task: Task) -> Iterator[str]:
    query = f"{task.title}\n{task.description}"
    matches = memories.search(task.project_id, query, 2 * MAX_MEMORIES)
    binding = [memory for memory in matches if memory.kind in _BINDING][:MAX_MEMORIES]
    if binding:
        yield "## Related decisions and facts"
        yield "\n".join(f"- {_line(memory.content)} ({memory.kind})" for memory in binding)


def _project(task: Task) -> Iterator[str]:
    project = task.project
    yield f"- Name: {_line(project.name)}"
    if project.description.strip():
        yield f"- Description: {_line(project.description)}"
    ancestors = [f"“{_line(ancestor.title)}”" for ancestor in _ancestors(task)]
    if ancestors:
        yield f"- This task is part of {', which is part of '.join(ancestors)}"


def _ancestors(task: Task) -> Iterator[Task]:
    parent = task.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def _status(task: Task) -> str:
    return str(task.status).replace("_", " ")


def _line(text: str) -> str:
    return " ".join(text.split())


def _nested(description: str) -> str:
    """Returns the description with each heading two levels lower, below those of the document."""
    lines, in_code = [], False
    for line in description.strip().split("\n"):
        in_code ^= line.lstrip().startswith("```")
        lines.append(f"##{line}" if line.startswith("#") and not in_code else line)
    return "\n".join(lines)
