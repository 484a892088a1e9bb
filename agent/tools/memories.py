"""The tools of the memory: what a plan may do with memories. The rules are `agent.memory.memories`'s."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from agent.memory import memories as memories
from agent.models import Memory
from agent.tools.references import MemoryRef
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
    Field(description="What to remember, in whole sentences that are clear without the rest."),
]
Category = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=memories.MAX_CATEGORY),
    Field(description="A word to sort it under, e.g. “database”."),
]
# As many matches of a query as are looked at to count those of the wanted kind.
_LOOKED_AT = 500


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
    total: int = Field(description="How many there are; `memories` holds the first of them.")


class CreateMemory(Arguments):
    title: Title
    content: Content
    kind: Kind = Field(
        description="decision: what was agreed; preference: how people like to work; fact: what is "
        "so; spec: how the product has to behave; note: anything else."
    )
    category: Category = ""


@tool()
def create_memory(call: ToolCall, arguments: CreateMemory) -> MemoryMade:
    """Remembers something about the project: a decision, a preference, a fact, a spec or a note.

    What is remembered already is brought up to date instead of being remembered twice.
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
    content: Content | None = None
    kind: Kind | None = None
    category: Category | None = None

    @model_validator(mode="after")
    def _something_to_change(self) -> Self:
        given = (self.title, self.content, self.kind, self.category)
        if all(value is None for value in given):
            raise ValueError("give at least one of title, content, kind, category")
        return self


@tool()
def update_memory(call: ToolCall, arguments: UpdateMemory) -> MemoryMade:
    """Changes what a memory says: only what is given. The former text is kept as a revision."""
    memory, change = memories.revise(
        memory=memories.find_memory(call.project_id, arguments.memory),
        title=arguments.title,
        content=arguments.content,
        kind=arguments.kind,
        category=arguments.category,
        run_id=call.run_id,
        by_id=call.user_id,
    )
    if change is not None:
        call.changes.append(change)
    return MemoryMade(memory_id=str(memory.pk), title=memory.title)


class SearchMemories(Arguments):
    query: str = Field(description="Words to look for; an empty text for all, the newest first.")
    kind: Kind | None = Field(default=None, description="Only this kind.")
    limit: int = Field(default=10, ge=1, le=50)


@tool(alters=False)
def search_memories(call: ToolCall, arguments: SearchMemories) -> MemoriesFound:
    """Finds what is remembered about the project, by words and kind. Changes nothing."""
    found = _matching(call.project_id, arguments.query)
    if arguments.kind is not None:
        found = [memory for memory in found if memory.kind == arguments.kind]
    return MemoriesFound(
        memories=[_found(memory) for memory in found[: arguments.limit]], total=len(found)
    )


class DeleteMemory(Arguments):
    memory: MemoryRef


@tool(destructive=True)
def delete_memory(call: ToolCall, arguments: DeleteMemory) -> MemoryMade:
    """Forgets one memory. A person can undo it."""
    memory, change = memories.forget(
        memory=memories.find_memory(call.project_id, arguments.memory),
        run_id=call.run_id,
        by_id=call.user_id,
    )
    call.changes.append(change)
    return MemoryMade(memory_id=str(memory.pk), title=memory.title)


def _matching(project_id: UUID, query: str) -> list[Memory]:
    if query.strip():
        return memories.recall(project_id, query, _LOOKED_AT)
    newest: Any = Memory.objects.filter(project_id=project_id)
    return list(newest)


def _found(memory: Memory) -> MemoryFound:
    return MemoryFound.model_validate(
        {
            "memory_id": str(memory.pk),
            "title": memory.title,
            "content": memory.content,
            "kind": str(memory.kind),
        }
    )
