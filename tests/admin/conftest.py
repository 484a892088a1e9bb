"""One row at least of every model, and Boss, who is signed in to the admin and may do everything."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agent.models import ChatSession
from tests.support.admin_site import make_rows


@pytest.fixture
def boss(db: None, client: Client) -> User:
    boss = User.objects.create_superuser("boss")
    client.force_login(boss)
    return boss


@pytest.fixture
def rows(session: ChatSession, alice: User, bob: User, boss: User) -> ChatSession:
    make_rows(session, alice, bob)
    return session
