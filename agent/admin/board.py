"""Tasks in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format

from agent.admin.filters import AssigneeFilter
from agent.admin.soft_delete import DeletedFilter, SoftDeleteAdmin
from agent.admin.task_form import TaskForm
from agent.board import readiness, tasks
from agent.models import Task
from agent.text import search_index
from agent.text.references import as_number

MAX_MATCHES = 200  # best matches of a search by words


@admin.register(Task)
class TaskAdmin(SoftDeleteAdmin):
    form = TaskForm
    list_display = (
        "title",
        "number",
        "project",
        "status",
        "priority",
        "due_day",
        "assignee",
        "parent",
        "updated_at",
        "deleted_at",
    )
    list_select_related = ("project", "parent", "assignee")
    list_filter = (DeletedFilter, "status", "priority", AssigneeFilter, "due", "created_at")
    search_fields = ("title", "description", "project__name", "=number")
    search_help_text = "Finds “#12”, words in any form, also in criteria, and parts of the text"
    ordering = ("-updated_at",)
    fields = (
        "project",
        "number",
        *tasks.PLAIN_FIELDS,
        "assignee",
        "parent",
        "dependencies",
        "position",
        "created_at",
        "updated_at",
        "deleted_at",
    )
    readonly_fields = (
        "project",
        "number",
        "parent",
        "dependencies",
        "position",
        "created_at",
        "updated_at",
        "deleted_at",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if (number := as_number(search_term)) is not None:
            return queryset.filter(number=number), False
        matches, may_have_duplicates = super().get_search_results(request, queryset, search_term)
        if search_term.strip():
            ids = search_index.search(None, "task", search_term, MAX_MATCHES)
            matches |= queryset.filter(pk__in=ids)
        return matches, may_have_duplicates

    @admin.display(description="due", ordering="due")
    def due_day(self, task: Task) -> str:
        day = date_format(task.due) if task.due else "-"
        return f"{day} (overdue)" if readiness.is_overdue(task.status, task.due) else day

    @admin.display(description="depends on")
    def dependencies(self, task: Task) -> str:
        return ", ".join(str(other) for other in task.depends_on.all()) or "-"

    def revise(self, request: HttpRequest, row: Any) -> None:
        fields = {name: getattr(row, name) for name in tasks.PLAIN_FIELDS}
        kept = Task.all_objects.filter(pk=row.pk, assignee=row.assignee_id).exists()
        if not kept:  # a person who is no member any more may stay, but not be chosen
            fields["assignee"] = row.assignee.get_username() if row.assignee else ""
        tasks.update_task(task=row, **fields)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.newer:
            text = f"Others changed this task while you edited it: {', '.join(form.newer)}."
            kept = "What you did not change is kept as it is now."
            self.message_user(request, f"{text} {kept}", messages.WARNING)

    def delete(self, request: HttpRequest, row: Any) -> None:
        tasks.delete_task(task=row)

    def restore(self, request: HttpRequest, row: Any) -> None:
        tasks.restore_task(task=row)
