"""Tasks in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from agent.admin.soft_delete import DeletedFilter, SoftDeleteAdmin
from agent.board import tasks
from agent.models import Task


@admin.register(Task)
class TaskAdmin(SoftDeleteAdmin):
    list_display = ("title", "project", "status", "priority", "parent", "updated_at", "deleted_at")
    list_select_related = ("project", "parent")
    list_filter = (DeletedFilter, "status", "priority", "created_at")
    search_fields = ("title", "description", "project__name")
    ordering = ("-updated_at",)
    fields = (
        "project",
        *tasks.PLAIN_FIELDS,
        "parent",
        "dependencies",
        "position",
        "created_at",
        "updated_at",
        "deleted_at",
    )
    readonly_fields = (
        "project",
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

    def revise(self, request: HttpRequest, row: Any) -> None:
        fields = {name: getattr(row, name) for name in tasks.PLAIN_FIELDS}
        tasks.update_task(task=row, **fields)

    def delete(self, request: HttpRequest, row: Any) -> None:
        tasks.delete_task(task=row)

    def restore(self, request: HttpRequest, row: Any) -> None:
        tasks.restore_task(task=row)
