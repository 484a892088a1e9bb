"""The cookie of a login: a late response to an old page signs nobody out."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

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
