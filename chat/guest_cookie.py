"""The cookie of a guest: it says that the browser has shown the secret of a shared link.

The secret stands behind the `#` of the link's address, which browsers send to nobody. The page there posts
it once, and gets this cookie: the id of the link, signed, for the path of the link alone. Whether the
link still works, `chat.access` asks the database each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.http import Http404, HttpRequest, HttpResponse

from agent.accounts.shared_links import Guest
from chat import access

NAME = "samurai_guest"
_signer = Signer(salt="chat.guest_cookie")


def path_of(link: UUID) -> str:
    return f"{settings.SITE_PATH}/shared/{link}/"


def address(request: HttpRequest, link: UUID, secret: str) -> str:
    """Returns the address that a person passes on."""
    return f"{request.build_absolute_uri(path_of(link))}#{secret}"


def give(response: HttpResponse, guest: Guest) -> None:
    """Sets the cookie, which ends with the link."""
    response.set_cookie(
        NAME,
        _signer.sign(guest.link.hex),
        path=path_of(guest.link),
        expires=guest.expires_at,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def is_valid(cookies: Mapping[str, str], link: UUID) -> bool:
    """Tells whether the browser has shown the secret of the link, which may not work any more."""
    try:
        return _signer.unsign(cookies.get(NAME, "")) == link.hex
    except BadSignature:
        return False


def guest_of(cookies: Mapping[str, str], link: UUID) -> Guest:
    """Returns the guest with this cookie. Raises Http404 without it, and when the link does not work."""
    if not is_valid(cookies, link):
        raise Http404("Link not found.")
    return access.get_guest(link)


def guest_by_header(header: str, link: UUID) -> Guest:
    """As `guest_of`, for the header `Cookie` of a socket."""
    try:
        morsels = SimpleCookie(header)
    except CookieError:
        raise Http404("Link not found.") from None
    return guest_of({name: morsel.value for name, morsel in morsels.items()}, link)
