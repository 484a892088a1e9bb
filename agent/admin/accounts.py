"""Users, access tokens, shared links, feedback and the audit log in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agent.accounts import quotas
from agent.accounts.audit import Deed
from agent.accounts.tokens import revoke
from agent.admin import actions
from agent.admin.base import (
    ChoiceFilter,
    CountedDeletion,
    LargeTableAdmin,
    ReadOnlyAdmin,
    as_json,
    lines,
)
from agent.engine import account_deletion
from agent.models import ApiToken, AuditEntry, Feedback, SharedLink
from agent.support.counts import count
from agent.support.origin import Via

if TYPE_CHECKING:
    BaseUserAdmin = UserAdmin[User]
else:
    BaseUserAdmin = UserAdmin

admin.site.unregister(User)

# Fields of a user that only superusers change: others could give themselves all rights.
RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


def _is_superuser(request: HttpRequest) -> bool:
    return actions.signed_in_user(request).is_superuser


def _may_change(request: HttpRequest, user: User | None) -> bool:
    """A superuser is changed by superusers: a password is a way into the account."""
    return _is_superuser(request) or user is None or not user.is_superuser


@admin.register(User)
class PersonAdmin(CountedDeletion, BaseUserAdmin):
    """Django's user page. Deleting a user closes the account; what belongs to it, the user's projects with
    all their contents too, is deleted in parts.
    """

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        shown, counts, forbidden, _ = super().get_deleted_objects(objs, request)
        shared = [project for user in objs for project in account_deletion.shared_projects(user)]
        protected = [f"Project with members: {project}" for project in shared]
        protected += [f"Superuser: {user}" for user in objs if not _may_change(request, user)]
        return shown, counts, forbidden, protected

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_change(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_change(request, obj)

    def get_readonly_fields(
        self, request: HttpRequest, obj: User | None = None
    ) -> list[str] | tuple[Any, ...]:
        fields = super().get_readonly_fields(request, obj)
        return fields if _is_superuser(request) else (*fields, *RIGHTS)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        self._close(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        with transaction.atomic():
            for user in queryset:
                self._close(request, user)

    def _close(self, request: HttpRequest, user: User) -> None:
        account_deletion.begin(user, {}, by=actions.signed_in_user(request))
        text = (
            f"Nobody can sign in as {user} any more. The rest is deleted within the next minutes."
        )
        self.message_user(request, text)

    fieldsets = (*(BaseUserAdmin.fieldsets or ()), ("Use and quotas", {"fields": ("use",)}))
    readonly_fields = (*BaseUserAdmin.readonly_fields, "use")

    @admin.display(description="use")
    def use(self, user: User) -> str:
        return lines(quotas.use_of_person(user.pk))


class TokenStatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "Active"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() is None:
            return queryset
        return queryset.filter(revoked_at__isnull=self.value() == "active")


@admin.register(ApiToken)
class ApiTokenAdmin(LargeTableAdmin):
    """Access tokens can be renamed and revoked. Only `manage.py create_token` creates them, since it
    shows the key.
    """

    list_display = (
        "__str__",
        "user",
        "name",
        "scope",
        "project",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    list_select_related = ("user", "project")
    list_filter = (TokenStatusFilter, "scope", "last_used_at")
    search_fields = ("prefix", "name", "user__username")
    date_hierarchy = "created_at"
    fields = (
        "prefix",
        "user",
        "name",
        "scope",
        "project",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    readonly_fields = tuple(field for field in fields if field != "name")
    actions = ("revoke_selected",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description="Revoke selected tokens", permissions=["change"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset.filter(revoked_at=None):
            actions.log_change(request, token, "Revoked.", None)
        number = revoke(queryset, by=actions.signed_in_user(request))
        self.message_user(request, f"Revoked {count(number, 'token')}.", messages.SUCCESS)


@admin.register(SharedLink)
class SharedLinkAdmin(ReadOnlyAdmin):
    """Shared links. Who may share a session creates and revokes them; their secrets are stored nowhere."""

    list_display = (
        "session",
        "run",
        "created_by",
        "shows_tasks",
        "shows_memories",
        "created_at",
        "expires_at",
        "revoked_at",
    )
    list_select_related = ("session", "run", "created_by")
    list_filter = ("shows_memories", "created_at", "expires_at")
    search_fields = ("session__title", "created_by__username")
    date_hierarchy = "created_at"
    fields = list_display
    readonly_fields = fields


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    list_display = ("value", "target", "user", "run", "comment", "created_at")
    list_select_related = ("user", "run")
    list_filter = ("value", "created_at")
    search_fields = ("comment", "target", "user__username")
    ordering = ("-created_at",)
    fields = ("run", "user", "target", "value", "comment", "created_at")
    readonly_fields = fields


class DeedFilter(ChoiceFilter):
    title = parameter_name = "deed"
    options = [(deed.value, deed.value) for deed in Deed]


class ViaFilter(ChoiceFilter):
    title = parameter_name = "via"
    options = [(via.value, via.value) for via in Via]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The audit log. Nobody changes or deletes it, superusers neither."""

    list_display = ("at", "deed", "actor", "kind", "label", "object_id", "via", "address")
    list_filter = (DeedFilter, ViaFilter, "at")
    search_fields = ("actor", "label", "=object_id", "=address", "=request_id")
    search_help_text = "Finds users, names, and ids and addresses in full"
    date_hierarchy = "at"
    ordering = ("-id",)
    actions = None
    fields = (
        "at",
        "deed",
        "actor",
        "actor_id",
        "kind",
        "object_id",
        "label",
        "project",
        "details_json",
        "via",
        "address",
        "request_id",
    )
    readonly_fields = fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="details")
    def details_json(self, entry: AuditEntry) -> SafeString:
        return as_json(entry.details)
