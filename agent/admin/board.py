"""Tasks in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from agent.admin.filters import AssigneeFilter
from agent.admin.soft_delete import DeletedFilter, SoftDeleteAdmin
from agent.board import tasks
from agent.models import Task

EDITED = ("title", "description", "status", "priority", "due", "estimate")
SHOWN = ("assignee", "label_list", "criteria_list")


@admin.register(Task)
class TaskAdmin(SoftDeleteAdmin):
    list_display = (
        "title",
        "number",
        "project",
        "status",
        "priority",
        "due",
        "assignee",
        "parent",
        "updated_at",
        "deleted_at",
    )
    list_select_related = ("project", "parent", "assignee")
    list_filter = (DeletedFilter, "status", "priority", AssigneeFilter, "due", "created_at")
    search_fields = ("title", "description", "project__name", "=number")
    ordering = ("-updated_at",)
    fields = (
        "project",
        "number",
        *EDITED,
        *SHOWN,
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
        *SHOWN,
        "parent",
        "dependencies",
        "position",
        "created_at",
        "updated_at",
        "deleted_at",
    )

    @admin.display(description="depends on")
    def dependencies(self, task: Task) -> str:
        return ", ".join(str(other) for other in task.depends_on.all()) or "-"

    @admin.display(description="labels")
    def label_list(self, task: Task) -> str:
        return ", ".join(task.labels) or "-"

    @admin.display(description="acceptance criteria")
    def criteria_list(self, task: Task) -> str:
        lines = (f"{'☑' if item['done'] else '☐'} {item['text']}" for item in task.criteria)
        return "\n".join(lines) or "-"

    def revise(self, request: HttpRequest, row: Any) -> None:
        fields = {name: getattr(row, name) for name in EDITED}
        tasks.update_task(task=row, **fields)

    def delete(self, request: HttpRequest, row: Any) -> None:
        tasks.delete_task(task=row)

    def restore(self, request: HttpRequest, row: Any) -> None:
        tasks.restore_task(task=row)
