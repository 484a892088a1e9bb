"""The only writer of memories: remember, consolidate, revise, forget, restore; and recall.

Called inside its caller's transaction; emits no events itself. Every change is a revision.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Max, Q
from django.utils import timezone

from agent.change import Change
from agent.exceptions import ToolFailed
from agent.llm.base import MemoryNote
from agent.models import Memory, MemoryRevision, Message, Run, SearchEntry
from agent.text import lookup, search_index
from agent.text.words import same_text, storable

logger = logging.getLogger(__name__)

MAX_TITLE = 200
MAX_CONTENT = 10_000
MAX_CATEGORY = 50
# Characters of each message around a memory that count as its neighbours: enough for its subject,
# short enough that a long message does not drown what was remembered of it.
NEIGHBOUR = 2_000

# What people call a kind when they ask for it: "what did we decide?".
_CALLED = {
    Memory.Kind.DECISION: "decision decided chose",
    Memory.Kind.PREFERENCE: "preference preferred",
    Memory.Kind.SPEC: "spec specification requirement",
}
_Action = MemoryRevision.Action


# -- reading ---------------------------------------------------------------------------------------


def recall(project_id: UUID, text: str, limit: int) -> list[Memory]:
    """Returns the memories that have to do with `text`, best first."""
    ids = search_index.search(project_id, "memory", text, limit)
    found = Memory.objects.in_bulk(ids)
    return [found[key] for key in ids if key in found]


def find_memory(project_id: UUID, reference: str) -> Memory:
    """Returns the memory that `reference`, an id or a title, means. Raises ToolFailed, in words."""
    memories = Memory.objects.filter(project_id=project_id)
    if (memory_id := lookup.as_id(reference)) is not None:
        found: Memory | None = memories.filter(pk=memory_id).first()
        if found is None:
            raise ToolFailed(f"There is no memory with the id {memory_id} in this project.")
        return found
    titles = dict(memories.values_list("pk", "title"))
    memory: Memory = Memory.objects.get(pk=lookup.by_title("memory", reference, titles))
    return memory


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
    """Remembers once: the same content, or the same title of the same kind, is revised instead.

    Returns the memory and what was done; None when memory said exactly this already.
    """
    known = _known(project_id, title, content, kind)
    if known is not None:
        return _remember_again(known, title, content, kind, category, run_id=run_id, by_id=by_id)
    memory = Memory(project_id=project_id, source_message_id=source_message_id)
    _set(memory, title, content, kind, category)
    memory.save(force_insert=True)
    search_index.put([_entry(memory)])
    _keep(memory, _Action.CREATED, run_id, by_id)
    return memory, Change("memory", memory.pk, "created", None, memory_json(memory))


def consolidate(run: Run, notes: Iterable[MemoryNote]) -> list[Change]:
    """Keeps what a model found worth remembering in the run's exchange: revises, or remembers.

    A note that cannot be kept as it is (no such kind, too long) is left out; the others are kept.
    """
    changes = []
    for note in notes:
        try:
            change = _keep_note(run, note)
        except ToolFailed as error:
            logger.warning("run %s: a note was left out: %s", run.pk, error)
            continue
        if change is not None:
            changes.append(change)
    return changes


def _keep_note(run: Run, note: MemoryNote) -> Change | None:
    known = _noted(run, note)
    said: dict[str, Any] = {"title": note.title, "content": note.content, "kind": note.kind}
    who: dict[str, Any] = {"run_id": run.pk, "by_id": run.created_by_id}
    if known is not None:
        return revise(memory=known, **said, category=note.category or None, **who)[1]
    return remember(
        project_id=run.session.project_id,
        **said,
        category=note.category,
        source_message_id=run.message_id,
        **who,
    )[1]


def _noted(run: Run, note: MemoryNote) -> Memory | None:
    """Returns the memory that the note revises; a model may name one that is not there."""
    memory_id = lookup.as_id(note.memory_id or "")
    found: Memory | None = Memory.objects.filter(
        project_id=run.session.project_id, pk=memory_id
    ).first()
    return found


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
    """Changes what is given; no change when all of it is so already."""
    memory = _locked(memory)
    before = memory_json(memory)
    _set(memory, title, content, kind, category)
    after = memory_json(memory)
    if after == before:
        return memory, None
    memory.save(update_fields=["title", "content", "kind", "category", "updated_at"])
    if memory.deleted_at is None:
        search_index.put([_entry(memory)])
    _keep(memory, _Action.UPDATED, run_id, by_id)
    return memory, Change("memory", memory.pk, "updated", before, after)


def forget(
    *, memory: Memory, run_id: UUID | None = None, by_id: int | None = None
) -> tuple[Memory, Change]:
    """Marks the memory as deleted: it is recalled no more, and can be restored."""
    memory = _locked(memory)
    if memory.deleted_at is not None:
        raise ToolFailed(f"The memory “{memory.title}” is forgotten already.")
    memory.deleted_at = timezone.now()
    memory.save(update_fields=["deleted_at", "updated_at"])
    search_index.remove(memory.pk)
    _keep(memory, _Action.DELETED, run_id, by_id)
    return memory, Change("memory", memory.pk, "deleted", memory_json(memory), None)


def restore(
    *, memory: Memory, run_id: UUID | None = None, by_id: int | None = None
) -> tuple[Memory, Change]:
    """Brings a forgotten memory back as it was."""
    memory = _locked(memory)
    if memory.deleted_at is None:
        raise ToolFailed(f"The memory “{memory.title}” is not forgotten.")
    memory.deleted_at = None
    memory.save(update_fields=["deleted_at", "updated_at"])
    search_index.put([_entry(memory)])
    _keep(memory, _Action.RESTORED, run_id, by_id)
    return memory, Change("memory", memory.pk, "restored", None, memory_json(memory))


def _known(project_id: UUID, title: str, content: str, kind: str) -> Memory | None:
    """Returns the memory that says the same, or else the one of this kind with this title."""
    memories = list(Memory.objects.filter(project_id=project_id))
    wanted = same_text(content)
    same = [memory for memory in memories if same_text(memory.content) == wanted]
    named = [
        memory
        for memory in memories
        if memory.kind == kind and same_text(memory.title) == same_text(title)
    ]
    return next(iter([*same, *named]), None)


def _remember_again(
    memory: Memory, title: str, content: str, kind: str, category: str, **who: Any
) -> tuple[Memory, Change | None]:
    """Revises `memory` where it says something else; another dot or capital is nothing else."""
    return revise(
        memory=memory,
        title=None if same_text(memory.title) == same_text(title) else title,
        content=None if same_text(memory.content) == same_text(content) else content,
        kind=kind,
        category=category or None,
        **who,
    )


def _set(
    memory: Memory, title: str | None, content: str | None, kind: str | None, category: str | None
) -> None:
    if title is not None:
        memory.title = _text("title", title, 1, MAX_TITLE)
    if content is not None:
        memory.content = _text("content", content, 1, MAX_CONTENT)
    if category is not None:
        memory.category = _text("category", category, 0, MAX_CATEGORY)
    if kind is not None:
        if kind not in Memory.Kind.values:
            raise ToolFailed(f"The kind is one of {', '.join(Memory.Kind.values)}, not {kind!r}.")
        memory.kind = kind


def _text(name: str, text: str, least: int, most: int) -> str:
    kept = storable(text)
    if not least <= len(kept) <= most:
        raise ToolFailed(f"The {name} has {least} to {most:,} characters, not {len(kept):,}.")
    return kept


def _locked(memory: Memory) -> Memory:
    """Returns the memory as it is now, kept from others until the transaction ends."""
    found: Memory = Memory.all_objects.select_for_update().get(pk=memory.pk)
    return found


def _keep(memory: Memory, action: str, run_id: UUID | None, by_id: int | None) -> None:
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


# -- the index -------------------------------------------------------------------------------------


def _entry(memory: Memory) -> SearchEntry:
    around = _source_text(memory.source_message_id)
    return search_index.entry(
        project_id=memory.project_id,
        kind="memory",
        object_id=memory.pk,
        body=f"{memory.title}\n{memory.content}\n{memory.category}",
        neighbours=f"{_CALLED.get(Memory.Kind(memory.kind), '')}\n{around}",
    )


def _source_text(message_id: UUID | None) -> str:
    """Returns the message and the one before it in its session, each cut to its beginning."""
    message = None if message_id is None else Message.objects.filter(pk=message_id).first()
    if message is None:
        return ""
    before = Message.objects.filter(
        Q(created_at__lt=message.created_at) | Q(created_at=message.created_at, pk__lt=message.pk),
        session_id=message.session_id,
    ).last()
    said = [message] if before is None else [before, message]
    return "\n".join(one.content[:NEIGHBOUR] for one in said)
