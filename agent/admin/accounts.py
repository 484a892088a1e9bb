"""Users, access tokens, shared links and feedback in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from agent.accounts import quotas
from agent.accounts.tokens import revoke
from agent.admin import actions
from agent.admin.base import CountedDeletion, LargeTableAdmin, ReadOnlyAdmin, lines
from agent.models import ApiToken, Feedback, SharedLink
from agent.support.counts import count

if TYPE_CHECKING:
    BaseUserAdmin = UserAdmin[User]
else:
    BaseUserAdmin = UserAdmin

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(CountedDeletion, BaseUserAdmin):
    """Django's user page. Deleting a user also deletes the user's projects with all their contents."""

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
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    list_select_related = ("user",)
    list_filter = (TokenStatusFilter, "scope", "last_used_at")
    search_fields = ("prefix", "name", "user__username")
    date_hierarchy = "created_at"
    fields = (
        "prefix",
        "user",
        "name",
        "scope",
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
            actions.log_change(request, token, "Revoked.")
        number = revoke(queryset)
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
