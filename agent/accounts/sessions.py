"""The sign-ins of a user: Django's sessions, which are rows of the database."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone


def still_of(user: User, keys: Iterable[str]) -> set[str]:
    """Returns those of the sessions, by their keys, in which `user` is signed in; one query."""
    rows = Session.objects.filter(session_key__in=list(keys), expire_date__gt=timezone.now())
    digests = {user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()}
    decoded = ((row.session_key, row.get_decoded()) for row in rows)
    return {
        key
        for key, data in decoded
        # Another password has ended those with another digest.
        if data.get(SESSION_KEY) == str(user.pk) and data.get(HASH_SESSION_KEY) in digests
    }


def end_all(user: User, *, but: str) -> int:
    """Signs `user` out everywhere except in the session whose key is `but`; returns how many ended.

    Reads all sessions, because a session names its user inside its data. Open sockets and event streams
    of an ended session are closed by the feed's check of who may still watch.
    """
    sessions = Session.objects.filter(expire_date__gt=timezone.now()).exclude(session_key=but)
    ended = [
        session.session_key
        for session in sessions.iterator()
        if session.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    for start in range(0, len(ended), 500):
        Session.objects.filter(session_key__in=ended[start : start + 500]).delete()
    return len(ended)
