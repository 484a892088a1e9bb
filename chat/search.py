"""Finds what a person may view, by words while they are typed, among all kinds of objects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Case, Q, QuerySet, Value, When
from django.db.models.functions import Substr
from django.urls import reverse

from agent.shorten import shorten
from agent.support.words import READ, storable
from agent.text import message_index
from agent.text.references import as_number
from chat import access

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_QUERY = 200  # characters
MAX_WORDS = 10
MOST = 5  # results of each kind
MAX_EXCERPT = 160  # characters


@dataclass(frozen=True, slots=True)
class Found:
    """An object that was found. `kind`: project, session, task, memory or message; `title`: of a message,
    its session's; `excerpt`: the text around the first word; `url`: the path of the page that shows it.
    """

    kind: str
    id: UUID
    title: str
    excerpt: str
    project: str
    url: str


def find(user: User, text: str) -> list[Found]:
    """Returns the objects that have every word of `text` in their title or text, also as a part of a
    word, and the messages that have words which begin so: at most `MOST` of each kind, those first whose
    title begins with `text`, then by title, then the newest.
    """
    words = storable(text)[:MAX_QUERY].split()[:MAX_WORDS]
    if not words or not user.is_active:
        return []
    return [
        *_projects(user, words),
        *_sessions(user, words),
        *_tasks(user, words),
        *_memories(user, words),
        *_messages(user, words),
    ]


def _projects(user: User, words: list[str]) -> list[Found]:
    rows = _best(access.projects(user), words, "name", "description").order_by(
        "rank", "-created_at"
    )
    return [
        Found("project", row.pk, row.name, _excerpt(row.description, words), row.name, url)
        for row in rows[:MOST]
        for url in [reverse("project", args=[row.pk])]
    ]


def _sessions(user: User, words: list[str]) -> list[Found]:
    rows = _best(access.sessions(user), words, "title").order_by("rank", "-updated_at")
    return [
        Found("session", row.pk, str(row), "", row.project.name, reverse("session", args=[row.pk]))
        for row in rows[:MOST]
    ]


def _tasks(user: User, words: list[str]) -> list[Found]:
    rows = access.tasks(user).select_related("project")
    number = as_number(" ".join(words))
    best = _best(rows, words, "title", "description").order_by("rank", "-updated_at")
    found = best if number is None else rows.filter(number=number).order_by("-updated_at")
    return [
        Found(
            "task",
            row.pk,
            f"#{row.number} {row.title}",
            _excerpt(row.description, words),
            row.project.name,
            reverse("task", args=[row.pk]),
        )
        for row in found[:MOST]
    ]


def _memories(user: User, words: list[str]) -> list[Found]:
    rows = _best(access.memories(user).select_related("project"), words, "title", "content")
    return [
        Found(
            "memory",
            row.pk,
            row.title,
            _excerpt(row.content, words),
            row.project.name,
            reverse("memory", args=[row.pk]),
        )
        for row in rows.order_by("rank", "-updated_at")[:MOST]
    ]


def _messages(user: User, words: list[str]) -> list[Found]:
    projects = access.projects(user).values_list("pk", flat=True)
    keys = message_index.find(list(projects), words, MOST)
    rows = access.messages(user).filter(pk__in=keys).defer("content", "words")
    rows = rows.select_related("session__project").annotate(start=Substr("content", 1, READ))
    return [
        Found(
            "message",
            row.pk,
            str(row.session),
            _excerpt(row.start, words),
            row.session.project.name,
            f"{reverse('session', args=[row.session_id])}#message-{row.pk}",
        )
        for row in rows.order_by("-created_at", "-pk")
    ]


def _best(rows: QuerySet[Any], words: list[str], title: str, *texts: str) -> QuerySet[Any]:
    """Returns the rows that have all words, with their `rank`, the lowest first."""
    begins = When(**{f"{title}__istartswith": " ".join(words)}, then=Value(0))
    rank = Case(begins, When(_every(words, title), then=Value(1)), default=Value(2))
    best: QuerySet[Any] = rows.filter(_every(words, title, *texts)).annotate(rank=rank)
    return best


def _every(words: list[str], *names: str) -> Q:
    """Returns the condition that each word is in one of the fields `names`."""
    conditions = []
    for word in words:
        condition = Q()
        for name in names:
            condition |= Q(**{f"{name}__icontains": word})
        conditions.append(condition)
    return reduce(and_, conditions)


def _excerpt(text: str, words: list[str]) -> str:
    text = " ".join(text[:READ].split())
    lower = text.lower()
    places = [place for word in words if (place := lower.find(word.lower())) >= 0]
    start = max(0, min(places, default=0) - MAX_EXCERPT // 3)
    return ("…" if start else "") + shorten(text[start:], MAX_EXCERPT)
