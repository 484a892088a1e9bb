"""Files that the admin hands out: a session's log or transcript, and memories. Streamed, part by part."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse

from agent.admin import transcript
from agent.event_log import log
from agent.memory import memories
from agent.models import ChatSession, Memory
from agent.support import database

CHUNK = 200  # memories read at once
FORMATS = {"jsonl": "application/x-ndjson", "md": "text/markdown"}


def of_sessions(sessions: Iterable[ChatSession], kind: str) -> StreamingHttpResponse:
    """Returns the logs as JSON Lines, each behind a line on its session, or what was said as Markdown."""
    how = _log_of if kind == "jsonl" else _markdown_of
    return _file(_joined([how(session) for session in sessions]), f"sessions.{kind}")


def of_memories(ids: Sequence[UUID]) -> StreamingHttpResponse:
    return _file(_memories(ids), "memories.jsonl")


def _file(parts: AsyncIterator[str], name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(parts, content_type=FORMATS[name.rpartition(".")[2]])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


async def _log_of(session: ChatSession) -> AsyncIterator[str]:
    about = {"id": str(session.pk), "title": session.title, "project": str(session.project)}
    yield _line({"session": about})
    after = 0
    while frames := await log.read(session.pk, after):
        after = frames[-1].seq
        yield "".join(f"{frame.body}\n" for frame in frames)


async def _markdown_of(session: ChatSession) -> AsyncIterator[str]:
    yield transcript.heading(session)
    number = 0
    while exchanges := await database.call(transcript.after, session, number):
        number = exchanges[-1].run.number
        yield "".join(map(transcript.as_markdown, exchanges))


async def _joined(parts: Iterable[AsyncIterator[str]]) -> AsyncIterator[str]:
    for several in parts:
        async for part in several:
            yield part


async def _memories(ids: Sequence[UUID]) -> AsyncIterator[str]:
    for start in range(0, len(ids), CHUNK):
        yield await database.call(_memory_lines, ids[start : start + CHUNK])


def _memory_lines(ids: Sequence[UUID]) -> str:
    rows = Memory.all_objects.select_related("project").in_bulk(ids)
    found = [rows[pk] for pk in ids if pk in rows]
    return "".join(
        _line({"project": str(row.project), **memories.memory_json(row)}) for row in found
    )
