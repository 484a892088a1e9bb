"""The cookie of a login: a late response to an old page signs nobody out."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client

from chat.accounts import known_browser

pytestmark = pytest.mark.django_db
NAME = settings.SESSION_COOKIE_NAME


@pytest.mark.parametrize("address", ["/waiting/count/", "/accounts/sign-in/"])
def test_a_login_that_is_gone_takes_no_cookie_away(client: Client, address: str) -> None:
    client.cookies[NAME] = "x" * 32
    response = client.get(address)
    assert NAME not in response.cookies
    assert "Cookie" in response["Vary"]


def test_a_sign_out_takes_the_cookie_away(client: Client, alice: User) -> None:
    client.force_login(alice)
    response = client.post("/accounts/sign-out/")
    assert response.cookies[NAME].value == ""
    assert response.cookies[NAME]["max-age"] == 0


def test_a_changed_password_ends_the_login_and_takes_the_cookie_away(
    client: Client, alice: User
) -> None:
    client.force_login(alice)
    alice.set_password("another one")
    alice.save()
    response = client.get("/waiting/")
    assert response.status_code == 302
    assert response.cookies[NAME].value == ""


def test_cookies_are_for_this_site_and_no_script_reads_those_of_a_sign_in(
    client: Client, alice: User
) -> None:
    client.get("/accounts/sign-in/")
    client.post("/accounts/sign-in/", {"username": "alice", "password": "alice's secret"})
    client.get("/")
    assert {name: cookie["samesite"] for name, cookie in client.cookies.items()} == {
        NAME: "Lax",
        settings.CSRF_COOKIE_NAME: "Lax",
        known_browser.COOKIE: "Lax",
    }
    assert client.cookies[NAME]["httponly"]
    assert client.cookies[known_browser.COOKIE]["httponly"]


def test_a_session_that_somebody_planted_is_not_that_of_the_sign_in(
    client: Client, alice: User
) -> None:
    planted = SessionStore()
    planted["note"] = "of a stranger"
    planted.save()
    client.cookies[NAME] = planted.session_key
    client.post("/accounts/sign-in/", {"username": "alice", "password": "alice's secret"})
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert client.cookies[NAME].value != planted.session_key
    assert not planted.exists(planted.session_key)
