"""Chat sessions, messages and the log of events in the admin."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from agent.admin.base import (
    ChoiceFilter,
    CountedDeletion,
    FactAdmin,
    FactInline,
    QuickAdmin,
    as_json,
    elapsed,
    link_to_list,
)
from agent.events import EventType
from agent.models import ChatSession, Event, Message, Run

if TYPE_CHECKING:
    FormSet = BaseInlineFormSet[Any, Any, Any]
else:
    FormSet = BaseInlineFormSet

# Runs shown on a session's page; the list of runs has them all.
LATEST = 50


class LatestFormSet(FormSet):
    """Cuts off a long history: a session may have thousands of runs."""

    _latest: Any = None

    def get_queryset(self) -> Any:
        if self._latest is None:  # kept: each form asks for it
            self._latest = super().get_queryset()[:LATEST]
        return self._latest


class RunInline(FactInline):
    model = Run
    fk_name = "session"
    formset = LatestFormSet
    ordering = ("-number",)
    fields = ("number", "status", "asked", "created_by", "took", "error_code", "created_at")
    readonly_fields = fields
    verbose_name_plural = f"latest runs, at most {LATEST}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        return super().get_queryset(request).select_related("message", "created_by")

    @admin.display(description="message")
    def asked(self, run: Run) -> str:
        return str(run.message)

    @admin.display(description="took")
    def took(self, run: Run) -> str:
        return elapsed(run)


@admin.register(ChatSession)
class ChatSessionAdmin(CountedDeletion, QuickAdmin):
    list_display = ("__str__", "project", "created_by", "run_count", "last_seq", "updated_at")
    list_select_related = ("project", "created_by")
    list_filter = ("updated_at",)
    search_fields = ("title", "project__name", "created_by__username")
    date_hierarchy = "updated_at"
    readonly_fields = ("project", "created_by", "log", "run_count", "created_at", "updated_at")
    fields = ("project", "title", "approval", *readonly_fields[1:])
    inlines = (RunInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description="log")
    def log(self, session: ChatSession) -> SafeString:
        return link_to_list(Event, f"{session.last_seq} events", session__id__exact=session.pk)


@admin.register(Message)
class MessageAdmin(FactAdmin):
    list_display = ("__str__", "role", "author", "session", "created_at")
    list_select_related = ("author", "session")
    list_filter = ("role", "created_at")
    search_fields = ("content", "author__username", "session__title")
    date_hierarchy = "created_at"
    fields = ("session", "role", "author", "content", "client_id", "created_at")
    readonly_fields = fields


class TypeFilter(ChoiceFilter):
    title = "type"
    parameter_name = "type"
    options = [(str(type), str(type)) for type in EventType]


@admin.register(Event)
class EventAdmin(FactAdmin):
    list_display = ("seq", "type", "says", "session", "run", "time")
    list_display_links = ("seq", "says")
    list_select_related = ("session", "run")
    list_filter = (TypeFilter,)
    search_fields = ("body", "session__title")
    # By key, newest first: no sorting of the whole log.
    ordering = ("-id",)
    fields = ("session", "run", "seq", "type", "time", "frame")
    readonly_fields = fields

    @admin.display(description="says")
    def says(self, event: Event) -> str:
        return Truncator(_gist(json.loads(event.body))).chars(100)

    @admin.display(description="time")
    def time(self, event: Event) -> datetime:
        return datetime.fromisoformat(json.loads(event.body)["timestamp"])

    @admin.display(description="frame")
    def frame(self, event: Event) -> SafeString:
        return as_json(json.loads(event.body))


def _gist(frame: dict[str, Any]) -> str:
    """Returns what the event says, in the words that it holds."""
    part = frame.get(frame["type"], frame)
    if not isinstance(part, dict):
        return str(part)
    for name in ("message", "content", "summary", "response", "text", "status", "reason"):
        if isinstance(part.get(name), str) and part[name]:
            return str(part[name])
    return f"{part['object']} {part['action']}" if "object" in part else ""
