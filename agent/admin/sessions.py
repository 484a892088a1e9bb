"""Chat sessions, messages and the event log in the admin."""

from __future__ import annotations

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

from agent.accounts.audit import Deed
from agent.admin import actions, exports, transcript
from agent.admin.base import (
    MAX_INLINE,
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
from agent.event_log import events, parsing
from agent.event_log.events import EventType
from agent.exceptions import Refused
from agent.models import Batch, ChatSession, Event, Message, Run
from agent.shorten import shorten
from agent.support.counts import count


class RunInline(ReadOnlyInline):
    model = Run
    fk_name = "session"
    formset = LatestFormSet
    ordering = ("-number",)
    fields = ("number", "status", "asked", "created_by", "took", "error_code", "created_at")
    readonly_fields = fields
    verbose_name_plural = f"latest {MAX_INLINE} runs"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        return super().get_queryset(request).select_related("message", "created_by")

    @admin.display(description="message")
    def asked(self, run: Run) -> str:
        return str(run.message)

    @admin.display(description="took")
    def took(self, run: Run) -> str:
        return elapsed(run)


# The models of a transcript. Reading it needs the permission to view all of them.
TRANSCRIPT_MODELS = ("chatsession", "message", "run", "planrevision", "planstep")


@admin.register(ChatSession)
class ChatSessionAdmin(CountedDeletion, LargeTableAdmin):
    list_display = ("__str__", "project", "created_by", "latest", "read", "updated_at")
    list_select_related = ("project", "created_by")
    list_filter = (LatestStatusFilter, "updated_at", ProjectFilter, PersonFilter)
    search_fields = ("title", "project__name", "created_by__username")
    search_help_text = "Finds titles, projects, users and messages"
    readonly_fields = ("project", "created_by", "log", "run_count", "created_at", "updated_at")
    fields = ("project", "title", "approval", *readonly_fields[1:])
    inlines = (RunInline,)
    actions = ("cancel_unfinished", "retry_latest", "export_log", "export_markdown")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_read_permission(self, request: HttpRequest) -> bool:
        return all(request.user.has_perm(f"agent.view_{name}") for name in TRANSCRIPT_MODELS)

    def has_run_action_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(actions.MAY_CHANGE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChatSession]:
        sessions: QuerySet[ChatSession] = super().get_queryset(request)
        return sessions.annotate(latest=latest_status())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ChatSession], search_term: str
    ) -> tuple[QuerySet[ChatSession], bool]:
        matches, may_have_duplicates = super().get_search_results(request, queryset, search_term)
        if search_term.strip():
            messages = Message.objects.filter(content__icontains=search_term.strip())
            matches |= queryset.filter(pk__in=messages.values("session"))
        return matches, may_have_duplicates

    @admin.display(description="latest run")
    def latest(self, session: Any) -> str:
        return str(session.latest or "-")

    @admin.display(description="transcript")
    def read(self, session: ChatSession) -> SafeString:
        page = reverse("admin:agent_chatsession_transcript", args=[session.pk])
        return format_html('<a href="{}">Read</a>', page)

    @admin.display(description="log")
    def log(self, session: ChatSession) -> SafeString:
        text = count(session.last_seq, "event")
        return link_to_list(Event, text, session__id__exact=session.pk)

    # -- actions -----------------------------------------------------------------------------------

    @admin.action(description="Cancel unfinished runs", permissions=["run_action"])
    def cancel_unfinished(self, request: HttpRequest, queryset: QuerySet[ChatSession]) -> None:
        runs = Run.objects.filter(session__in=queryset.values("pk"), status__in=Run.UNFINISHED)
        cancelled = actions.apply_to_each(request, list(runs), actions.cancel)
        self.message_user(request, f"Cancelled {count(cancelled, 'run')}.")

    @admin.action(description="Retry the latest run if it failed", permissions=["run_action"])
    def retry_latest(self, request: HttpRequest, queryset: QuerySet[ChatSession]) -> None:
        runs = Run.objects.select_related("created_by", "session__project__owner")
        latest = [runs.filter(session=session).order_by("-number").first() for session in queryset]
        retried = actions.apply_to_each(request, [run for run in latest if run], actions.retry)
        self.message_user(request, f"Retried {count(retried, 'run')}.")

    @admin.action(description="Export as JSON Lines", permissions=["read"])
    def export_log(self, request: HttpRequest, queryset: QuerySet[ChatSession]) -> HttpResponseBase:
        return self._export(request, queryset, "jsonl")

    @admin.action(description="Export as Markdown", permissions=["read"])
    def export_markdown(
        self, request: HttpRequest, queryset: QuerySet[ChatSession]
    ) -> HttpResponseBase:
        return self._export(request, queryset, "md")

    def _export(
        self, request: HttpRequest, chosen: Iterable[ChatSession], kind: str
    ) -> HttpResponseBase:
        sessions = list(chosen)
        for session in sessions:
            actions.log_change(request, session, f"Exported ({kind}).", Deed.SESSION_EXPORTED)
        return exports.of_sessions(sessions, kind)

    # -- further pages -----------------------------------------------------------------------------

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
            return self._apply(request, session)
        # Without a page number, the last page: it has the latest runs.
        pages = BoundedPaginator(transcript.runs_of(session), transcript.PER_PAGE)
        page = pages.get_page(request.GET.get("page") or pages.num_pages)
        context = {
            **self.admin_site.each_context(request),
            "title": str(session),
            "session": session,
            "page": page,
            "exchanges": transcript.exchanges(page.object_list),
            "may_change": self.has_run_action_permission(request),
        }
        return TemplateResponse(request, "admin/agent/chatsession/transcript.html", context)

    def _apply(self, request: HttpRequest, session: ChatSession) -> HttpResponseBase:
        """Cancels or retries the run that the posted form names."""
        if not self.has_run_action_permission(request):
            raise PermissionDenied
        choices = {
            "cancel": (actions.cancel, "cancelled"),
            "retry": (actions.retry, "retried"),
        }
        if request.POST.get("do") not in choices:
            raise Http404("There is no such action.")
        action, verb = choices[request.POST["do"]]
        try:
            run = session.runs.select_related("created_by").get(pk=request.POST.get("run", ""))
        except (Run.DoesNotExist, ValidationError):
            raise Http404("There is no such run.") from None
        run.session = session
        try:
            action(request, run)
        except Refused as refused:
            self.message_user(request, str(refused), messages.ERROR)
        else:
            self.message_user(request, f"Run {run.number} was {verb}.")
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


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    list_display = ("name", "project", "created_at", "updated_at")
    list_select_related = ("project",)
    list_filter = ("created_at",)
    search_fields = ("name", "project__name")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    fields = ("name", "project", "created_at", "updated_at")
    readonly_fields = fields


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "role", "author", "session", "created_at")
    list_select_related = ("author", "session")
    list_filter = ("role", "created_at")
    search_fields = ("content", "author__username", "session__title")
    fields = ("session", "role", "author", "content", "client_id", "created_at")
    readonly_fields = fields


class TypeFilter(ChoiceFilter):
    title = "type"
    parameter_name = "type"
    options = [(str(type), str(type)) for type in EventType]


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("seq", "type", "text", "session", "run", "time")
    list_display_links = ("seq", "text")
    list_select_related = ("session", "run")
    list_filter = (TypeFilter,)
    search_fields = ("body", "session__title")
    # By primary key, newest first, so that the whole log need not be sorted.
    ordering = ("-id",)
    fields = ("session", "run", "seq", "type", "time", "frame")
    readonly_fields = fields

    @admin.display(description="text")
    def text(self, event: Event) -> str:
        return shorten(_main_text(parsing.read(event.body)), 100)

    @admin.display(description="time")
    def time(self, event: Event) -> datetime:
        return datetime.fromisoformat(parsing.read(event.body).timestamp)

    @admin.display(description="frame")
    def frame(self, event: Event) -> SafeString:
        return as_json(parsing.read(event.body).as_json())


def _main_text(event: events.Event) -> str:
    """Returns the text of the event that describes it; "" if it has none."""
    match event:
        case events.Message(content=text) | events.Progress(message=text) | events.Token(text=text):
            return text
        case events.Plan(summary=text) | events.Complete(response=text) | events.Error(error=text):
            return text
        case (
            events.Run(status=status) | events.Step(status=status) | events.Approval(status=status)
        ):
            return status
        case events.Change(object=object, action=action):
            return f"{object} {action}"
        case events.Steering(status=status, content=content):
            return content or status
        case events.Cancelled(reason=text):
            return text
    return ""
