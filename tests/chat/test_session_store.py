"""Sessions of the site are found as Django finds them: by their key, until they expire."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from chat.session_store import SessionStore

pytestmark = pytest.mark.django_db


def test_a_session_is_read_until_it_expires() -> None:
    stored = SessionStore()
    stored["name"] = "alice"
    stored.save()
    assert SessionStore(stored.session_key)["name"] == "alice"
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    expired = SessionStore(stored.session_key)
    assert expired.get("name") is None
    assert expired.session_key is None


def test_an_unknown_session_is_empty_and_gets_a_key_of_its_own() -> None:
    unknown = SessionStore("x" * 32)
    assert unknown.get("name") is None
    unknown["name"] = "bob"
    unknown.save()
    assert unknown.session_key != "x" * 32
