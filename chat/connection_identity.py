"""Who a connection is, and whether that one may still watch. Looks many up at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone

from agent.models import ApiToken
from chat import access

NOT_LOGGED_IN = 4401
NOT_THERE = 4404


@dataclass(frozen=True, slots=True)
class Login:
    """How a person came in: by a cookie (`session_key`) or by a token. `seal` changes with the password."""

    user: int
    name: str
    session_key: str = ""
    token: UUID | None = None
    seal: str = ""
    may_write: bool = True


@dataclass(frozen=True, slots=True)
class ConnectionIdentity:
    """A login that watches one session."""

    login: Login
    session: UUID
    project: UUID

    @property
    def user(self) -> int:
        return self.login.user


def not_allowed(presences: Iterable[ConnectionIdentity]) -> dict[ConnectionIdentity, int]:
    """Returns the close code of each that may not watch any more; a handful of queries for all."""
    all_of = set(presences)
    out = _logged_out({presence.login for presence in all_of})
    viewable = access.viewable((presence.user, presence.session) for presence in all_of)
    codes = {}
    for presence in all_of:
        if presence.login in out:
            codes[presence] = NOT_LOGGED_IN
        elif (presence.user, presence.session) not in viewable:
            codes[presence] = NOT_THERE
    return codes


def _logged_out(logins: set[Login]) -> set[Login]:
    people = {
        user.pk: user
        for user in get_user_model().objects.filter(
            pk__in={login.user for login in logins}, is_active=True
        )
    }
    keys = set(
        Session.objects.filter(
            session_key__in={login.session_key for login in logins if login.session_key},
            expire_date__gt=timezone.now(),
        ).values_list("session_key", flat=True)
    )
    tokens = set(
        ApiToken.objects.filter(
            pk__in={login.token for login in logins if login.token}, revoked_at=None
        ).values_list("pk", flat=True)
    )
    return {login for login in logins if not _holds(login, people, keys, tokens)}


def _holds(login: Login, people: dict[int, User], keys: set[str], tokens: set[UUID]) -> bool:
    person = people.get(login.user)
    if person is None:
        return False
    if login.token is not None:
        return login.token in tokens
    return login.session_key in keys and login.seal == person.get_session_auth_hash()
