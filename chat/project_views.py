"""The page of a project: its name and description, its members, its deletion and its export."""

from __future__ import annotations

import logging
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agent.accounts import members
from agent.accounts.audit import Deed, record
from agent.board import projects, task_rules
from agent.edits.manual_changes import remove_member
from agent.event_log.texts import STATUSES
from agent.models import Invitation, Membership, Memory, Message, Project
from agent.models.projects import Role
from agent.support import database
from agent.support.counts import count
from chat import access, panels, project_board
from chat.export import file_name, parts
from chat.forms import DeleteProjectForm, InvitationForm, ProjectEditForm, RoleForm
from chat.page_context import frame, is_owner, sends_form, to, user_of

logger = logging.getLogger(__name__)

# Sessions and members that the page lists.
MAX_SESSIONS, MAX_MEMBERS = 100, 200


@login_required
@require_GET
def project_page(request: HttpRequest, project_id: UUID) -> HttpResponse:
    return show(request, access.get_project(user_of(request), project_id))


def show(request: HttpRequest, project: Project, status: int = 200, **forms: Form) -> HttpResponse:
    """Shows the project; `forms` are those that were sent and refused, with what was typed."""
    wanted = project_board.Filter.of(request.GET.dict())
    memories, number = panels.memories_of(project)
    # One more of each than is listed tells that there are more.
    sessions = project.sessions.all()[: MAX_SESSIONS + 1]
    members = project.memberships.select_related("user").order_by("created_at")[: MAX_MEMBERS + 1]
    context = {
        **frame(request, project),
        "sessions": sessions[:MAX_SESSIONS],
        "all_sessions": len(sessions) <= MAX_SESSIONS,
        "switched_off": project.switched_off_tools.count(),
        "figures": project_board.figures(project),
        "columns": project_board.columns(project, wanted),
        "filter": wanted,
        "statuses": STATUSES,
        "board_groups": project_board.GROUPS,
        "people": [person.get_username() for person in task_rules.members(project.pk)],
        "decisions": [one for one in memories if one.label == Memory.Kind.DECISION],
        "memories": [one for one in memories if one.label != Memory.Kind.DECISION],
        "all_memories": number,
        "more_memories": number - len(memories),
        "members": members[:MAX_MEMBERS],
        "all_members": len(members) <= MAX_MEMBERS,
        "roles": _roles(),
        "edit": ProjectEditForm.of(project, auto_id="edit-%s"),
        "invitations": _invitations(request, project),
        "invite": InvitationForm(auto_id="invite-%s"),
        **forms,
    }
    return render(request, "chat/project.html", context, status=status)


def _invitations(request: HttpRequest, project: Project) -> list[tuple[Invitation, str]]:
    """Returns the open invitations, with the addresses where they are accepted; for the owner."""
    if not is_owner(user_of(request), project):
        return []
    return [
        (one, request.build_absolute_uri(reverse("invitation", args=[one.pk])))
        for one in project.invitations.all()
    ]


def _roles() -> list[tuple[str, str]]:
    return [(role.value, str(role.label)) for role in (Role.VIEWER, Role.EDITOR, Role.OWNER)]


@sends_form
@require_POST
def edit_project(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Changes the name and the description, unless somebody else changed them meanwhile."""
    project = access.get_project(user_of(request), project_id, Role.OWNER)
    with transaction.atomic():
        now = Project.objects.select_for_update().get(pk=project.pk)
        form = ProjectEditForm(request.POST, project=now, auto_id="edit-%s")
        if not form.is_valid():
            return show(request, project, 400, edit=form)
        projects.update_project(
            project_id=now.pk,
            title=form.cleaned_data["name"],
            description=form.cleaned_data["description"],
        )
    return to("project", project_id, "saved")


@login_required
@require_http_methods(["GET", "POST"])
def delete_project(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Tells what would be deleted; deletes it when the name of the project was typed."""
    project = access.get_project(user_of(request), project_id, Role.OWNER)
    form = DeleteProjectForm(request.POST or None, project=project)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            record(Deed.PROJECT_DELETED, project, by=user_of(request), project=project.pk)
            project.delete()
        logger.info("%s deleted the project %s", request.user, project_id)
        return redirect(reverse("home"))
    context = {**frame(request, project), "form": form, "counts": _counts(project)}
    return render(request, "chat/delete_project.html", context, status=400 if form.errors else 200)


def _counts(project: Project) -> list[str]:
    """Returns what a project contains, such as "3 sessions"."""
    return [
        count(project.sessions.count(), "session"),
        count(Message.objects.filter(session__project=project).count(), "message"),
        count(project.tasks.filter(deleted_at=None).count(), "task"),
        count(project.memories.filter(deleted_at=None).count(), "memory", "memories"),
        count(project.memberships.count(), "member"),
    ]


@require_GET
async def export(request: HttpRequest, project_id: UUID) -> HttpResponseBase:
    """Sends the project as a JSON file."""
    user = await request.auser()
    if not user.is_authenticated:
        return redirect_to_login(request.path)
    project = await sync_to_async(access.get_project)(user, project_id)
    await database.call(record, Deed.PROJECT_EXPORTED, project, by=user, project=project.pk)
    name = file_name(project)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(
        parts(user, project), content_type="application/json", headers=headers
    )


# -- members ---------------------------------------------------------------------------------------


@sends_form
@require_POST
def invite(request: HttpRequest, project_id: UUID) -> HttpResponse:
    user = user_of(request)
    project = access.get_project(user, project_id, Role.OWNER)
    form = InvitationForm(request.POST, auto_id="invite-%s")
    if form.is_valid():
        role = Role(form.cleaned_data["role"])
        try:
            members.invite(project, form.cleaned_data["user"], role, by=user)
        except ValidationError as error:
            form.add_error("user", error)
        else:
            return to("project", project_id, "invited")
    return show(request, project, 400, invite=form)


@sends_form
@require_POST
def withdraw(request: HttpRequest, project_id: UUID, invitation_id: UUID) -> HttpResponse:
    project = access.get_project(user_of(request), project_id, Role.OWNER)
    project.invitations.filter(pk=invitation_id).delete()  # it may have been answered meanwhile
    return to("project", project_id, "withdrawn")


@sends_form
@require_POST
def change_role(request: HttpRequest, project_id: UUID, username: str) -> HttpResponse:
    project = access.get_project(user_of(request), project_id, Role.OWNER)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return show(request, project, 400)
    with transaction.atomic():
        members.change_role(
            _member(project, username), form.cleaned_data["role"], by=user_of(request)
        )
    return to("project", project_id, "role")


@sends_form
@require_POST
def remove(request: HttpRequest, project_id: UUID, username: str) -> HttpResponse:
    """Removes a member: the owner any of them, a member themselves."""
    user = user_of(request)
    leaves = username == user.get_username()
    project = access.get_project(user, project_id, Role.VIEWER if leaves else Role.OWNER)
    with transaction.atomic():
        remove_member(_member(project, username), by=user)
    return redirect("home") if leaves else to("project", project_id, "removed")


def _member(project: Project, username: str) -> Membership:
    rows = project.memberships.select_for_update(of=("self",)).select_related("user")
    member = rows.filter(user__username=username).first()
    if member is None:
        raise Http404("Member not found.")
    return member
