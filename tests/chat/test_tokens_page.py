"""The page of a person's access tokens."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agent.accounts.tokens import create_token, find_token
from agent.models import ApiToken


@pytest.fixture
def client(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def shown(client: Client) -> str:
    return str(client.get("/tokens/").content.decode())


def test_a_key_is_shown_once_and_works_until_it_is_revoked(client: Client, alice: User) -> None:
    response = client.post("/tokens/", {"name": "<b>Script</b>", "scope": "read"})
    assert "no-store" in response["Cache-Control"]
    (key,) = re.findall(r"samurai_[\w-]{43}", response.content.decode())
    token = find_token(key)
    assert token is not None
    assert (token.user, token.scope, token.name) == (alice, "read", "<b>Script</b>")
    text = shown(client)
    assert key not in text
    assert "&lt;b&gt;Script&lt;/b&gt;" in text
    revoked = client.post(reverse("revoke-token", args=[token.pk]), follow=True)
    assert "Token revoked." in revoked.content.decode()
    assert find_token(key) is None
    assert token.prefix not in shown(client)


def test_a_refused_token_keeps_what_was_typed(client: Client) -> None:
    response = client.post("/tokens/", {"name": "x" * 101, "scope": "read"})
    assert response.status_code == 400
    assert "too long: 101 of 100 characters" in response.content.decode()
    assert client.post("/tokens/", {"scope": "all"}).status_code == 400
    assert not ApiToken.objects.exists()


def test_tokens_of_others_are_neither_shown_nor_revoked(client: Client, bob: User) -> None:
    token, key = create_token(bob, "Of Bob")
    assert "Of Bob" not in shown(client)
    assert client.post(reverse("revoke-token", args=[token.pk])).status_code == 404
    assert find_token(key) is not None
    assert Client().get("/tokens/").status_code == 302
