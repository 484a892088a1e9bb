"""Whose connection it is, and whether that person may still watch: checked for all connections at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone

from agent.accounts.shared_links import Guest
from agent.accounts.tokens import active as active_tokens
from chat import access

NOT_LOGGED_IN = 4401
OTHER_USER = 4403
NOT_THERE = 4404


@dataclass(frozen=True, slots=True)
class Login:
    """How a person signed in: by a cookie (`session_key`) or by a token, which may be for one project.

    `session_hash` changes with the password, which ends the cookie's login.
    """

    user: int
    name: str
    session_key: str = ""
    token: UUID | None = None
    only_project: UUID | None = None
    session_hash: str = ""
    may_write: bool = True


@dataclass(frozen=True, slots=True)
class ConnectionIdentity:
    """A login and the session that it watches; of a guest, the shared link in place of a login."""

    login: Login | Guest
    session: UUID
    project: UUID

    @property
    def guest(self) -> Guest | None:
        return self.login if isinstance(self.login, Guest) else None

    @property
    def user(self) -> int | None:
        """The id of the user; None of a guest."""
        return None if isinstance(self.login, Guest) else self.login.user

    @property
    def told_all(self) -> int | None:
        """The id of the user who is told of all of their projects; None of a guest, and with a token for one
        project.
        """
        limited = isinstance(self.login, Guest) or self.login.only_project is not None
        return None if limited else self.user

    @property
    def counted(self) -> int | UUID:
        """Whose connection it counts as: the user's, or the link's."""
        return self.login.pk if isinstance(self.login, Guest) else self.login.user

    @classmethod
    def of_guest(cls, guest: Guest) -> ConnectionIdentity:
        return cls(guest, guest.session, guest.project)


def not_allowed(identities: Iterable[ConnectionIdentity]) -> dict[ConnectionIdentity, int]:
    """Returns the close code of each that may not watch any more; a handful of queries for all."""
    everybody = set(identities)
    logins = {one: one.login for one in everybody if isinstance(one.login, Login)}
    guests = {one: one.login for one in everybody if isinstance(one.login, Guest)}
    logged_out = _logged_out(set(logins.values()))
    viewable = access.viewable((login.user, one.session) for one, login in logins.items())
    still = access.still_guests(guests.values())
    codes = {one: NOT_THERE for one, guest in guests.items() if guest not in still}
    for one, login in logins.items():
        if login in logged_out:
            codes[one] = NOT_LOGGED_IN
        elif (login.user, one.session) not in viewable:
            codes[one] = NOT_THERE
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
        active_tokens()
        .filter(pk__in={login.token for login in logins if login.token})
        .values_list("pk", flat=True)
    )
    return {login for login in logins if not _is_valid(login, people, keys, tokens)}


def _is_valid(login: Login, people: dict[int, User], keys: set[str], tokens: set[UUID]) -> bool:
    person = people.get(login.user)
    if person is None:
        return False
    if login.token is not None:
        return login.token in tokens
    return login.session_key in keys and login.session_hash == person.get_session_auth_hash()
