"""Authentication: a session cookie with a CSRF token, or an access token."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.http import Http404
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotFound
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from agent.accounts.shared_links import Guest
from agent.accounts.tokens import find_token
from agent.models import ApiToken
from chat import guest_cookie, request_origin
from chat.connection_identity import Login


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Token <key>`."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        kind, _, key = get_authorization_header(request).partition(b" ")
        if kind.lower() != b"token":
            return None
        token = find_token(key.strip().decode("latin-1"))
        if token is None:
            raise AuthenticationFailed("Unknown, revoked or expired token.")
        request_origin.by_token(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class GuestAuthentication(BaseAuthentication):
    """The cookie of a shared link, in a view whose path names the link. Others raise NotFound."""

    def authenticate(self, request: Request) -> tuple[Guest, None]:
        link = request.parser_context["kwargs"]["link_id"]
        try:
            return guest_cookie.guest_of(request.COOKIES, link), None
        except Http404 as error:
            raise NotFound(*error.args) from None


class MayWrite(BasePermission):
    """A token with the scope `read` allows only safe methods."""

    message = "This token is read-only."

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.method in SAFE_METHODS or may_write(request)


def may_write(request: Request) -> bool:
    return not isinstance(request.auth, ApiToken) or request.auth.scope == ApiToken.Scope.WRITE


def user_of(request: Request) -> User:
    assert isinstance(request.user, User), "signed in"
    return request.user


def guest_of(request: Request) -> Guest:
    assert isinstance(request.user, Guest), "by a shared link"
    return request.user


def login_of(request: Request) -> Login:
    """Returns the login of the request, for a stream that has to end when it becomes invalid."""
    user, token = user_of(request), request.auth
    if isinstance(token, ApiToken):
        return Login(
            user.pk,
            user.get_username(),
            token=token.pk,
            only_project=token.project_id,
            may_write=may_write(request),
        )
    return Login(
        user.pk,
        user.get_username(),
        session_key=request.session.session_key or "",
        session_hash=user.get_session_auth_hash(),
    )
