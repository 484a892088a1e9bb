"""Everything of one account as JSON Lines: what the person owns, and what the person wrote elsewhere.

The file is written while it is sent, a few rows at a time. Each line is an object whose `type` says what
it is. It has no keys of tokens and no secrets of links: the server does not have them.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from django.contrib.auth.models import User
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from rest_framework.utils.encoders import JSONEncoder

from agent.accounts import audit
from agent.accounts.audit import Deed, record
from agent.event_log.times import now
from agent.models import (
    ApiToken,
    Approval,
    AuditEntry,
    ChatSession,
    Feedback,
    Membership,
    Memory,
    MemoryRevision,
    Message,
    Project,
    Run,
    SharedLink,
    Task,
)
from agent.support import database
from chat.api.serializers import (
    FeedbackSerializer,
    MemorySerializer,
    ProjectSerializer,
    RevisionSerializer,
    SessionSerializer,
    SharedLinkSerializer,
    TokenSerializer,
)
from chat.api.task_serializers import TaskSerializer, tasks_shown

FORMAT, VERSION = "samurai-agent-account", 1
# Rows that are read and written as JSON at a time, in a thread.
AT_A_TIME = 50

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of one type: the rows, and how some of them are shown."""

    type: str
    rows: Callable[[User], QuerySet[Any]]
    show: Callable[[list[Any]], Iterable[Line]]


def file_name(user: User) -> str:
    return f"account-{user.pk}.jsonl"


def begin(user: User, *, by: User | None) -> None:
    record(Deed.USER_EXPORTED, user, by=by)


async def lines(user: User) -> AsyncGenerator[str, None]:
    """Yields the file, some lines at a time."""
    yield await database.call(_head, user)
    for part in _PARTS:
        keys = await database.call(_keys, part, user)
        for start in range(0, len(keys), AT_A_TIME):
            yield await database.call(_lines, part, user, keys[start : start + AT_A_TIME])


def _head(user: User) -> str:
    fields = ("id", "username", "email", "first_name", "last_name", "is_staff", "is_superuser")
    times = ("date_joined", "last_login")
    profile = {name: getattr(user, name) for name in (*fields, *times)}
    groups = list(user.groups.order_by("name").values_list("name", flat=True))
    head = {"type": "export", "format": FORMAT, "version": VERSION, "exported_at": now()}
    return _json(head) + _json({"type": "profile", **profile, "groups": groups})


def _keys(part: Part, user: User) -> list[Any]:
    return list(part.rows(user).values_list("pk", flat=True))


def _lines(part: Part, user: User, keys: list[Any]) -> str:
    rows = list(part.rows(user).filter(pk__in=keys))
    return "".join(_json({"type": part.type, **line}) for line in part.show(rows))


def _json(value: Line) -> str:
    return json.dumps(value, cls=JSONEncoder, ensure_ascii=False) + "\n"


def _serialized(serializer: Any) -> Callable[[list[Any]], Iterable[Line]]:
    return lambda rows: serializer(rows, many=True).data


# -- what is in it ---------------------------------------------------------------------------------


def _projects(rows: list[Project]) -> Iterable[Line]:
    for row in rows:
        asking = {"request": SimpleNamespace(user=row.owner)}
        yield ProjectSerializer(row, context=asking).data


def _membership(row: Membership) -> Line:
    return {"project": row.project_id, "role": row.role, "created_at": row.created_at}


def _message(row: Message) -> Line:
    return {
        "id": row.pk,
        "session": row.session_id,
        "role": row.role,
        "author": row.author.get_username() if row.author else None,
        "content": row.content,
        "created_at": row.created_at,
    }


def _tasks(rows: list[Task]) -> Iterable[Line]:
    shown = TaskSerializer(tasks_shown(rows), many=True).data
    for row, line in zip(rows, shown, strict=True):
        yield {**line, "deleted_at": row.deleted_at}


def _run(row: Run) -> Line:
    names = ("status", "model", "usage", "error_code", "created_at", "finished_at")
    ids = {"id": row.pk, "session": row.session_id, "message": row.message_id}
    return ids | {name: getattr(row, name) for name in names}


def _memories(rows: list[Memory]) -> Iterable[Line]:
    for row in rows:
        yield {
            "project": row.project_id,
            "deleted_at": row.deleted_at,
            **MemorySerializer(row).data,
        }


def _revisions(rows: list[MemoryRevision]) -> Iterable[Line]:
    for row in rows:
        yield {"memory": row.memory_id, **RevisionSerializer(row).data}


def _decision(row: Approval) -> Line:
    return {
        "id": row.pk,
        "run": row.run_id,
        "status": row.status,
        "reason": row.reason,
        "comments": row.comments,
        "decided_at": row.decided_at,
    }


def _feedback(rows: list[Feedback]) -> Iterable[Line]:
    for row in rows:
        yield {"run": row.run_id, **FeedbackSerializer(row).data}


def _link(row: SharedLink) -> Line:
    shown = SharedLinkSerializer(row).data
    return {**shown, "session": row.session_id, "revoked_at": row.revoked_at}


def _token(row: ApiToken) -> Line:
    return {**TokenSerializer(row).data, "revoked_at": row.revoked_at}


def _each(show: Callable[[Any], Line]) -> Callable[[list[Any]], Iterable[Line]]:
    return lambda rows: map(show, rows)


def _of(user: User, project: str) -> Q:
    """Returns the condition that `project`, a path to a project, is the user's own."""
    return Q(**{f"{project}__owner": user})


def _entry(row: AuditEntry) -> Line:
    """Of what somebody else did, leaves out from where."""
    line = audit.shown(row)
    if not row.is_others:  # type: ignore[attr-defined]  # by `_about`
        return line
    details = {name: value for name, value in row.details.items() if name != "token"}
    return {**line, "address": "", "request": "", "details": details}


def _about(user: User) -> QuerySet[AuditEntry]:
    """Returns what the user did, and what was done to the account and its tokens. `is_others`: by somebody
    else, who is known.
    """
    about = Q(actor_id=user.pk) | Q(kind="user", object_id=str(user.pk))
    tokens = ApiToken.objects.filter(user=user).values_list("pk", flat=True)
    about |= Q(kind="access token", object_id__in=[str(key) for key in tokens])
    others = Q(actor_id__isnull=False) & ~Q(actor_id=user.pk)
    rows = AuditEntry.objects.filter(about).order_by("id")
    return rows.annotate(is_others=ExpressionWrapper(others, BooleanField()))


_PARTS = (
    Part(
        "membership",
        lambda user: Membership.objects.filter(user=user).order_by("pk"),
        _each(_membership),
    ),
    Part(
        "project",
        lambda user: (
            Project.objects.filter(owner=user).select_related("owner").order_by("created_at", "pk")
        ),
        _projects,
    ),
    Part(
        "task",
        lambda user: Task.all_objects.filter(_of(user, "project")).order_by("project", "number"),
        _tasks,
    ),
    Part(
        "memory",
        lambda user: Memory.all_objects.filter(_of(user, "project")).order_by("created_at", "pk"),
        _memories,
    ),
    Part(
        "memory_revision",
        lambda user: (
            MemoryRevision.objects.filter(_of(user, "memory__project") | Q(by=user))
            .select_related("by", "memory")
            .order_by("created_at", "pk")
        ),
        _revisions,
    ),
    Part(
        "session",
        lambda user: (
            ChatSession.objects.filter(_of(user, "project") | Q(created_by=user))
            .select_related("created_by", "project")
            .order_by("created_at", "pk")
        ),
        _serialized(SessionSerializer),
    ),
    Part(
        "message",
        lambda user: (
            Message.objects.filter(_of(user, "session__project") | Q(author=user))
            .select_related("author")
            .order_by("created_at", "pk")
        ),
        _each(_message),
    ),
    Part(
        "run",
        lambda user: Run.objects.filter(created_by=user).order_by("created_at", "pk"),
        _each(_run),
    ),
    Part(
        "decision",
        lambda user: Approval.objects.filter(decided_by=user).order_by("decided_at", "pk"),
        _each(_decision),
    ),
    Part(
        "feedback",
        lambda user: Feedback.objects.filter(user=user).order_by("created_at", "pk"),
        _feedback,
    ),
    Part(
        "access_token",
        lambda user: ApiToken.objects.filter(user=user).order_by("created_at", "pk"),
        _each(_token),
    ),
    Part(
        "shared_link",
        lambda user: (
            SharedLink.objects.filter(created_by=user)
            .select_related("created_by", "run")
            .order_by("created_at", "pk")
        ),
        _each(_link),
    ),
    Part("audit", _about, _each(_entry)),
)
