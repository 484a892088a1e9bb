"""The page on which an invited person joins a project, or does not."""

from __future__ import annotations

from functools import wraps
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from agent.accounts import members
from agent.models import Invitation
from chat import access
from chat.error_pages import INVITATION_ENDED, respond
from chat.page_context import View, frame, sends_form, to, user_of


def told_if_ended(view: View) -> View:
    @wraps(view)
    def told(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
        try:
            return view(request, invitation_id=invitation_id)
        except Http404:
            return respond(request, INVITATION_ENDED)

    return told


@login_required
@require_GET
@told_if_ended
def page(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    invitation = access.get_invitation(user_of(request), invitation_id)
    return render(
        request, "chat/invitation.html", {**frame(request, None), "invitation": invitation}
    )


@sends_form
@require_POST
@told_if_ended
def accept(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    user = user_of(request)
    invitation = access.get_invitation(user, invitation_id)
    try:
        members.accept(invitation, user)
    except Invitation.DoesNotExist:
        raise Http404("Invitation not found.") from None
    return to("project", invitation.project_id, "joined")


@sends_form
@require_POST
@told_if_ended
def decline(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    access.get_invitation(user_of(request), invitation_id).delete()
    return redirect("home")
