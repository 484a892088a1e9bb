"""What a list asks for: tasks, memories, or one command for each item; its introduction tells."""

from __future__ import annotations

import re

from agent.llm.offline.commands import command, plain
from agent.llm.offline.creating import detailed
from agent.llm.offline.remember import as_kind
from agent.llm.offline.sentences import Item, Listing
from agent.llm.offline.titles import sentence
from agent.llm.offline.vocabulary import S, status_of
from agent.llm.offline.wishes import (
    ChangeStatus,
    CreateTask,
    CreateTasks,
    DeleteTasks,
    Depend,
    NotUnderstood,
    Wish,
)

_TASKS = re.compile(
    r"\b(?:tasks?|to-?dos?|requirements?|features?|stor(?:y|ies)|backlog|tickets?|needs?|wants?"
    r"|requires?|should|must"
    r"|can|build|implement|plan|steps|scope|roadmap|milestones?|create|add|do|work|like|mvp"
    r"|version|epics?)\b",
    re.I,
)
_MEMORIES = re.compile(
    r"(?:please )?(?:also )?(?:remember|keep in mind|note|for the record)\b.*|.*\b(?:decisions?"
    r"|decided|preferences?|facts?)\b.*",
    re.I,
)
_THESE = r"(?: (?:all|of|these|the following|those|following|the|as|tasks?|items?))*"
_STATUS = re.compile(
    rf"(?:mark|set|move|change|put){_THESE}(?: (?:as|to|into))? (?P<status>{S})", re.I
)
_DELETE = re.compile(rf"(?:delete|remove|drop){_THESE}", re.I)
_SUBJECT = re.compile(
    r".{1,60} (?:should|must|can|needs? to|has to|have to|shall)(?: be able to)?", re.I
)
_DEPENDS = re.compile(
    r"\(?(?:this |it |which )?(?:depends on|depend on|after|needs|requires|blocked by)[: "
    r"]+(?P<on>[^()]{1,300}?)\)?[.!]?",
    re.I,
)


def listed(listing: Listing) -> list[Wish] | None:
    """Returns what `listing` asks for, or None when its introduction is no introduction."""
    intro = plain(listing.intro).rstrip(" :.-–")
    if not intro:
        return _tasks(listing, "") if len(listing.items) > 1 else None
    if match := _STATUS.fullmatch(intro):
        status = status_of(match["status"])
        return [ChangeStatus(item.text, status) for item in listing.items]
    if _DELETE.fullmatch(intro):
        return [DeleteTasks(item.text) for item in listing.items]
    if not listing.intro.rstrip().endswith(":") and len(intro.split()) > 6:
        return None
    if _MEMORIES.fullmatch(intro):
        return [as_kind(item.text, _kind(intro)) for item in listing.items]
    if _TASKS.search(intro):
        return _tasks(listing, intro)
    if listing.intro.rstrip().endswith(":"):
        return [NotUnderstood(f"{listing.intro} {listing.items[0].text} …")]
    return None


def _kind(intro: str) -> str:
    lowered = intro.lower()
    if "decision" in lowered or "decided" in lowered:
        return "decision"
    return "preference" if "preference" in lowered else "fact"


def _tasks(listing: Listing, intro: str) -> list[Wish]:
    subject = intro if _SUBJECT.fullmatch(intro) else ""
    behind: list[Wish] = []  # "The reminder depends on booking", said within an item
    tasks = tuple(_task(item, subject, behind) for item in listing.items)
    return [CreateTasks(tasks), *behind]


def _task(item: Item, subject: str, behind: list[Wish]) -> CreateTask:
    task = detailed(item.text)
    depends_on, description = [task.depends_on], [task.description]
    for line in item.more.split("\n"):
        line = line.strip() if not line.startswith("-") else line
        match = _DEPENDS.fullmatch(line.removeprefix("- "))
        if match is None and isinstance(said := command(line), Depend):
            behind.append(said)
            continue
        (depends_on if match else description).append(match["on"] if match else line)
    if subject and not any(description):
        description = [sentence(f"{subject} {item.text}")]
    return CreateTask(
        task.text,
        "\n".join(filter(None, description)),
        task.priority,
        task.parent,
        " and ".join(filter(None, depends_on)),
        task.action,
    )
