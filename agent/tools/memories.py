"""The tools for memories. Their rules are in `agent.memory.memories`.

Docstrings and field descriptions are written for the model.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from agent.memory import memories
from agent.models import Memory
from agent.shorten import cut
from agent.tools.edits import MemoryEdits, edited
from agent.tools.references import REPLACES, MemoryRef
from agent.tools.registry import Arguments, Result, ToolCall, tool

Kind = Literal["decision", "preference", "fact", "spec", "note"]
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=memories.MAX_TITLE),
    Field(description="A few words, e.g. “Django with PostgreSQL”."),
]
Content = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=memories.MAX_CONTENT),
    Field(description="What to remember, in complete sentences that are clear without context."),
]
NewContent = Annotated[Content, Field(json_schema_extra={REPLACES: "memory"})]
Category = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=memories.MAX_CATEGORY),
    Field(description="A one-word category, e.g. “database”."),
]
# Characters of all texts of one result together. Each text has an equal part of it.
MAX_TEXTS = 60_000
# Matches of a query that are read before the filter by kind.
_MAX_MATCHES = 500


class MemoryMade(Result):
    memory_id: str
    title: str


class MemoryFound(Result):
    memory_id: str
    title: str
    content: str
    kind: Kind


class MemoriesFound(Result):
    memories: list[MemoryFound]
    total: int = Field(description="Number of matches; `memories` holds the first of them.")


class CreateMemory(Arguments):
    title: Title
    content: Content
    kind: Kind = Field(
        description="decision: what was agreed; preference: how people like to work; fact: a fact "
        "about the project; spec: how the product must behave; note: anything else."
    )
    category: Category = ""


@tool("writes", alters=1)
def create_memory(call: ToolCall, arguments: CreateMemory) -> MemoryMade:
    """Remembers a decision, a preference, a fact, a spec or a note about the project.

    If there is a memory with the same content, or with the same title and kind, it is updated instead.
    """
    memory, change = memories.remember(
        project_id=call.project_id,
        title=arguments.title,
        content=arguments.content,
        kind=arguments.kind,
        category=arguments.category,
        source_message_id=call.message_id,
        run_id=call.run_id,
        by_id=call.user_id,
    )
    if change is not None:
        call.changes.append(change)
    return MemoryMade(memory_id=str(memory.pk), title=memory.title)


class UpdateMemory(Arguments):
    memory: MemoryRef
    title: Title | None = None
    content: NewContent | None = None
    edits: MemoryEdits = Field(default=[], description="Edits of the content, made in order.")
    kind: Kind | None = None
    category: Category | None = None

    @model_validator(mode="after")
    def _something_to_change(self) -> Self:
        given = (self.title, self.content, self.kind, self.category)
        if all(value is None for value in given) and not self.edits:
            raise ValueError("give at least one of title, content, edits, kind, category")
        if self.content is not None and self.edits:
            raise ValueError("give either content or edits")
        return self


@tool("writes", alters=1)
def update_memory(call: ToolCall, arguments: UpdateMemory) -> MemoryMade:
    """Changes the given fields of a memory. The former text is kept as a revision."""
    edits = arguments.edits
    memory = memories.find_memory(call.project_id, arguments.memory, lock=bool(edits))
    content = edited(memory.content, edits, memories.MAX_CONTENT) if edits else arguments.content
    memory, change = memories.revise(
        memory=memory,
        title=arguments.title,
        content=content,
        kind=arguments.kind,
        category=arguments.category,
        run_id=call.run_id,
        by_id=call.user_id,
    )
    if change is not None:
        call.changes.append(change)
    return MemoryMade(memory_id=str(memory.pk), title=memory.title)


class SearchMemories(Arguments):
    query: str = Field(description="Words to search for; empty for all memories, newest first.")
    kind: Kind | None = Field(default=None, description="Only this kind.")
    limit: int = Field(default=10, ge=1, le=50)


@tool("reads")
def search_memories(call: ToolCall, arguments: SearchMemories) -> MemoriesFound:
    """Finds memories of the project by words and kind. Changes nothing."""
    matches, total = _matching(call.project_id, arguments)
    limit = MAX_TEXTS // max(1, len(matches))
    return MemoriesFound(memories=[_found(memory, limit) for memory in matches], total=total)


class DeleteMemory(Arguments):
    memory: MemoryRef


@tool("deletes")
def delete_memory(call: ToolCall, arguments: DeleteMemory) -> MemoryMade:
    """Deletes one memory. A person can undo it."""
    memory, change = memories.forget(
        memory=memories.find_memory(call.project_id, arguments.memory),
        run_id=call.run_id,
        by_id=call.user_id,
    )
    call.changes.append(change)
    return MemoryMade(memory_id=str(memory.pk), title=memory.title)


def _matching(project_id: UUID, arguments: SearchMemories) -> tuple[list[Memory], int]:
    """Returns the first matches, and how many there are."""
    if not arguments.query.strip():
        newest_first: Any = Memory.objects.filter(project_id=project_id)
        if arguments.kind is not None:
            newest_first = newest_first.filter(kind=arguments.kind)
        return list(newest_first[: arguments.limit]), newest_first.count()
    found = [
        memory
        for memory in memories.recall(project_id, arguments.query, _MAX_MATCHES)
        if arguments.kind in (None, memory.kind)
    ]
    return found[: arguments.limit], len(found)


def _found(memory: Memory, limit: int) -> MemoryFound:
    return MemoryFound.model_validate(
        {
            "memory_id": str(memory.pk),
            "title": memory.title,
            "content": cut(memory.content, limit),
            "kind": str(memory.kind),
        }
    )
