"""Admin pages of soft-deleted models: a filter shows deleted rows, an action restores them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from agent.accounts.audit import DELETIONS, Deed
from agent.admin import actions
from agent.admin.base import AgentRecordAdmin
from agent.edits.manual_changes import increment_board_version
from agent.exceptions import ToolFailed
from agent.support.counts import count


class DeletedFilter(admin.SimpleListFilter):
    """Hides deleted rows unless the filter asks for them."""

    title = "deleted"
    parameter_name = "deleted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Deleted"), ("all", "All")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": "Not deleted"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "all":
            return queryset
        return queryset.filter(deleted_at__isnull=self.value() != "yes")


class SoftDeleteAdmin(AgentRecordAdmin):
    """Edits, deletes and restores rows by the functions of `agent.board` and `agent.memory`."""

    actions: tuple[str, ...] = ("delete_selected_rows", "restore_selected_rows")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.model.all_objects.order_by(*self.get_ordering(request))
        return rows

    def revise(self, request: HttpRequest, row: Any) -> None:
        raise NotImplementedError

    def delete(self, request: HttpRequest, row: Any) -> None:
        raise NotImplementedError

    def restore(self, request: HttpRequest, row: Any) -> None:
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        self.revise(request, obj)
        increment_board_version(obj.project_id)

    @admin.action(description="Delete selected (can be restored)", permissions=["change"])
    def delete_selected_rows(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        deed = DELETIONS[str(self.opts.model_name)]
        self._apply(request, queryset.filter(deleted_at=None), self.delete, "Deleted", deed)

    @admin.action(description="Restore selected", permissions=["change"])
    def restore_selected_rows(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._apply(request, queryset.exclude(deleted_at=None), self.restore, "Restored")

    def _apply(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        function: Callable[[HttpRequest, Any], None],
        verb: str,
        deed: Deed = Deed.ADMIN_CHANGED,
    ) -> None:
        applied = 0
        for row in rows:
            try:
                with transaction.atomic():
                    function(request, row)
                    increment_board_version(row.project_id)
                    actions.log_change(request, row, f"{verb}.", deed)
            except ToolFailed as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                applied += 1
        name, plural = self.opts.verbose_name, self.opts.verbose_name_plural
        text = f"{verb} {count(applied, str(name), str(plural))}."
        self.message_user(request, text, messages.SUCCESS)
