"""The tools for memories. Their rules are in `agent.memory.memories`.

Docstrings and field descriptions are written for the model.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from agent.memory import memories
from agent.models import Memory
from agent.shorten import cut
from agent.tools import references
from agent.tools.edits import MemoryEdits, edited
from agent.tools.references import REPLACES, MemoryRef
from agent.tools.registry import Arguments, Result, ToolCall, tool

Kind = Literal["decision", "preference", "fact", "spec", "note"]
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=memories.MAX_TITLE),
    AfterValidator(references.name),
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


@tool("writes", alters=1)
def create_memory(
    call: ToolCall,
    title: Title,
    content: Content,
    kind: Annotated[
        Kind,
        Field(
            description="decision: what was agreed; preference: how people like to work; fact: a fact "
            "about the project; spec: how the product must behave; note: anything else."
        ),
    ],
    category: Category = "",
) -> MemoryMade:
    """Remembers a decision, a preference, a fact, a spec or a note about the project.

    If there is a memory with the same content, or with the same title and kind, it is updated instead.
    """
    memory, change = memories.remember(
        project_id=call.project_id,
        title=title,
        content=content,
        kind=kind,
        category=category,
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


@tool("reads")
def search_memories(
    call: ToolCall,
    query: Annotated[
        str, Field(description="Words to search for; empty for all memories, newest first.")
    ],
    kind: Annotated[Kind | None, Field(description="Only this kind.")] = None,
    limit: Annotated[int, Field(ge=1, le=50)] = 10,
) -> MemoriesFound:
    """Finds memories of the project by words and kind. Changes nothing."""
    matches, total = _matching(call.project_id, query, kind, limit)
    length = MAX_TEXTS // max(1, len(matches))
    return MemoriesFound(memories=[_found(memory, length) for memory in matches], total=total)


@tool("deletes")
def delete_memory(call: ToolCall, memory: MemoryRef) -> MemoryMade:
    """Deletes one memory. A person can undo it."""
    row, change = memories.forget(
        memory=memories.find_memory(call.project_id, memory),
        run_id=call.run_id,
        by_id=call.user_id,
    )
    call.changes.append(change)
    return MemoryMade(memory_id=str(row.pk), title=row.title)


def _matching(
    project_id: UUID, query: str, kind: Kind | None, limit: int
) -> tuple[list[Memory], int]:
    """Returns the first matches, and how many there are."""
    if not query.strip():
        newest_first: Any = Memory.objects.filter(project_id=project_id)
        if kind is not None:
            newest_first = newest_first.filter(kind=kind)
        return list(newest_first[:limit]), newest_first.count()
    found = [
        memory
        for memory in memories.recall(project_id, query, _MAX_MATCHES)
        if kind in (None, memory.kind)
    ]
    return found[:limit], len(found)


def _found(memory: Memory, limit: int) -> MemoryFound:
    return MemoryFound.model_validate(
        {
            "memory_id": str(memory.pk),
            "title": memory.title,
            "content": cut(memory.content, limit),
            "kind": str(memory.kind),
        }
    )
