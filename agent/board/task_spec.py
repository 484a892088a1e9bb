"""One task as a coding agent gets it: Markdown with all that the project knows of it. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.memory import memories
from agent.models import Memory, Task

# What a piece of work has to heed; notes and passing facts would only be read past.
_BINDING = (Memory.Kind.DECISION, Memory.Kind.PREFERENCE, Memory.Kind.SPEC, Memory.Kind.FACT)
# So many memories that have to do with the task are told; more hide what matters.
MEMORIES = 8
_UNDESCRIBED = "There is no description yet. Ask what is wanted before you start."


def render(task: Task) -> str:
    """Returns the specification of `task`. What nobody said is not in it."""
    return "\n\n".join(_parts(task)) + "\n"


def _parts(task: Task) -> Iterator[str]:
    yield f"# {_line(task.title)}"
    yield f"Status: {_state(task)}. Priority: {task.priority}. Id: {task.pk}"
    yield "## What is to be done"
    yield _nested(task.description) or _UNDESCRIBED
    yield from _listed("Its parts", Task.objects.filter(parent=task))
    yield from _listed("What it builds on", task.depends_on.filter(deleted_at=None), described=True)
    yield from _listed("What waits for it", task.dependants.filter(deleted_at=None))
    yield from _decided(task)
    yield "## Where it belongs"
    yield "\n".join(_place(task))


def _listed(heading: str, tasks: Iterable[Task], *, described: bool = False) -> Iterator[str]:
    lines = [_item(task, described=described) for task in tasks]
    if lines:
        yield f"## {heading}"
        yield "\n".join(lines)


def _item(task: Task, *, described: bool) -> str:
    done = "x" if task.status == Task.Status.COMPLETED else " "
    first = task.description.strip().partition("\n")[0]
    about = f": {first}" if described and first else ""
    return f"- [{done}] {_line(task.title)} ({_state(task)}){about}"


def _decided(task: Task) -> Iterator[str]:
    about = f"{task.title}\n{task.description}"
    found = [
        one for one in memories.recall(task.project_id, about, 2 * MEMORIES) if one.kind in _BINDING
    ]
    if found:
        yield "## What was decided and has to do with it"
        yield "\n".join(f"- {_line(one.content)} ({one.kind})" for one in found[:MEMORIES])


def _place(task: Task) -> Iterator[str]:
    project = task.project
    yield f"- Project: {_line(project.name)}"
    if project.description.strip():
        yield f"- About the project: {_line(project.description)}"
    above = [f"“{_line(one.title)}”" for one in _above(task)]
    if above:
        yield f"- Part of {', which is part of '.join(above)}"


def _above(task: Task) -> Iterator[Task]:
    parent = task.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def _state(task: Task) -> str:
    return str(task.status).replace("_", " ")


def _line(text: str) -> str:
    return " ".join(text.split())


def _nested(description: str) -> str:
    """Returns the description with its own headings below ours."""
    lines, in_code = [], False
    for line in description.strip().split("\n"):
        in_code ^= line.lstrip().startswith("```")
        lines.append(f"##{line}" if line.startswith("#") and not in_code else line)
    return "\n".join(lines)
