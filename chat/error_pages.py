"""The responses to requests that no view answers: a page for a person, JSON for a program.

They need no session and no database, and show nothing of the error but what is written for people.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
)
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin

from agent.exceptions import QuotaReached
from agent.support import database
from chat import middleware
from chat.access import RoleTooLow


@dataclass(frozen=True, slots=True)
class Problem:
    """`text` says what happened and what to do. `leads_home`: the page has a link to the projects."""

    status: int
    code: str
    title: str
    text: str
    leads_home: bool = True


INVALID_HOST = Problem(
    400,
    "invalid_host",
    "Unknown address",
    "The server does not answer to the host name in your address bar. Use the address that you "
    "were given. If you run the server, add the name to the setting ALLOWED_HOSTS, or set "
    "SITE_URL; docs/settings.md explains both.",
    leads_home=False,
)
BAD_REQUEST = Problem(
    400,
    "invalid",
    "The request is not valid",
    "The server could not read this request. Go back, reload the page and try again.",
)
OUTDATED_PAGE = Problem(
    403,
    "csrf_failed",
    "This page is out of date",
    "Nothing was saved: somebody signed in after the page was opened, or the browser sends no "
    "cookies. Go back, reload the page and try again.",
)
UNKNOWN_ORIGIN = Problem(
    403,
    "csrf_failed",
    "Unknown address",
    "Nothing was saved: the form was sent from an address that the server does not know. Use the "
    "address that you were given. If you run the server, set SITE_URL to this address, or add it "
    "to CSRF_TRUSTED_ORIGINS; docs/settings.md explains both.",
)
OTHER_USER = Problem(
    403,
    "other_user",
    "Somebody else has signed in",
    "Nothing was saved: the page was opened by a user who is no longer signed in with this "
    "browser. Go back and reload the page to continue as yourself.",
)
FORBIDDEN = Problem(
    403,
    "forbidden",
    "You don't have permission",
    "Your account may not do this. Ask the person who runs the server.",
)
NOT_FOUND = Problem(
    404,
    "not_found",
    "Page not found",
    "This page doesn't exist, or you don't have access to it.",
)
# The same for each link that does not work, whether there ever was one.
LINK_ENDED = Problem(
    404,
    "not_found",
    "This link doesn't work",
    "It has expired, was revoked or is not complete. Ask the person who sent it for a new one.",
    leads_home=False,
)
# The same for each invitation that the person cannot accept, whether there ever was one.
INVITATION_ENDED = Problem(
    404,
    "not_found",
    "This invitation doesn't work",
    "It was withdrawn or answered, or it is for another username than yours. Ask the person who sent it.",
)
METHOD_NOT_ALLOWED = Problem(
    405,
    "method_not_allowed",
    "There is no page at this address",
    "The address only receives forms. Go to your projects and try again from there.",
)
TOO_LARGE = Problem(
    413,
    "too_large",
    "This is too large",
    "Nothing was saved: a request may have 2.5 MB at most. Go back and send less, for example a "
    "smaller file or a part of the text.",
)
HEADERS_TOO_LARGE = Problem(
    431,
    "headers_too_large",
    "The request is too large",
    "The browser sent more than 16 KB of cookies and other headers. Delete the cookies of this site "
    "and sign in again.",
)
TOO_MANY_ATTEMPTS = Problem(
    429,
    "rate_limited",
    "Too many attempts",
    "Nothing was done: there were too many attempts. Wait a few minutes, then try again.",
)
TOO_SLOW = Problem(
    408,
    "too_slow",
    "The request took too long",
    "Nothing was saved: it did not arrive within 30 seconds. Go back and try again.",
)
TOO_MANY = Problem(
    429,
    "throttled",
    "Too many requests",
    "Too many pages were asked for within a minute, by you or from your address. Wait a minute and reload.",
)
INTERNAL = Problem(
    500,
    "internal",
    "Something went wrong",
    "The error is in the server's log. Your messages are saved: go back and reload.",
)
QUOTA_REACHED = Problem(403, QuotaReached.code, "A limit is reached", "")
BUSY = Problem(
    503,
    "busy",
    "The server is busy",
    "Too many requests came at once; nothing was saved by this one. Wait a moment and reload.",
)
UNAVAILABLE = Problem(
    503,
    "unavailable",
    "The database is unavailable",
    "Nothing was saved just now; everything from before is safe. Wait a moment and reload.",
)


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Returns a page, or JSON below /api/ and for a client that accepts no page."""
    if request.path_info.startswith("/api/") or not request.accepts("text/html"):
        body = {"detail": problem.text, "code": problem.code}
        return JsonResponse(body, status=problem.status)
    link = reverse("home") if problem.leads_home else ""
    context = {"title": problem.title, "text": problem.text, "link": link}
    return HttpResponse(render_to_string("chat/error.html", context), status=problem.status)


# -- Django's handlers -----------------------------------------------------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    match exception:
        case DisallowedHost():
            problem = INVALID_HOST
        case RequestDataTooBig():
            problem = TOO_LARGE
        case BadRequest(args=[str(text)]):
            problem = replace(BAD_REQUEST, text=f"{text} Go back, reload the page and try again.")
        case _:
            problem = BAD_REQUEST
    return respond(request, problem)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    is_origin = reason.startswith(("Origin checking failed", "Referer checking failed"))
    return respond(request, UNKNOWN_ORIGIN if is_origin else OUTDATED_PAGE)


def permission_denied(request: HttpRequest, exception: PermissionDenied) -> HttpResponse:
    """Shows the reason that is given."""
    if not exception.args:
        return respond(request, FORBIDDEN)
    is_role = isinstance(exception, RoleTooLow)
    text = f"{exception} Ask the project's owner for another role." if is_role else str(exception)
    return respond(request, replace(FORBIDDEN, text=text))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, NOT_FOUND)


def too_many_requests(request: HttpRequest) -> HttpResponse:
    response = respond(request, TOO_MANY_ATTEMPTS)
    response["Retry-After"] = "300"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Is called while the exception is handled."""
    is_database = isinstance(sys.exc_info()[1], database.CONNECTION_ERRORS)
    return respond(request, UNAVAILABLE if is_database else INTERNAL)


@middleware.changes
def method_middleware(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Fills the response to a method that a view does not allow, which is empty otherwise."""
    is_bare = isinstance(response, HttpResponse) and not response.content
    if response.status_code != 405 or not is_bare:
        return response
    page = respond(request, METHOD_NOT_ALLOWED)
    page["Allow"] = response["Allow"]
    return page


class QuotaMiddleware(MiddlewareMixin):
    """Tells which quota is used up, and what to do, where a page has no form that does."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, QuotaReached):
            return None
        return respond(request, replace(QUOTA_REACHED, text=str(error)))
