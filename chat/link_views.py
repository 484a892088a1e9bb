"""The page, and the dialog, of a session's shared links. The secret of a link is shown once."""

from __future__ import annotations

import logging
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agent.accounts.shared_links import MAX_ACTIVE, MAY_SHARE, create_link, revoke
from agent.exceptions import QuotaReached
from agent.models import ChatSession, SharedLink
from chat import access, guest_cookie, shown_once
from chat.forms import SharedLinkForm
from chat.page_context import frame, sends_form, to, user_of

logger = logging.getLogger(__name__)


@login_required
@require_http_methods(["GET", "POST"])
def links(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Lists the links that work; creates one, which is then shown."""
    user = user_of(request)
    session = access.get_session(user, session_id, MAY_SHARE)
    form = SharedLinkForm(request.POST or None, session=session)
    address = shown_once.secret_of(request)
    if request.method == "POST" and form.is_valid():
        try:
            link, secret = create_link(session, user, **form.cleaned_data)
        except QuotaReached as reached:
            form.add_error(None, str(reached))
            return _show(request, session, form)
        logger.info("%s shared the session %s by the link %s", user, session.pk, link.pk)
        address = guest_cookie.address(request, link.pk, secret)
        if "X-Part" not in request.headers:
            return shown_once.leave(request, request.path, address)
    return shown_once.forget(request, _show(request, session, form, address))


@login_required
@require_GET
def run_links(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The same, with a form for links to this run alone."""
    run = access.get_run(user_of(request), run_id, MAY_SHARE)
    return _show(request, run.session, SharedLinkForm(session=run.session, run=str(run.pk)))


def _show(
    request: HttpRequest, session: ChatSession, form: SharedLinkForm, address: str = ""
) -> HttpResponse:
    rows = access.shared_links(user_of(request), session.pk).order_by("-created_at")[:MAX_ACTIVE]
    context = {"session": session, "links": rows, "form": form, "address": address}
    status = 400 if form.errors else 200
    if "X-Part" in request.headers:
        return render(
            request, "chat/_links.html", {**context, "is_dialog": True, "level": 3}, status=status
        )
    return render(
        request,
        "chat/links.html",
        {**frame(request, session.project), **context, "level": 2},
        status=status,
    )


@sends_form
@require_POST
def revoke_link(request: HttpRequest, link_id: UUID) -> HttpResponse:
    user = user_of(request)
    link = access.get_shared_link(user, link_id)
    revoke(SharedLink.objects.filter(pk=link.pk), by=user)
    logger.info("%s revoked the shared link %s", request.user, link.pk)
    if "X-Part" in request.headers:
        session = access.get_session(user, link.session_id, MAY_SHARE)
        return _show(request, session, SharedLinkForm(session=session))
    return to("shared-links", link.session_id, "link-revoked")
