"""Runs in the admin, with their phases, plans, steps and approvals."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agent.admin import actions
from agent.admin.actions import RunAction
from agent.admin.base import (
    ChoiceFilter,
    ReadOnlyAdmin,
    ReadOnlyInline,
    as_json,
    elapsed,
    link_to_list,
)
from agent.admin.filters import StatusFilter, WaitsForFilter
from agent.event_log.phases import Phase
from agent.exceptions import codes
from agent.models import (
    Approval,
    Event,
    ModelCall,
    PhaseResult,
    PlanRevision,
    PlanStep,
    Run,
    Steering,
)
from agent.plan import StepType
from agent.support.counts import count
from agent.support.durations import duration
from agent.tools import registry


class PhaseInline(ReadOnlyInline):
    model = PhaseResult
    fields = ("phase", "started_at", "took")
    readonly_fields = fields

    @admin.display(description="took")
    def took(self, row: PhaseResult) -> str:
        return duration(row.duration_ms)


class PlanInline(ReadOnlyInline):
    model = PlanRevision
    fields = ("revision", "summary", "created_at")
    readonly_fields = fields


class StepInline(ReadOnlyInline):
    model = PlanStep
    fields = ("position", "key", "type", "tool", "description", "status", "took", "error")
    readonly_fields = fields

    @admin.display(description="took")
    def took(self, step: PlanStep) -> str:
        return elapsed(step)


class ErrorFilter(ChoiceFilter):
    title = "error"
    parameter_name = "error_code"
    options = [(code, code) for code in sorted(codes())]


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = (
        "asked",
        "number",
        "status",
        "session",
        "created_by",
        "took",
        "tokens",
        "model",
        "error_code",
        "created_at",
    )
    list_select_related = ("message", "session", "created_by")
    list_filter = (StatusFilter, WaitsForFilter, "approval", ErrorFilter, "created_at")
    search_fields = (
        "message__content",
        "session__title",
        "session__project__name",
        "created_by__username",
        "error",
    )
    ordering = ("-created_at",)
    fields = (
        "session",
        "number",
        "message",
        "answer",
        "status",
        "approval",
        "task",
        "retry_of",
        "created_by",
        "model",
        "usage",
        "created_at",
        "started_at",
        "finished_at",
        "took",
        "error",
        "error_code",
        "retryable",
        "partial",
        "model_calls",
        "log",
        "attempt",
        "lease_owner",
        "lease_until",
    )
    readonly_fields = fields
    inlines = (PhaseInline, PlanInline)
    actions = ("cancel_selected", "retry_selected")

    @admin.display(description="message", ordering="message__content")
    def asked(self, run: Run) -> str:
        return str(run.message)

    @admin.display(description="took")
    def took(self, run: Run) -> str:
        return elapsed(run)

    @admin.display(description="tokens")
    def tokens(self, run: Run) -> int:
        return int(run.usage.get("input_tokens", 0)) + int(run.usage.get("output_tokens", 0))

    @admin.display(description="calls to the model")
    def model_calls(self, run: Run) -> SafeString:
        return link_to_list(ModelCall, "Calls to the model", run__id__exact=run.pk)

    @admin.display(description="log")
    def log(self, run: Run) -> SafeString:
        # Also filtered by session, since the event log's only index begins with it.
        of_run = {"session__id__exact": run.session_id, "run__id__exact": run.pk}
        return link_to_list(Event, "Events", **of_run)

    def has_run_action_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(actions.MAY_CHANGE)

    @admin.action(description="Cancel selected runs", permissions=["run_action"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        self._apply(request, queryset, actions.cancel, "cancelled")

    @admin.action(description="Retry selected failed runs", permissions=["run_action"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        self._apply(request, queryset, actions.retry, "retried")

    def _apply(
        self, request: HttpRequest, queryset: QuerySet[Run], action: RunAction, verb: str
    ) -> None:
        runs = list(queryset.select_related("created_by", "session__project__owner"))
        applied = actions.apply_to_each(request, runs, action)
        self.message_user(request, f"{applied} of {count(len(runs), 'run')} {verb}.")


class PhaseFilter(ChoiceFilter):
    title = "phase"
    parameter_name = "phase"
    options = [(str(phase), str(phase)) for phase in Phase]


@admin.register(PhaseResult)
class PhaseResultAdmin(ReadOnlyAdmin):
    list_display = ("phase", "run", "session", "took", "started_at")
    list_select_related = ("run__session",)
    list_filter = (PhaseFilter, "started_at")
    search_fields = ("phase", "run__session__title")
    ordering = ("-id",)
    fields = ("run", "phase", "started_at", "took", "result_json")
    readonly_fields = fields

    @admin.display(description="session")
    def session(self, row: PhaseResult) -> str:
        return str(row.run.session)

    @admin.display(description="took", ordering="duration_ms")
    def took(self, row: PhaseResult) -> str:
        return duration(row.duration_ms)

    @admin.display(description="result")
    def result_json(self, row: PhaseResult) -> SafeString:
        return as_json(row.result)


@admin.register(PlanRevision)
class PlanRevisionAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "summary", "revision", "session", "created_at")
    list_select_related = ("run__session",)
    list_filter = ("created_at",)
    search_fields = ("summary", "run__session__title", "=digest")
    ordering = ("-created_at",)
    fields = ("run", "revision", "summary", "digest", "created_at")
    readonly_fields = fields
    inlines = (StepInline,)

    @admin.display(description="session")
    def session(self, plan: PlanRevision) -> str:
        return str(plan.run.session)


class StepTypeFilter(ChoiceFilter):
    title = "type"
    parameter_name = "type"
    options = [(str(type), str(type)) for type in StepType]


class ToolFilter(ChoiceFilter):
    title = "tool"
    parameter_name = "tool"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        # Not earlier: other packages register theirs after the admin's start.
        return [(tool.name, tool.name) for tool in registry.all_tools()]


@admin.register(PlanStep)
class PlanStepAdmin(ReadOnlyAdmin):
    list_display = ("description", "key", "type", "tool", "status", "took", "run", "started_at")
    list_select_related = ("plan__run",)
    list_filter = ("status", StepTypeFilter, ToolFilter, "started_at")
    search_fields = ("description", "tool", "error", "plan__run__session__title")
    ordering = ("-id",)
    fields = (
        "plan",
        "position",
        "key",
        "type",
        "tool",
        "description",
        "arguments_json",
        "depends_on",
        "status",
        "started_at",
        "finished_at",
        "took",
        "sub_steps_json",
        "result_json",
        "error",
    )
    readonly_fields = fields

    @admin.display(description="run")
    def run(self, step: PlanStep) -> str:
        return str(step.plan.run)

    @admin.display(description="took")
    def took(self, step: PlanStep) -> str:
        return elapsed(step)

    @admin.display(description="sub-steps")
    def sub_steps_json(self, step: PlanStep) -> SafeString:
        return as_json(step.sub_steps)

    @admin.display(description="arguments")
    def arguments_json(self, step: PlanStep) -> SafeString:
        return as_json(step.arguments)

    @admin.display(description="result")
    def result_json(self, step: PlanStep) -> SafeString:
        return as_json(step.result)


@admin.register(Steering)
class SteeringAdmin(ReadOnlyAdmin):
    list_display = ("message", "status", "run", "session", "author", "sent_at")
    list_select_related = ("message__author", "run__session")
    list_filter = ("status",)
    search_fields = ("message__content", "message__author__username", "run__session__title")
    ordering = ("-message__created_at",)
    fields = ("run", "message", "author", "sent_at", "status", "plan_revision")
    readonly_fields = fields

    @admin.display(description="session")
    def session(self, row: Steering) -> str:
        return str(row.run.session)

    @admin.display(description="author", ordering="message__author")
    def author(self, row: Steering) -> str:
        return str(row.message.author or "-")

    @admin.display(description="sent at", ordering="message__created_at")
    def sent_at(self, row: Steering) -> datetime:
        return row.message.created_at


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    list_display = (
        "status",
        "run",
        "session",
        "decided_by",
        "requested_at",
        "decided_at",
        "reason",
    )
    list_select_related = ("run__session", "decided_by")
    list_filter = ("status", "requested_at")
    search_fields = ("reason", "decided_by__username", "run__session__title")
    ordering = ("-requested_at",)
    fields = (
        "run",
        "plan",
        "digest",
        "status",
        "reason",
        "comments_json",
        "effects_json",
        "decided_by",
        "requested_at",
        "expires_at",
        "decided_at",
    )
    readonly_fields = fields

    @admin.display(description="comments")
    def comments_json(self, approval: Approval) -> SafeString:
        return as_json(approval.comments)

    @admin.display(description="effects")
    def effects_json(self, approval: Approval) -> SafeString:
        return as_json(approval.effects)

    @admin.display(description="session")
    def session(self, approval: Approval) -> str:
        return str(approval.run.session)
