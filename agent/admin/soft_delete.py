"""Admin pages of what "delete" only marks: a filter finds the deleted, an action restores them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from agent.admin import actions
from agent.admin.base import AgentRecordAdmin
from agent.edits.manual_changes import increment_board_version
from agent.exceptions import ToolFailed


class DeletedFilter(admin.SimpleListFilter):
    """Shows what is there; the deleted when asked for."""

    title = "deleted"
    parameter_name = "deleted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Deleted"), ("all", "Deleted or not")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": "Not deleted"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "all":
            return queryset
        return queryset.filter(deleted_at__isnull=self.value() != "yes")


class SoftDeleteAdmin(AgentRecordAdmin):
    """Edits, deletes and restores by the functions that alone write these rows."""

    actions: tuple[str, ...] = ("delete_marked", "restore_marked")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.model.all_objects.order_by(*self.get_ordering(request))
        return rows

    def revise(self, request: HttpRequest, row: Any) -> None:
        raise NotImplementedError

    def mark(self, request: HttpRequest, row: Any) -> None:
        raise NotImplementedError

    def restore(self, request: HttpRequest, row: Any) -> None:
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        self.revise(request, obj)
        increment_board_version(obj.project_id)

    @admin.action(description="Delete selected (can be restored)", permissions=["change"])
    def delete_marked(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._each(request, queryset.filter(deleted_at=None), self.mark, "Deleted")

    @admin.action(description="Restore selected", permissions=["change"])
    def restore_marked(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._each(request, queryset.exclude(deleted_at=None), self.restore, "Restored")

    def _each(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        function: Callable[[HttpRequest, Any], None],
        done: str,
    ) -> None:
        count = 0
        for row in rows:
            try:
                with transaction.atomic():
                    function(request, row)
                    increment_board_version(row.project_id)
                    actions.note(request, row, f"{done}.")
            except ToolFailed as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                count += 1
        self.message_user(request, f"{done}: {count}.", messages.SUCCESS)
