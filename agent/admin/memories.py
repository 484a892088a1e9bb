"""Memories, their revisions and the search index in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from agent import memory
from agent.admin.base import ChoiceFilter, FactAdmin, FactInline
from agent.admin.deleted import DeletedFilter, MarkedAdmin
from agent.models import Memory, MemoryRevision, SearchEntry

if TYPE_CHECKING:
    Form = forms.ModelForm[Memory]
else:
    Form = forms.ModelForm


class RevisionInline(FactInline):
    model = MemoryRevision
    ordering = ("-number",)
    fields = ("number", "action", "title", "content", "kind", "by", "created_at")
    readonly_fields = fields


class MemoryForm(Form):
    content = forms.CharField(max_length=memory.MAX_CONTENT, widget=forms.Textarea)


@admin.register(Memory)
class MemoryAdmin(MarkedAdmin):
    form = MemoryForm
    list_display = ("title", "kind", "category", "project", "updated_at", "deleted_at")
    list_select_related = ("project",)
    list_filter = (DeletedFilter, "kind", "created_at")
    search_fields = ("title", "content", "category", "project__name")
    date_hierarchy = "created_at"
    ordering = ("-updated_at",)
    fields = (
        "project",
        "title",
        "content",
        "kind",
        "category",
        "source_message",
        "created_at",
        "updated_at",
        "deleted_at",
    )
    readonly_fields = ("project", "source_message", "created_at", "updated_at", "deleted_at")
    inlines = (RevisionInline,)

    def revise(self, request: HttpRequest, row: Any) -> None:
        memory.revise(
            memory=row,
            title=row.title,
            content=row.content,
            kind=row.kind,
            category=row.category,
            by_id=request.user.pk,
        )

    def mark(self, request: HttpRequest, row: Any) -> None:
        memory.forget(memory=row, by_id=request.user.pk)

    def restore(self, request: HttpRequest, row: Any) -> None:
        memory.restore(memory=row, by_id=request.user.pk)


@admin.register(MemoryRevision)
class MemoryRevisionAdmin(FactAdmin):
    list_display = ("title", "number", "action", "kind", "by", "created_at")
    list_select_related = ("by",)
    list_filter = ("action", "kind", "created_at")
    search_fields = ("title", "content", "by__username")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    fields = (
        "memory",
        "number",
        "action",
        "title",
        "content",
        "kind",
        "category",
        "run",
        "by",
        "created_at",
    )
    readonly_fields = fields


class EntryKindFilter(ChoiceFilter):
    title = "kind"
    parameter_name = "kind"
    options = [("task", "Task"), ("memory", "Memory")]


@admin.register(SearchEntry)
class SearchEntryAdmin(FactAdmin):
    """What search finds: kept by `agent.search` beside each task and memory."""

    list_display = ("__str__", "kind", "project")
    list_select_related = ("project",)
    list_filter = (EntryKindFilter,)
    search_fields = ("body", "project__name")
    ordering = ("-id",)
    fields = ("project", "kind", "object_id", "body", "neighbours")
    readonly_fields = fields
