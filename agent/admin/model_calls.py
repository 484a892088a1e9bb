"""Calls to models in the admin: what was sent, what came back, and what it cost."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agent.admin.base import ReadOnlyAdmin
from agent.admin.filters import OutcomeFilter
from agent.llm.writing import unpack
from agent.models import ModelCall
from agent.support.durations import duration


@admin.register(ModelCall)
class ModelCallAdmin(ReadOnlyAdmin):
    list_display = (
        "verb",
        "run",
        "session",
        "model",
        "input_tokens",
        "output_tokens",
        "first",
        "took",
        "error",
        "started_at",
    )
    list_select_related = ("run__session",)
    list_filter = (OutcomeFilter, "started_at")
    search_fields = ("verb", "model", "error", "run__session__title")
    ordering = ("-started_at",)
    fields = (
        "run",
        "verb",
        "model",
        "started_at",
        "first",
        "took",
        "input_tokens",
        "output_tokens",
        "error",
        "turns",
        "thoughts",
        "written",
    )
    readonly_fields = fields

    @admin.display(description="session")
    def session(self, call: ModelCall) -> str:
        return str(call.run.session)

    @admin.display(description="first word after", ordering="first_ms")
    def first(self, call: ModelCall) -> str:
        return "-" if call.first_ms is None else duration(call.first_ms)

    @admin.display(description="took", ordering="duration_ms")
    def took(self, call: ModelCall) -> str:
        return duration(call.duration_ms)

    @admin.display(description="prompt")
    def turns(self, call: ModelCall) -> SafeString:
        turns = ((turn["role"], turn["content"]) for turn in unpack(bytes(call.prompt)))
        return format_html_join("", "<p>{}</p><pre>{}</pre>", turns)

    @admin.display(description="answer")
    def written(self, call: ModelCall) -> SafeString:
        return format_html("<pre>{}</pre>", call.text)
