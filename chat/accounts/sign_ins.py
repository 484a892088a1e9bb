"""Where a person is signed in: django-allauth's rows, each with the browser and the address of one sign-in.

django-allauth looks at each row of a person by itself when that person signs in. Here it is one look for all,
and a person has only so many.
"""

from __future__ import annotations

from typing import Any

from allauth.account.signals import user_logged_in
from allauth.usersessions.models import UserSession
from allauth.usersessions.signals import on_user_logged_in
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.models import Session
from django.http import HttpRequest

from agent.accounts import sessions

MOST = 100  # sign-ins of a person: with the next one, the oldest ends
ENDED = 500  # rows that one sign-in deletes


def listen() -> None:
    """Takes the place of django-allauth's own receiver."""
    user_logged_in.disconnect(on_user_logged_in)
    user_logged_in.connect(_signed_in, dispatch_uid="sign_ins")
    user_logged_out.connect(_signed_out, dispatch_uid="sign_ins")


def of(user: User) -> list[UserSession]:
    """Returns the sign-ins of the person that have not ended, the newest first."""
    rows = list(UserSession.objects.filter(user=user).order_by("-created_at", "-pk")[:MOST])
    still = sessions.still_of(user, [row.session_key for row in rows])
    return [row for row in rows if row.session_key in still]


def _signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    UserSession.objects.create_from_request(request)
    # The new one is no row of a session yet: that is written with the response.
    new = UserSession.objects.get(session_key=request.session.session_key)
    staying = [new.pk, *(row.pk for row in of(user) if row.pk != new.pk)][:MOST]
    others = UserSession.objects.filter(user=user).exclude(pk__in=staying).order_by("pk")
    keys = list(others.values_list("session_key", flat=True)[:ENDED])
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(session_key__in=keys).delete()


def _signed_out(request: HttpRequest | None, **_: Any) -> None:
    if request is not None and hasattr(request, "session"):
        UserSession.objects.filter(session_key=request.session.session_key).delete()
