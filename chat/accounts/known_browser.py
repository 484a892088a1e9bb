"""Which browsers have signed in as an account before, by a signed cookie. Strangers who guess at the account
from many addresses do not keep its owner out of these.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import constant_time_compare, salted_hmac

COOKIE = f"{settings.SESSION_COOKIE_NAME}_known"  # of this site alone, also below a path
MAX_AGE = 365 * 86_400  # seconds
_SALT = "chat.accounts.known_browser"


def account_of(username: str) -> str:
    """Returns what attempts are counted by: the same for all spellings that sign in to one account."""
    return username.strip().casefold()


def remember(response: HttpResponseBase, username: str) -> None:
    response.set_cookie(
        COOKIE,
        _mark(username),
        max_age=MAX_AGE,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def is_known(request: HttpRequest, username: str) -> bool:
    return constant_time_compare(request.COOKIES.get(COOKIE, ""), _mark(username))


def _mark(username: str) -> str:
    """Returns a value that only the server can make, and that tells nobody the name."""
    return salted_hmac(_SALT, account_of(username), algorithm="sha256").hexdigest()
