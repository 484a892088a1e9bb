"""What is done in the admin, for the audit log: in every model's pages, also those of other packages.

Actions that do more than Django's own write their entries by `agent.admin.actions`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest

from agent.accounts.audit import Deed, record

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class RecordedAdmin(ModelAdmin):
    """Writes entries in the transaction in which Django adds, changes or deletes."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        record(Deed.ADMIN_ADDED, obj, by=cast(User, request.user))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        fields = sorted(_fields(message)) if isinstance(message, list) else []
        record(Deed.ADMIN_CHANGED, obj, by=cast(User, request.user), fields=fields)
        return super().log_change(request, obj, message)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with transaction.atomic():
            record(Deed.ADMIN_DELETED, obj, by=cast(User, request.user))
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        with transaction.atomic():
            if rows := list(queryset):
                record(Deed.ADMIN_DELETED, *rows, by=cast(User, request.user))
            super().delete_queryset(request, queryset)


def _fields(message: Iterable[dict[str, Any]]) -> set[str]:
    """Returns the names of the fields that Django's message of a change names, and of the inlines."""
    parts = [part for one in message for part in one.values()]
    return {name for part in parts for name in part.get("fields", ())} | {
        part["name"] for part in parts if "name" in part
    }


def recorded(admin_class: type[ModelAdmin] | None) -> type[ModelAdmin]:
    """Returns the class of a model's pages, as one whose deeds are recorded."""
    own = admin_class or admin.ModelAdmin
    return own if issubclass(own, RecordedAdmin) else type(own.__name__, (RecordedAdmin, own), {})
