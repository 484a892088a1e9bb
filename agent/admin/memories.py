"""Memories, their revisions and the search index in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.validators import MaxLengthValidator
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path

from agent.accounts.audit import Deed
from agent.admin import actions, exports, imports, revisions
from agent.admin.base import MAX_INLINE, ChoiceFilter, LatestFormSet, ReadOnlyAdmin, ReadOnlyInline
from agent.admin.filters import CategoryFilter, ProjectFilter
from agent.admin.soft_delete import DeletedFilter, SoftDeleteAdmin
from agent.change import Change
from agent.edits import manual_changes, undo
from agent.exceptions import Refused
from agent.memory import memories
from agent.models import Memory, MemoryRevision, SearchEntry
from agent.text import search_index

if TYPE_CHECKING:
    Form = forms.ModelForm[Memory]
else:
    Form = forms.ModelForm


MAX_MATCHES = 200  # best matches of a search by words


class RevisionInline(ReadOnlyInline):
    model = MemoryRevision
    formset = LatestFormSet
    ordering = ("-number",)
    verbose_name_plural = f"latest {MAX_INLINE} revisions"
    fields = ("number", "action", "title", "content", "kind", "by", "created_at")
    readonly_fields = fields


class MemoryForm(Form):
    content = forms.CharField(
        validators=[MaxLengthValidator(memories.MAX_CONTENT)], widget=forms.Textarea
    )


@admin.register(Memory)
class MemoryAdmin(SoftDeleteAdmin):
    form = MemoryForm
    list_display = ("title", "kind", "category", "project", "updated_at", "deleted_at")
    list_select_related = ("project",)
    list_filter = (DeletedFilter, "kind", "updated_at", CategoryFilter, ProjectFilter)
    search_fields = ("title", "content", "category", "project__name")
    search_help_text = "Finds words in any form, and parts of the text"
    ordering = ("-updated_at",)
    actions = (*SoftDeleteAdmin.actions, "export_selected")
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

    def has_import_permission(self, request: HttpRequest) -> bool:
        # By the permission's name: `has_add_permission` is False, since there is no page to add one.
        return request.user.has_perms(["agent.add_memory", "agent.change_memory"])

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        matches, may_have_duplicates = super().get_search_results(request, queryset, search_term)
        if search_term.strip():
            ids = search_index.search(None, "memory", search_term, MAX_MATCHES)
            matches |= queryset.filter(pk__in=ids)
        return matches, may_have_duplicates

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"may_import": self.has_import_permission(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    @admin.action(description="Export as JSON Lines", permissions=["view"])
    def export_selected(self, request: HttpRequest, queryset: QuerySet[Memory]) -> HttpResponseBase:
        ids = list(queryset.values_list("pk", flat=True))
        actions.log_changes(request, queryset, "Exported.", Deed.MEMORY_EXPORTED)
        return exports.of_memories(ids)

    # -- further pages -----------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("import/", view(self.import_view), name="agent_memory_import"),
            path(
                "<uuid:pk>/revisions/",
                view(self.revisions_view),
                name="agent_memory_revisions",
            ),
            *super().get_urls(),
        ]

    def import_view(self, request: HttpRequest) -> HttpResponseBase:
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = imports.ImportForm(request.POST or None, request.FILES or None)
        result = None
        if request.method == "POST" and form.is_valid():
            project, lines = form.cleaned_data["project"], form.cleaned_data["file"]
            user = actions.signed_in_user(request)
            with transaction.atomic():
                result = imports.import_memories(project, lines, user)
                changed = Memory.objects.filter(pk__in=[change.id for change in result.changes])
                actions.log_changes(request, changed, "Imported.")
        context = {"title": "Import memories", "form": form, "result": result}
        return self._page(request, "import", context)

    def revisions_view(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        row = get_object_or_404(Memory.all_objects.select_related("project"), pk=pk)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if request.method == "POST":
            return self._undo(request, row)
        context = {
            "title": f"Revisions of “{row}”",
            "memory": row,
            "revisions": revisions.latest(row),
            "may_change": self.has_change_permission(request, row),
        }
        return self._page(request, "revisions", context)

    def _undo(self, request: HttpRequest, row: Memory) -> HttpResponseBase:
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        number = request.POST.get("number", "")
        change = undo.change_of_revision(row, int(number)) if number.isdecimal() else None
        if change is None:
            raise Http404("There is no such revision.")

        user = actions.signed_in_user(request)

        def work() -> tuple[None, list[Change]]:
            return None, [undo.undo_change(row.project_id, change, by_id=user.pk)]

        try:
            manual_changes.apply_to_project(row.project_id, work, by=user)
        except Refused as refused:
            self.message_user(request, str(refused), messages.ERROR)
        else:
            actions.log_change(request, row, f"Undid revision {number}.")
            self.message_user(request, f"Revision {number} was undone.", messages.SUCCESS)
        return HttpResponseRedirect(request.path)

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> TemplateResponse:
        context = {**self.admin_site.each_context(request), **context}
        return TemplateResponse(request, f"admin/agent/memory/{name}.html", context)

    def revise(self, request: HttpRequest, row: Any) -> None:
        memories.revise(
            memory=row,
            title=row.title,
            content=row.content,
            kind=row.kind,
            category=row.category,
            by_id=request.user.pk,
        )

    def delete(self, request: HttpRequest, row: Any) -> None:
        memories.forget(memory=row, by_id=request.user.pk)

    def restore(self, request: HttpRequest, row: Any) -> None:
        memories.restore(memory=row, by_id=request.user.pk)


@admin.register(MemoryRevision)
class MemoryRevisionAdmin(ReadOnlyAdmin):
    list_display = ("title", "number", "action", "kind", "by", "created_at")
    list_select_related = ("by",)
    list_filter = ("action", "kind", "created_at")
    search_fields = ("title", "content", "by__username")
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
class SearchEntryAdmin(ReadOnlyAdmin):
    """The indexed text of tasks and memories, written by `agent.text.search_index`."""

    list_display = ("__str__", "kind", "project")
    list_select_related = ("project",)
    list_filter = (EntryKindFilter,)
    search_fields = ("body", "project__name")
    ordering = ("-id",)
    fields = ("project", "kind", "object_id", "body", "neighbours")
    readonly_fields = fields
