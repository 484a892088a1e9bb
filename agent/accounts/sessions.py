"""The sign-ins of a user: Django's sessions, which are rows of the database."""

from __future__ import annotations

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone


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
