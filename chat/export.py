"""A project as one JSON file: the project, its members, the tools that are switched off in it, tasks,
memories and sessions with their messages.

The file is written while it is sent, a few rows at a time. Each part is as it was when it was read.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.text import slugify
from rest_framework.utils.encoders import JSONEncoder

from agent.event_log.times import now
from agent.models import Memory, Message, Project, SwitchedOffTool, Task
from agent.support import database
from chat import access
from chat.api.serializers import (
    MemberSerializer,
    MemorySerializer,
    ProjectSerializer,
    RevisionSerializer,
    SessionSerializer,
)
from chat.api.task_serializers import TaskSerializer, tasks_shown

FORMAT, VERSION = "samurai-agent-project", 1
# Rows that are read and written as JSON at a time, in a thread.
AT_A_TIME = 50

# Rows of some ids as JSON texts, in the order of the ids.
Write = Callable[[Sequence[UUID]], list[str]]


def file_name(project: Project) -> str:
    return f"{slugify(project.name)[:60] or 'project'}.json"


async def parts(user: User, project: Project) -> AsyncGenerator[str, None]:
    """Yields the file. Raises Http404 if the user loses the access to the project meanwhile."""
    yield await database.call(_head, user, project)
    yield ',\n"tasks": ['
    async for part in _array(project.tasks.filter(deleted_at=None).order_by("number"), _tasks):
        yield part
    yield '],\n"memories": ['
    memories = project.memories.filter(deleted_at=None).order_by("created_at", "id")
    async for part in _array(memories, _memories):
        yield part
    yield '],\n"sessions": ['
    keys = await _ids(project.sessions.order_by("created_at", "id"))
    for number, key in enumerate(keys):
        yield ",\n" if number else "\n"
        async for part in _session(user, key):
            yield part
    yield "]}\n"


def _head(user: User, project: Project) -> str:
    members = project.memberships.select_related("user").order_by("created_at")
    switches = project.switched_off_tools.select_related("by")
    head = {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": now(),
        "project": ProjectSerializer(project, context={"request": SimpleNamespace(user=user)}).data,
        "members": MemberSerializer(members, many=True).data,
        "switched_off_tools": [_switch(row) for row in switches],
    }
    return _json(head)[:-1]


def _switch(row: SwitchedOffTool) -> dict[str, Any]:
    by = row.by.get_username() if row.by else None
    return {"tool": row.tool, "by": by, "created_at": row.created_at}


async def _session(user: User, key: UUID) -> AsyncGenerator[str, None]:
    session = await database.call(access.get_session, user, key)
    shown = await database.call(lambda: _json(SessionSerializer(session).data))
    yield f'{shown[:-1]}, "messages": ['
    async for part in _array(session.messages.order_by("created_at", "id"), _messages):
        yield part
    yield "]}"


async def _array(rows: QuerySet[Any], write: Write) -> AsyncGenerator[str, None]:
    keys = await _ids(rows)
    for start in range(0, len(keys), AT_A_TIME):
        texts = await database.call(write, keys[start : start + AT_A_TIME])
        yield (",\n" if start else "\n") + ",\n".join(texts)


async def _ids(rows: QuerySet[Any]) -> list[UUID]:
    return await database.call(lambda: list(rows.values_list("pk", flat=True)))


def _tasks(keys: Sequence[UUID]) -> list[str]:
    found = Task.objects.in_bulk(keys)
    shown = TaskSerializer(tasks_shown([found[key] for key in keys if key in found]), many=True)
    return [_json(row) for row in shown.data]


def _memories(keys: Sequence[UUID]) -> list[str]:
    found = Memory.objects.prefetch_related("revisions__by").in_bulk(keys)
    return [
        _json(
            {
                **MemorySerializer(found[key]).data,
                "revisions": RevisionSerializer(found[key].revisions, many=True).data,
            }
        )
        for key in keys
        if key in found
    ]


def _messages(keys: Sequence[UUID]) -> list[str]:
    found = Message.objects.select_related("author").in_bulk(keys)
    return [_json(_message(found[key])) for key in keys if key in found]


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.pk,
        "role": message.role,
        "author": message.author.get_username() if message.author else None,
        "content": message.content,
        "created_at": message.created_at,
    }


def _json(value: Any) -> str:
    return json.dumps(value, cls=JSONEncoder, ensure_ascii=False)
