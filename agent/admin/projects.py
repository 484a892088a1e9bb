"""Projects and their members in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.validators import MaxLengthValidator
from django.db.models import IntegerField, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html_join

from agent.accounts import quotas
from agent.accounts.members import record_added, record_role
from agent.admin import actions
from agent.admin.base import (
    CountedDeletion,
    LargeTableAdmin,
    ReadOnlyInline,
    TabularInline,
    lines,
    link_to_list,
)
from agent.board.projects import MAX_DESCRIPTION
from agent.edits.manual_changes import remove_member
from agent.models import (
    ChatSession,
    Invitation,
    Membership,
    Memory,
    Project,
    SwitchedOffTool,
    Task,
)

if TYPE_CHECKING:
    Form = forms.ModelForm[Project]
else:
    Form = forms.ModelForm

MAX_COUNT = 1000  # rows of one project that the list counts


class BoundedCount(Subquery):
    """The number of rows of a subquery. Not by joins, which multiply each other's rows."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def _count(rows: QuerySet[Any]) -> BoundedCount:
    of_project = rows.filter(project=OuterRef("pk")).order_by().values("pk")
    return BoundedCount(of_project[: MAX_COUNT + 1])


def _told(number: int) -> str:
    return f"{number:,}" if number <= MAX_COUNT else f"over {MAX_COUNT:,}"


class ProjectForm(Form):
    description = forms.CharField(
        required=False,
        validators=[MaxLengthValidator(MAX_DESCRIPTION)],
        widget=AdminTextareaWidget,
        help_text=Project._meta.get_field("description").help_text,
    )


class MembershipInline(TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)


class SwitchedOffToolInline(ReadOnlyInline):
    model = SwitchedOffTool
    fields = ("tool", "by", "created_at")
    readonly_fields = fields


@admin.register(Project)
class ProjectAdmin(CountedDeletion, LargeTableAdmin):
    form = ProjectForm
    list_display = ("name", "owner", "session_count", "open_tasks", "memory_count", "created_at")
    list_select_related = ("owner",)
    list_filter = ("created_at",)
    search_fields = ("name", "description", "owner__username")
    date_hierarchy = "created_at"
    autocomplete_fields = ("owner",)
    readonly_fields = ("board_version", "created_at", "contents", "use")
    inlines = (MembershipInline, SwitchedOffToolInline)

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        """Writes only what was edited: runs raise the counts of the row meanwhile."""
        obj.save(update_fields=form.changed_data if change else None)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        user = actions.signed_in_user(request)
        formset.save(commit=False)
        for member in formset.deleted_objects:
            remove_member(member, by=user)
        super().save_formset(request, form, formset, change)
        before = {one.instance.pk: one.initial.get("role") for one in formset.initial_forms}
        for member in formset.new_objects:
            record_added(member, by=user)
        for member, _ in formset.changed_objects:
            record_role(member, before[member.pk], by=user)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        projects: QuerySet[Project] = super().get_queryset(request)
        return projects.annotate(
            session_count=_count(ChatSession.objects.all()),
            open_tasks=_count(Task.objects.filter(status__in=Task.OPEN)),
            memory_count=_count(Memory.objects.all()),
        )

    @admin.display(description="sessions", ordering="session_count")
    def session_count(self, project: Any) -> str:
        return _told(project.session_count)

    @admin.display(description="open tasks", ordering="open_tasks")
    def open_tasks(self, project: Any) -> str:
        return _told(project.open_tasks)

    @admin.display(description="memories", ordering="memory_count")
    def memory_count(self, project: Any) -> str:
        return _told(project.memory_count)

    @admin.display(description="contents")
    def contents(self, project: Project) -> str:
        if project._state.adding:
            return "-"
        lists = ((ChatSession, "Sessions"), (Task, "Tasks"), (Memory, "Memories"))
        return format_html_join(
            " · ",
            "{}",
            ((link_to_list(model, text, project__id__exact=project.pk),) for model, text in lists),
        )

    @admin.display(description="use and quotas")
    def use(self, project: Project) -> str:
        return "-" if project._state.adding else lines(quotas.use_of_project(project))


@admin.register(Invitation)
class InvitationAdmin(LargeTableAdmin):
    """To read and to withdraw: invitations are made on the page of the project."""

    list_display = ("username", "project", "role", "invited_by", "created_at")
    list_select_related = ("project", "invited_by")
    list_filter = ("role", "created_at")
    search_fields = ("username", "project__name")
    date_hierarchy = "created_at"
    readonly_fields = ("username", "user", "project", "role", "invited_by", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Membership)
class MembershipAdmin(LargeTableAdmin):
    list_display = ("user", "project", "role", "created_at")
    list_select_related = ("user", "project")
    list_filter = ("role", "created_at")
    search_fields = ("user__username", "project__name")
    date_hierarchy = "created_at"
    autocomplete_fields = ("user", "project")
    readonly_fields = ("created_at",)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        user = actions.signed_in_user(request)
        if change:
            record_role(obj, form.initial["role"], by=user)
        else:
            record_added(obj, by=user)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        remove_member(obj, by=actions.signed_in_user(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        for member in queryset:
            remove_member(member, by=actions.signed_in_user(request))
