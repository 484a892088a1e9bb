"""Chat sessions, messages and the log of events in the admin."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from agent.admin import actions, exports, transcript
from agent.admin.base import (
    LATEST,
    BoundedPaginator,
    ChoiceFilter,
    CountedDeletion,
    LargeTableAdmin,
    LatestFormSet,
    ReadOnlyAdmin,
    ReadOnlyInline,
    as_json,
    elapsed,
    link_to_list,
)
from agent.admin.filters import LatestStatusFilter, PersonFilter, ProjectFilter, latest_status
from agent.event_log.events import EventType
from agent.exceptions import Refused
from agent.models import ChatSession, Event, Message, Run


class RunInline(ReadOnlyInline):
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


# What a transcript shows; who may not see one of these reads none.
SHOWN = ("chatsession", "message", "run", "planrevision", "planstep")


@admin.register(ChatSession)
class ChatSessionAdmin(CountedDeletion, LargeTableAdmin):
    list_display = ("__str__", "project", "created_by", "latest", "read", "updated_at")
    list_select_related = ("project", "created_by")
    list_filter = (LatestStatusFilter, "updated_at", ProjectFilter, PersonFilter)
    search_fields = ("title", "project__name", "created_by__username")
    search_help_text = "Titles, projects, people, and what was said"
    date_hierarchy = "updated_at"
    readonly_fields = ("project", "created_by", "log", "run_count", "created_at", "updated_at")
    fields = ("project", "title", "approval", *readonly_fields[1:])
    inlines = (RunInline,)
    actions = ("cancel_unfinished", "retry_latest", "export_log", "export_markdown")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_read_permission(self, request: HttpRequest) -> bool:
        return all(request.user.has_perm(f"agent.view_{name}") for name in SHOWN)

    def has_verb_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(actions.MAY_CHANGE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChatSession]:
        sessions: QuerySet[ChatSession] = super().get_queryset(request)
        return sessions.annotate(latest=latest_status())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ChatSession], search_term: str
    ) -> tuple[QuerySet[ChatSession], bool]:
        found, doubled = super().get_search_results(request, queryset, search_term)
        if not search_term.strip():
            return found, doubled
        said = Message.objects.filter(content__icontains=search_term.strip())
        return found | queryset.filter(pk__in=said.values("session")), doubled

    @admin.display(description="latest run")
    def latest(self, session: Any) -> str:
        return str(session.latest or "-")

    @admin.display(description="transcript")
    def read(self, session: ChatSession) -> SafeString:
        page = reverse("admin:agent_chatsession_transcript", args=[session.pk])
        return format_html('<a href="{}">Read</a>', page)

    @admin.display(description="log")
    def log(self, session: ChatSession) -> SafeString:
        return link_to_list(Event, f"{session.last_seq} events", session__id__exact=session.pk)

    # -- actions -----------------------------------------------------------------------------------

    @admin.action(description="Cancel what is unfinished", permissions=["verb"])
    def cancel_unfinished(self, request: HttpRequest, chosen: QuerySet[ChatSession]) -> None:
        found = Run.objects.filter(session__in=chosen.values("pk"), status__in=Run.UNFINISHED)
        count = actions.apply_to_each(request, list(found), actions.cancel)
        self.message_user(request, f"Runs cancelled: {count}.")

    @admin.action(description="Retry the latest run where it failed", permissions=["verb"])
    def retry_latest(self, request: HttpRequest, chosen: QuerySet[ChatSession]) -> None:
        runs = Run.objects.select_related("created_by", "session__project__owner")
        latest = [runs.filter(session=session).order_by("-number").first() for session in chosen]
        count = actions.apply_to_each(request, [run for run in latest if run], actions.retry)
        self.message_user(request, f"Runs on their way again: {count}.")

    @admin.action(description="Export as JSON Lines", permissions=["read"])
    def export_log(self, request: HttpRequest, chosen: QuerySet[ChatSession]) -> HttpResponseBase:
        return self._export(request, chosen, "jsonl")

    @admin.action(description="Export as Markdown", permissions=["read"])
    def export_markdown(
        self, request: HttpRequest, chosen: QuerySet[ChatSession]
    ) -> HttpResponseBase:
        return self._export(request, chosen, "md")

    def _export(
        self, request: HttpRequest, chosen: Iterable[ChatSession], kind: str
    ) -> HttpResponseBase:
        sessions = list(chosen)
        for session in sessions:
            actions.note(request, session, f"Exported ({kind}).")
        return exports.of_sessions(sessions, kind)

    # -- pages of its own --------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path(
                "<uuid:pk>/transcript/",
                view(self.transcript_view),
                name="agent_chatsession_transcript",
            ),
            path(
                "<uuid:pk>/export.<str:kind>",
                view(self.export_view),
                name="agent_chatsession_export",
            ),
            *super().get_urls(),
        ]

    def transcript_view(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        session = self._readable(request, pk)
        if request.method == "POST":
            return self._do(request, session)
        # The latest page at first: that is what somebody looks for.
        pages = BoundedPaginator(transcript.runs_of(session), transcript.PER_PAGE)
        page = pages.get_page(request.GET.get("page") or pages.num_pages)
        context = {
            **self.admin_site.each_context(request),
            "title": str(session),
            "session": session,
            "page": page,
            "exchanges": transcript.exchanges(page.object_list),
            "may_change": self.has_verb_permission(request),
        }
        return TemplateResponse(request, "admin/agent/chatsession/transcript.html", context)

    def _do(self, request: HttpRequest, session: ChatSession) -> HttpResponseBase:
        if not self.has_verb_permission(request):
            raise PermissionDenied
        verb = {"cancel": actions.cancel, "retry": actions.retry}.get(request.POST.get("do", ""))
        try:
            run = session.runs.select_related("created_by").get(pk=request.POST.get("run", ""))
        except (Run.DoesNotExist, ValidationError):
            raise Http404("There is no such run.") from None
        if verb is None:
            raise Http404("There is no such thing to do.")
        run.session = session
        try:
            verb(request, run)
        except Refused as refused:
            self.message_user(request, str(refused), messages.ERROR)
        else:
            self.message_user(request, f"Done: {request.POST['do']} of run {run.number}.")
        return HttpResponseRedirect(request.get_full_path())

    def export_view(self, request: HttpRequest, pk: UUID, kind: str) -> HttpResponseBase:
        if kind not in exports.FORMATS:
            raise Http404("There is no such format.")
        return self._export(request, [self._readable(request, pk)], kind)

    def _readable(self, request: HttpRequest, pk: UUID) -> ChatSession:
        if not self.has_read_permission(request):
            raise PermissionDenied
        sessions = ChatSession.objects.select_related("project__owner", "created_by")
        return get_object_or_404(sessions, pk=pk)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
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
class EventAdmin(ReadOnlyAdmin):
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
