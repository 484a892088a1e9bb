"""The settings of a session: its title, what holds for its messages, and its deletion."""

from __future__ import annotations

import logging
from functools import partial
from uuid import UUID

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from agent.accounts.audit import Deed, record
from agent.board import projects
from agent.change import Change
from agent.edits.manual_changes import apply_in_session
from agent.models import ChatSession
from agent.models.projects import Role
from agent.support.counts import count
from chat import access
from chat.forms import RenameForm, SessionForm
from chat.page_context import frame, sends_form, to, user_of

logger = logging.getLogger(__name__)


@login_required
@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest, session_id: UUID) -> HttpResponse:
    session = access.get_session(user_of(request), session_id, Role.EDITOR)
    form = SessionForm(request.POST or None, session=session)
    if request.method == "POST" and form.is_valid():
        form.save(by=user_of(request))
        return to("session-settings", session_id, "saved")
    return _show(request, session, 400 if form.errors else 200, form=form)


def _show(
    request: HttpRequest, session: ChatSession, status: int = 200, **forms: Form
) -> HttpResponse:
    context = {
        **frame(request, session.project),
        "session": session,
        "form": SessionForm(session=session),
        "rename": RenameForm(initial={"title": session.title}),
        **forms,
    }
    return render(request, "chat/session_settings.html", context, status=status)


@sends_form
@require_POST
def rename(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Changes the title, as an event of the session, and leads back to where the form was."""
    user = user_of(request)
    session = access.get_session(user, session_id, Role.EDITOR)
    form = RenameForm(request.POST)
    if not form.is_valid():
        return _show(request, session, 400, rename=form)
    work = partial(_rename, session_id, form.cleaned_data["title"])
    async_to_sync(apply_in_session)(session_id, user, work)
    match request.POST.get("back"):
        case "session":
            return redirect("session", session_id)
        case "project":
            return to("project", session.project_id, "renamed")
        case _:
            return to("session-settings", session_id, "renamed")


def _rename(session_id: UUID, title: str) -> tuple[None, list[Change]]:
    change = projects.rename_session(session_id=session_id, title=title)
    return None, [change] if change else []


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Tells what would be deleted, and deletes it when that was confirmed."""
    session = access.get_session(user_of(request), session_id, Role.OWNER)
    if request.method == "POST":
        with transaction.atomic():
            now = ChatSession.objects.select_for_update().get(pk=session.pk)
            record(Deed.SESSION_DELETED, now, by=user_of(request), project=now.project_id)
            now.delete()
        logger.info("%s deleted the session %s", request.user, session_id)
        return to("project", session.project_id, "session-deleted")
    counts = [
        count(session.messages.count(), "message"),
        count(session.runs.count(), "run"),
    ]
    context = {**frame(request, session.project), "session": session, "counts": counts}
    return render(request, "chat/delete_session.html", context)
