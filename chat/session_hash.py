"""Who opens a WebSocket, by its origin and its cookie or token.

Which sessions that person may see, `chat.access` decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host
from django.utils.crypto import constant_time_compare

from agent.accounts.tokens import find_token
from agent.models import ApiToken
from agent.support import raw_sql
from chat.connection_identity import Login

Headers = Mapping[str, str]


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    return {
        key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]
    }


def is_welcome(scope: Mapping[str, Any], headers: Headers) -> bool:
    """Tells whether the host is ours, and the socket is opened by a page of this site or by no page."""
    host = headers.get("host", "")
    domain, _ = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        return False
    origin = headers.get("origin")
    return origin is None or _is_ours(origin, _scheme(scope, headers), host)


def _is_ours(origin: str, scheme: str, host: str) -> bool:
    """Compares scheme, host and port: a page on another port is another site."""
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"{scheme}://{host}")
        ports = {"http": 80, "https": 443}
        return (theirs.scheme, theirs.hostname, theirs.port or ports.get(theirs.scheme)) == (
            ours.scheme,
            ours.hostname,
            ours.port or ports[ours.scheme],
        )
    except ValueError:
        return False


def _scheme(scope: Mapping[str, Any], headers: Headers) -> str:
    """Returns the scheme that the browser uses, which a proxy may have ended."""
    if settings.SECURE_PROXY_SSL_HEADER:
        name, value = settings.SECURE_PROXY_SSL_HEADER
        sent = headers.get(name.removeprefix("HTTP_").replace("_", "-").lower(), "")
        return "https" if sent.split(",")[0].strip() == value else "http"
    return "https" if scope.get("scheme") in ("wss", "https") else "http"


def login_of(headers: Headers) -> Login | None:
    """Returns the login of these headers. A cookie counts only with an origin, which was checked before."""
    kind, _, key = headers.get("authorization", "").partition(" ")
    if kind.lower() == "token":
        return _by_token(key.strip())
    return _by_cookie(headers.get("cookie", "")) if "origin" in headers else None


def _by_token(key: str) -> Login | None:
    token = find_token(key)
    if token is None:
        return None
    return Login(
        user=token.user.pk,
        name=token.user.get_username(),
        token=token.pk,
        only_project=token.project_id,
        may_write=token.scope == ApiToken.Scope.WRITE,
    )


def _by_cookie(cookies: str) -> Login | None:
    try:
        morsel = SimpleCookie(cookies).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    if morsel is None:
        return None
    store = import_module(settings.SESSION_ENGINE).SessionStore(morsel.value)
    session_hash = store.get(HASH_SESSION_KEY, "")
    if (user := _signed_in(store, session_hash)) is None:
        request = HttpRequest()
        request.session = store
        found = get_user(request)
        if not found.is_authenticated:
            return None
        user, session_hash = found, found.get_session_auth_hash()
    return Login(
        user=user.pk,
        name=user.get_username(),
        session_key=morsel.value,
        session_hash=session_hash,
    )


def _signed_in(store: SessionBase, session_hash: str) -> User | None:
    """Returns the user of a session by a statement that is compiled once; None where Django's `get_user` has
    to decide: it also knows former secret keys.
    """
    if store.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    for user in raw_sql.select(User, "id = %s AND is_active", int(store.get(SESSION_KEY, 0))):
        if constant_time_compare(session_hash, user.get_session_auth_hash()):
            return user
    return None
