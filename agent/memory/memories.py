"""The only module that writes memories: remember, revise, forget, restore; and recall.

The caller opens the transaction and emits the events. Every change is saved as a revision.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Max
from django.utils import timezone

from agent.accounts.quotas import MEMORIES
from agent.change import Change
from agent.exceptions import ToolFailed
from agent.memory import neighbours
from agent.models import Memory, MemoryRevision
from agent.support.counts import too_long
from agent.support.words import index_text, name_of, same_text, stem, storable, terms, text_key
from agent.text import search_index
from agent.text.references import as_id, by_title, missing
from agent.text.search_index import Hit

MAX_TITLE = 200
MAX_CONTENT = 10_000
MAX_CATEGORY = 50
MAX_WORDS = 50  # of a search that are compared with a memory

_Action = MemoryRevision.Action


# -- reading ---------------------------------------------------------------------------------------


def recall(project_id: UUID, text: str, limit: int) -> list[Memory]:
    """Returns the memories that match `text`, best match first."""
    return [memory for memory, _ in explained(project_id, text, limit)]


def explained(project_id: UUID, text: str, limit: int) -> list[tuple[Memory, Hit]]:
    """As `recall`, with the reason for each."""
    hits = search_index.explained(project_id, "memory", text, limit)
    by_id = Memory.objects.in_bulk([hit.object_id for hit in hits])
    return [(by_id[hit.object_id], hit) for hit in hits if hit.object_id in by_id]


def search(project_id: UUID, text: str, limit: int) -> list[Memory]:
    """As `recall`, without memories that match only by what was said beside them."""
    wanted = {stem(word) for word in terms(text, MAX_WORDS)}
    return [
        memory
        for memory in recall(project_id, text, limit)
        if wanted & {stem(word) for word in index_text(_own_text(memory)).split()}
    ]


def _own_text(memory: Memory) -> str:
    return f"{memory.title}\n{memory.content}\n{memory.category}"


def find_memory(project_id: UUID, reference: str, *, lock: bool = False) -> Memory:
    """Returns the memory with the id or title `reference`. Raises ToolFailed if there is none.

    `lock`: nobody else changes it until the transaction ends.
    """
    memories = Memory.objects.filter(project_id=project_id)
    memory: Memory | None
    if (memory_id := as_id(reference)) is not None:
        memory = memories.filter(pk=memory_id).first()
        if memory is None:
            raise missing("memory", project_id, memory_id, memories)
    else:
        memory = memories.get(pk=by_title("memory", reference, project_id, memories))
    return _locked(memory) if lock else memory


def memory_json(memory: Memory) -> dict[str, Any]:
    return {
        "id": str(memory.pk),
        "title": memory.title,
        "content": memory.content,
        "kind": str(memory.kind),
        "category": memory.category,
    }


# -- writing ---------------------------------------------------------------------------------------


def remember(
    *,
    project_id: UUID,
    title: str,
    content: str,
    kind: str,
    category: str = "",
    source_message_id: UUID | None = None,
    run_id: UUID | None = None,
    by_id: int | None = None,
) -> tuple[Memory, Change | None]:
    """Creates a memory, or revises the one that has this content, or this title and kind.

    Returns the memory and the change; None if the memory already says exactly this. Raises `QuotaReached`.
    """
    existing = same_memory(project_id, title, content, kind)
    if existing is not None:
        return _revise_existing(
            existing, title, content, kind, category, run_id=run_id, by_id=by_id
        )
    memory = Memory(project_id=project_id, source_message_id=source_message_id)
    _set(memory, title, content, kind, category)
    MEMORIES.take(project_id)
    memory.save(force_insert=True)
    neighbours.index(memory)
    _add_revision(memory, _Action.CREATED, run_id, by_id)
    return memory, Change("memory", memory.pk, "created", None, memory_json(memory))


def revise(
    *,
    memory: Memory,
    title: str | None = None,
    content: str | None = None,
    kind: str | None = None,
    category: str | None = None,
    run_id: UUID | None = None,
    by_id: int | None = None,
) -> tuple[Memory, Change | None]:
    """Sets the given fields. Returns None as the change if all of them have these values already."""
    memory = _locked(memory)
    before = memory_json(memory)
    _set(memory, title, content, kind, category)
    after = memory_json(memory)
    if after == before:
        return memory, None
    memory.save(
        update_fields=[
            *("title", "title_key", "content", "content_key", "kind", "category", "updated_at")
        ]
    )
    if memory.deleted_at is None:
        neighbours.index(memory)
    _add_revision(memory, _Action.UPDATED, run_id, by_id)
    return memory, Change("memory", memory.pk, "updated", before, after)


def forget(
    *, memory: Memory, run_id: UUID | None = None, by_id: int | None = None
) -> tuple[Memory, Change]:
    """Marks the memory as deleted. It is no longer recalled, and can be restored."""
    memory = _locked(memory)
    if memory.deleted_at is not None:
        raise ToolFailed(f"The memory “{memory.title}” is already deleted.")
    MEMORIES.give_back(memory.project_id)
    memory.deleted_at = timezone.now()
    memory.save(update_fields=["deleted_at", "updated_at"])
    neighbours.remove(memory)
    _add_revision(memory, _Action.DELETED, run_id, by_id)
    return memory, Change("memory", memory.pk, "deleted", memory_json(memory), None)


def restore(
    *, memory: Memory, run_id: UUID | None = None, by_id: int | None = None
) -> tuple[Memory, Change]:
    """Restores a deleted memory as it was."""
    memory = _locked(memory)
    if memory.deleted_at is None:
        raise ToolFailed(f"The memory “{memory.title}” is not deleted.")
    MEMORIES.take(memory.project_id)
    memory.deleted_at = None
    memory.save(update_fields=["deleted_at", "updated_at"])
    neighbours.index(memory)
    _add_revision(memory, _Action.RESTORED, run_id, by_id)
    return memory, Change("memory", memory.pk, "restored", None, memory_json(memory))


def same_memory(project_id: UUID, title: str, content: str, kind: str) -> Memory | None:
    """Returns the memory with this content, or else the one with this title and kind."""
    memories = Memory.objects.filter(project_id=project_id)
    same_content: Memory | None = memories.filter(content_key=text_key(content)).first()
    return same_content or memories.filter(title_key=text_key(title), kind=kind).first()


def _revise_existing(
    memory: Memory, title: str, content: str, kind: str, category: str, **author: Any
) -> tuple[Memory, Change | None]:
    """Revises the fields that differ by more than case, spaces or the last dot."""
    return revise(
        memory=memory,
        title=None if same_text(memory.title) == same_text(title) else title,
        content=None if same_text(memory.content) == same_text(content) else content,
        kind=kind,
        category=category or None,
        **author,
    )


def _set(
    memory: Memory, title: str | None, content: str | None, kind: str | None, category: str | None
) -> None:
    if title is not None:
        memory.title = _text("title", name_of(title), 1, MAX_TITLE)
    if content is not None:
        memory.content = _text("content", content, 1, MAX_CONTENT)
    if category is not None:
        memory.category = _text("category", name_of(category), 0, MAX_CATEGORY)
    if kind is not None:
        if kind not in Memory.Kind.values:
            raise ToolFailed(f"kind must be one of {', '.join(Memory.Kind.values)}, not {kind!r}.")
        memory.kind = kind


def _text(name: str, text: str, minimum: int, maximum: int) -> str:
    text = storable(text)
    if len(text) < minimum:
        raise ToolFailed(f"The {name} is empty, or shows nothing.")
    if len(text) > maximum:
        raise ToolFailed(f"{too_long(f'The {name}', len(text), maximum)}.")
    return text


def _locked(memory: Memory) -> Memory:
    """Returns the memory read again, with its row locked until the transaction ends."""
    row: Memory = Memory.all_objects.select_for_update().get(pk=memory.pk)
    return row


def _add_revision(memory: Memory, action: str, run_id: UUID | None, by_id: int | None) -> None:
    last = MemoryRevision.objects.filter(memory=memory).aggregate(last=Max("number"))["last"] or 0
    MemoryRevision.objects.create(
        memory=memory,
        number=last + 1,
        action=action,
        title=memory.title,
        content=memory.content,
        kind=memory.kind,
        category=memory.category,
        run_id=run_id,
        by_id=by_id,
    )
