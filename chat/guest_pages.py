"""The pages by a shared link: a session, or one run of it, for anybody who has the link.

Who is signed in with the browser does not matter: these pages are for a guest, and show nothing of a user.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from agent.accounts.shared_links import Guest
from agent.models import ChatSession
from chat import access, error_pages, guest_cookie, page_context, panels, transcript_pages
from chat.guest_cookie import path_of
from chat.static_files import modules
from chat.transcript import Transcript

MAX_SECRET = 200  # characters that are looked at
# In place of the user and of what only users may do.
NOBODY = {"user": AnonymousUser(), "can_write": False, "is_guest": True}


def for_guest(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Gives the view the session and the guest of the request. Without a guest, there is no such page."""

    @require_GET
    @wraps(view)
    def found(request: HttpRequest, link_id: UUID, **kwargs: Any) -> HttpResponse:
        guest = guest_cookie.guest_of(request.COOKIES, link_id)
        session = access.get_session(guest, guest.session)
        return view(request, session, guest, **kwargs)

    return found


@require_http_methods(["GET", "POST"])
def shared(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """Shows the session. A browser without the cookie gets a page that posts the secret for it."""
    try:
        return _shared(request, link_id)
    except Http404:
        return _no_robots(error_pages.respond(request, error_pages.LINK_ENDED))


def _shared(request: HttpRequest, link_id: UUID) -> HttpResponse:
    if request.method == "POST":
        guest = access.redeem_link(link_id, request.POST.get("secret", "")[:MAX_SECRET])
        # The browser keeps the part behind the `#`, so that the address stays the link.
        response = HttpResponse(status=303, headers={"Location": path_of(link_id)})
        guest_cookie.give(response, guest)
        return response
    if guest_cookie.is_valid(request.COOKIES, link_id):
        return _no_robots(session_page(request, link_id=link_id))
    return _no_robots(render(request, "chat/shared_open.html", NOBODY))


def _no_robots(response: HttpResponse) -> HttpResponse:
    response["X-Robots-Tag"] = "noindex"
    return response


@for_guest
def session_page(request: HttpRequest, session: ChatSession, guest: Guest) -> HttpResponse:
    transcript = transcript_pages.newest(session.pk, guest)
    context = {
        **NOBODY,
        "guest": guest,
        "title": _title(session, guest),
        "transcript": transcript,
        "panels": panels.load(session.project, transcript.fresh, guest=guest),
        "page": _page(guest, transcript),
        "modules": modules("chat/session.js"),
    }
    return render(request, "chat/shared.html", context)


def _title(session: ChatSession, guest: Guest) -> str:
    """The title of a session is made of its first message, which is not of every run."""
    if guest.run is None:
        return str(session)
    return f"Run {session.runs.values_list('number', flat=True).get(pk=guest.run)}"


def _page(guest: Guest, transcript: Transcript) -> dict[str, Any]:
    """Returns the values that the page's script starts with, as `PageData` in `static/chat/types/page.js`."""
    path = path_of(guest.link)
    return {
        "session": "",
        "user": "",
        "project": "Samurai Agent",
        "project_id": "",
        "socket": f"{path}socket/",
        "events": f"{path}events/",
        "entries": f"{path}entries/",
        "where": f"{path}where/",
        "board": f"{path}board/",
        "run_pages": "",
        **page_context.of_transcript(transcript),
    }


@for_guest
def entries(request: HttpRequest, session: ChatSession, guest: Guest) -> HttpResponse:
    """Renders entries of a gap, which the page does not show yet."""
    part = page_context.part_of(request)
    transcript = transcript_pages.part(session.pk, *part, guest=guest)
    is_script = "X-Part" in request.headers
    shown = {"title": _title(session, guest), "transcript": transcript, "whole": not is_script}
    context = {**NOBODY, "guest": guest, **shown}
    return render(request, "chat/_entries.html" if is_script else "chat/entries.html", context)


@for_guest
def where(request: HttpRequest, session: ChatSession, guest: Guest, name: str) -> HttpResponse:
    """Returns the position in the event log of a link's target."""
    place = transcript_pages.where_named(session.pk, name)
    if place is None or guest.run not in (None, place[1]):
        raise Http404("Not found in this session.")
    return JsonResponse({"seq": place[0], "run": str(place[1]) if place[1] else None})


@for_guest
def board(request: HttpRequest, session: ChatSession, guest: Guest) -> HttpResponse:
    """Renders the panels that the link shows, with `?all=1` the whole ones."""
    whole = request.GET.get("all") == "1"
    loaded = panels.load(session.project, whole=whole, guest=guest)
    return render(request, "chat/_panels.html", {**NOBODY, "panels": loaded})
