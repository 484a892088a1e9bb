"""A secret on the page that a form leads to, so that a reload sends nothing again.

Only the browser keeps it until then, in a signed cookie for the path of that page: the server stores
digests of secrets, and an address would be logged.
"""

from __future__ import annotations

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from chat.page_context import user_of

COOKIE = "samurai_shown_once"
MAX_AGE = 60  # seconds until the page has to be there
_SALT = "chat.shown_once"


def leave(request: HttpRequest, path: str, secret: str) -> HttpResponse:
    """Leads to the page at `path`, which shows the secret once."""
    response = redirect(path)
    response.set_cookie(
        COOKIE,
        signing.dumps([user_of(request).pk, secret], salt=_SALT),
        max_age=MAX_AGE,
        path=path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
    return response


def secret_of(request: HttpRequest) -> str:
    """Returns the secret that was left for this page and user; "" if there is none."""
    try:
        user, secret = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        return ""
    return str(secret) if user == user_of(request).pk else ""


def forget(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Has the browser forget the secret, which the response shows."""
    if COOKIE in request.COOKIES:
        response.delete_cookie(COOKIE, path=request.path, samesite="Strict")
    return response
