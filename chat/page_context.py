"""What all pages with the sidebar have in common: their user, and the values of the sidebar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from agent.accounts.access import includes, role_in
from agent.event_log.times import now
from agent.models import Project
from agent.models.projects import Role
from agent.runs import approvals, steering
from agent.runs.runs import MAX_CONTENT
from chat import labels
from chat import sidebar as sidebars
from chat.frames import MAX_REASON
from chat.transcript import Gap, Transcript

# What a page tells after a form, by the query's `done`.
DONE = {
    "saved": "Saved.",
    "invited": "Invited. Send the person the address of the invitation, which is below.",
    "withdrawn": "Invitation withdrawn.",
    "joined": "You have joined the project.",
    "role": "Role changed.",
    "removed": "Member removed.",
    "renamed": "Session renamed.",
    "session-deleted": "Session deleted.",
    "task-added": "Task added.",
    "task-deleted": "Task deleted.",
    "moved": "Task moved by one place in its column.",
    "at-the-end": "The task is at the end of its column: it was not moved.",
    "memory-added": "Memory added.",
    "memory-deleted": "Memory deleted.",
    "undone": "The last change was undone.",
    "revoked": "Token revoked.",
    "signed-out": "Signed out everywhere else.",
    "no-password": "Set a password first: without it you could not sign in any more.",
    "link-revoked": "Link revoked. Open pages stop within about a second.",
}


def user_of(request: HttpRequest) -> User:
    """Returns the user of a view that requires a login."""
    return cast(User, request.user)


def to(page: str, key: UUID, done: str) -> HttpResponse:
    """Leads to a page that then tells what was done: a name in `DONE`."""
    return redirect(f"{reverse(page, args=[key])}?done={done}")


View = Callable[..., HttpResponse]


def sends_form(view: View) -> View:
    """As `login_required`, for a view that only receives a form: after the sign-in, the person is on the
    page that had the form, where it can be sent again.
    """

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        return redirect_to_login(page_before(request))

    return checked


def page_before(request: HttpRequest) -> str:
    """Returns the path of the page of this site that the request came from, or the home page."""
    before = urlsplit(request.headers.get("Referer", ""))
    is_ours = before.netloc == request.get_host() and before.path.startswith("/")
    return urlunsplit(("", "", before.path, before.query, "")) if is_ours else reverse("home")


def can_write(user: User, project: Project) -> bool:
    return includes(role_in(user, project), Role.EDITOR)


def is_owner(user: User, project: Project) -> bool:
    return includes(role_in(user, project), Role.OWNER)


def frame(request: HttpRequest, project: Project | None) -> dict[str, Any]:
    """Returns what a page of `project`, or of none, has beside its content."""
    user = user_of(request)
    return {
        "project": project,
        "can_write": project is not None and can_write(user, project),
        "is_owner": project is not None and is_owner(user, project),
        "done": DONE.get(request.GET.get("done", ""), ""),
        **sidebar(user, project),
    }


def of_transcript(transcript: Transcript) -> dict[str, Any]:
    """Returns what the script of a page with this transcript starts with."""
    return {
        "last_seq": transcript.last_seq,
        "now": now(),
        "runs": transcript.unfinished_as_json(),
        "fresh": [asdict(change) for change in transcript.fresh.values()],
        "words": labels.tables(),
        "limits": {
            "message": MAX_CONTENT,
            "into": steering.MAX_CONTENT,
            "reason": MAX_REASON,
            "comment": approvals.MAX_COMMENT,
        },
    }


def part_of(request: HttpRequest) -> tuple[Gap, int | None, bool]:
    """Returns the gap, and the place in it, of which a request wants a part. Raises BadRequest."""
    gap = Gap(_number(request, "start"), _number(request, "end"))
    at = _number(request, "at") if "at" in request.GET else None
    return gap, at, "early" in request.GET


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest(f"{name} must be a number.")
    return int(text)


def sidebar(user: User, current: Project | None) -> dict[str, Any]:
    """Returns what the sidebar shows on a page of the project `current`, or of none."""
    key = (user.pk, current.pk if current else None)
    side = sidebars.read([key])[key]
    return {"side": side, "waiting": side.count}
