"""Exports of sessions and memories as streamed files: event logs, transcripts, JSON Lines."""

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

BATCH = 200  # memories per query
FORMATS = {"jsonl": "application/x-ndjson", "md": "text/markdown"}


def of_sessions(sessions: Iterable[ChatSession], kind: str) -> StreamingHttpResponse:
    """Returns event logs as JSON Lines (`kind` "jsonl") or transcripts as Markdown ("md").

    Each log begins with a line about its session.
    """
    export = _log_of if kind == "jsonl" else _markdown_of
    return _file(_joined([export(session) for session in sessions]), f"sessions.{kind}")


def of_memories(ids: Sequence[UUID]) -> StreamingHttpResponse:
    return _file(_memories(ids), "memories.jsonl")


def _file(parts: AsyncIterator[str], name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(parts, content_type=FORMATS[name.rpartition(".")[2]])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


async def _log_of(session: ChatSession) -> AsyncIterator[str]:
    header = {"id": str(session.pk), "title": session.title, "project": str(session.project)}
    yield _line({"session": header})
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


async def _joined(files: Iterable[AsyncIterator[str]]) -> AsyncIterator[str]:
    for parts in files:
        async for part in parts:
            yield part


async def _memories(ids: Sequence[UUID]) -> AsyncIterator[str]:
    for start in range(0, len(ids), BATCH):
        yield await database.call(_memory_lines, ids[start : start + BATCH])


def _memory_lines(ids: Sequence[UUID]) -> str:
    by_id = Memory.all_objects.select_related("project").in_bulk(ids)
    rows = [by_id[pk] for pk in ids if pk in by_id]
    return "".join(
        _line({"project": str(row.project), **memories.memory_json(row)}) for row in rows
    )
