"""The index entries of memories, with the text around each: it is found by what was said beside it too.

Around a memory that was learned from a message are the messages before and after; around another one
the memories that were made before and after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from agent.models import Memory, Message, SearchEntry
from agent.support import raw_sql
from agent.support.words import index_text, same_text
from agent.text import search_index

REACH = 2  # neighbours on each side
# Characters of each neighbour: enough for the subject, and short enough that the memory outweighs it.
MAX_TEXT = 500

# Words by which people search for a kind: "what did we decide?".
_KIND_WORDS = {
    Memory.Kind.DECISION: "decision decided chose",
    Memory.Kind.PREFERENCE: "preference preferred",
    Memory.Kind.SPEC: "spec specification requirement",
}


def index(memory: Memory) -> None:
    """Adds the memory to the index, or its new text, also to the entries around it."""
    entry = search_index.entry(
        project_id=memory.project_id,
        kind="memory",
        object_id=memory.pk,
        body=f"{memory.title}\n{memory.content}\n{memory.category}",
        neighbours="\n".join([_kind_words(memory), *_messages_around(memory)]),
    )
    search_index.put([entry])
    _refresh(memory.project_id, entry.pk)


def remove(memory: Memory) -> None:
    """Removes the memory from the index, and its text from the entries around it."""
    entry = SearchEntry.objects.filter(object_id=memory.pk).first()
    if entry is not None:
        search_index.remove(memory.pk)
        _refresh(memory.project_id, entry.pk)


_LEARNED_LATELY = f"""
deleted_at IS NULL AND source_message_id IN (SELECT id FROM (
    SELECT id FROM agent_message WHERE session_id = %s ORDER BY created_at DESC, id DESC LIMIT {2 * REACH + 1}
) latest)
"""


def refresh_session(session_id: UUID) -> None:
    """Adds the session's latest messages to the memories that were learned just before them."""
    for memory in raw_sql.select(Memory, _LEARNED_LATELY, session_id):
        index(memory)


def _kind_words(memory: Memory) -> str:
    return _KIND_WORDS.get(Memory.Kind(memory.kind), "")


def _messages_around(memory: Memory) -> list[str]:
    """Returns the beginnings of the messages around the memory's own, which is left out if it says
    the same.
    """
    own = memory.source_message
    if own is None:
        return []
    before = Q(created_at__lt=own.created_at) | Q(created_at=own.created_at, pk__lt=own.pk)
    after = Q(created_at__gt=own.created_at) | Q(created_at=own.created_at, pk__gt=own.pk)
    messages = Message.objects.filter(session_id=own.session_id)
    around = [
        *messages.filter(before).order_by("-created_at", "-pk")[:REACH],
        *messages.filter(after).order_by("created_at", "pk")[:REACH],
    ]
    if same_text(own.content) != same_text(memory.content):
        around.insert(0, own)
    return [message.content[:MAX_TEXT] for message in around]


def _refresh(project_id: UUID, key: int) -> None:
    """Writes the neighbours of the entry with this key and of those around it anew.

    An entry is as old as its memory, so that the order of the keys is that of the memories.
    """
    entries = SearchEntry.objects.filter(project_id=project_id, kind="memory")
    before = list(entries.filter(pk__lte=key).order_by("-pk")[: 2 * REACH + 1])[::-1]
    after = list(entries.filter(pk__gt=key).order_by("pk")[: 2 * REACH])
    near = [*before[-REACH - 1 :], *after[:REACH]]
    rows = [*before, *after]
    alone = _without_message(entry.object_id for entry in near)
    for entry in near:
        if (memory := alone.get(entry.object_id)) is not None:
            place = rows.index(entry)
            around = [*rows[max(place - REACH, 0) : place], *rows[place + 1 : place + 1 + REACH]]
            _save_neighbours(entry, _kind_words(memory), around)


def _without_message(keys: Iterable[UUID]) -> dict[UUID, Memory]:
    memories = Memory.objects.filter(pk__in=list(keys), source_message=None)
    return {memory.pk: memory for memory in memories}


def _save_neighbours(entry: SearchEntry, words: str, around: Iterable[SearchEntry]) -> None:
    text = " ".join([index_text(words), *(other.body[:MAX_TEXT] for other in around)]).strip()
    if text != entry.neighbours:
        entry.neighbours = text
        raw_sql.save(entry, "neighbours")
