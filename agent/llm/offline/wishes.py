"""What one clause of a message asks for, as values: phrases as said, nothing looked up yet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CreateTask:
    """`action`: the text began as "to ..." or "for ...ing", so it names what to do."""

    text: str
    description: str = ""
    priority: str = ""
    parent: str = ""
    depends_on: str = ""
    action: bool = True


@dataclass(frozen=True, slots=True)
class CreateTasks:
    """A whole list, one item each."""

    items: tuple[CreateTask, ...]


@dataclass(frozen=True, slots=True)
class Requirement:
    """What software is wanted to do, said in prose. `parts`: actions that are tasks of their own;
    `others`: what the same sentence requires of other people; `heading`: all that follows is about it."""

    title: str
    who: str = ""
    why: str = ""
    criteria: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    others: tuple[Requirement, ...] = ()
    heading: bool = False
    said: str = ""


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """`among`: the statuses that "all tasks" is about, when the verb says so."""

    tasks: str
    status: str
    among: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetPriority:
    tasks: str
    priority: str


@dataclass(frozen=True, slots=True)
class Rename:
    """`rest` is "X to Y"; where X ends only the board can tell."""

    rest: str


@dataclass(frozen=True, slots=True)
class Describe:
    task: str
    text: str
    append: bool = False


@dataclass(frozen=True, slots=True)
class Depend:
    """`ends`: the dependency goes away."""

    task: str
    on: str
    ends: bool = False


@dataclass(frozen=True, slots=True)
class SetParent:
    """No parent: out of the one that it has."""

    task: str
    parent: str


@dataclass(frozen=True, slots=True)
class Move:
    """`where`: before, after, up, down, top, bottom; `other` for the first two."""

    task: str
    where: str
    other: str = ""


@dataclass(frozen=True, slots=True)
class AskBoard:
    """A question that the board answers. `kind`: needs, needed_by, next, about, group, subtasks."""

    kind: str
    task: str = ""


@dataclass(frozen=True, slots=True)
class DeleteTasks:
    tasks: str


@dataclass(frozen=True, slots=True)
class ListTasks:
    statuses: tuple[str, ...]
    query: str = ""


@dataclass(frozen=True, slots=True)
class Remember:
    """`said`: the full sentence; `kind` as the memory has it."""

    said: str
    title: str
    kind: str


@dataclass(frozen=True, slots=True)
class Recall:
    """A question that memory may answer. `kind` narrows it; no topic means everything."""

    topic: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class ReviseMemory:
    """`rest` is "X to Y"."""

    rest: str


@dataclass(frozen=True, slots=True)
class Forget:
    topic: str


@dataclass(frozen=True, slots=True)
class Aside:
    """Needs no tool. `kind`: greeting, thanks, help, project, reason."""

    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Understood as far as that something is missing; `question` asks for it."""

    question: str


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    text: str


Wish = (
    CreateTask
    | CreateTasks
    | Requirement
    | ChangeStatus
    | SetPriority
    | Rename
    | Describe
    | Depend
    | SetParent
    | Move
    | AskBoard
    | DeleteTasks
    | ListTasks
    | Remember
    | Recall
    | ReviseMemory
    | Forget
    | Aside
    | Unclear
    | NotUnderstood
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A wish and its place. `after`: it was said to come after what was said just before it."""

    wish: Wish
    after: bool = False
    sentence: int = 0
