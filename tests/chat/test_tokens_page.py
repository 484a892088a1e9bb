"""The page of a person's access tokens."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from agent.accounts.tokens import create_token, find_token
from agent.models import ApiToken


@pytest.fixture
def client(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def shown(client: Client) -> str:
    return str(client.get("/tokens/").content.decode())


def test_a_key_is_shown_once_and_works_until_it_is_revoked(client: Client, alice: User) -> None:
    led = client.post("/tokens/", {"name": "<b>Script</b>", "scope": "read"})
    assert (led.status_code, led["Location"]) == (302, "/tokens/")  # a reload makes no other one
    response = client.get("/tokens/")
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


def test_a_key_is_shown_to_nobody_else_in_the_browser(client: Client, bob: User) -> None:
    client.post("/tokens/", {"name": "Mine", "scope": "read"})
    client.cookies.pop("sessionid")
    client.force_login(bob)
    assert "Your new key" not in shown(client)


def test_the_page_names_scopes_as_its_form_does_and_shows_a_refusal_as_one(
    client: Client, settings: Settings
) -> None:
    client.post("/tokens/", {"name": "One", "scope": "write"})
    assert "<span>Read and write</span>" in shown(client)
    settings.SAMURAI_USER_TOKENS = 1
    refused = client.post("/tokens/", {"name": "Two", "scope": "read"}).content.decode()
    assert '<p class="alert" role="alert">A person may have 1 active access token' in refused
    assert f'href="{reverse("account")}"' in refused


def test_a_request_with_another_kind_of_key_reads_which_one_is_taken(alice: User) -> None:
    headers = {"authorization": f"Bearer {create_token(alice)[1]}"}
    refused = Client().get("/api/me/", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")
    assert "Authorization: Token KEY" in refused.json()["detail"]


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


def test_a_token_expires_when_that_was_chosen_and_says_so(client: Client) -> None:
    assert '<option value="90" selected>' in shown(client)
    client.post("/tokens/", {"name": "Short", "scope": "read", "days": "7"})
    client.post("/tokens/", {"name": "Lasting", "scope": "read", "days": ""})
    lasting, short = ApiToken.objects.order_by("-created_at")
    assert lasting.expires_at is None
    text = shown(client)
    assert "Never expires" in text
    assert f'datetime="{short.expires_at:%Y-%m-%dT%H:%M:%SZ}"' in text
    ApiToken.objects.filter(pk=short.pk).update(expires_at=timezone.now())
    assert "Short" not in shown(client)
    assert client.post(reverse("revoke-token", args=[short.pk])).status_code == 404


def test_too_many_tokens_are_refused_by_page_and_api(
    client: Client, alice: User, settings: Any
) -> None:
    settings.SAMURAI_USER_TOKENS = 1
    create_token(alice)
    response = client.post("/tokens/", {"scope": "read"})
    assert response.status_code == 400
    assert "Revoke one first." in response.content.decode()
    answer = client.post("/api/tokens/", {}, content_type="application/json")
    assert answer.status_code == 403
    assert answer.json()["code"] == "quota_reached"
    assert "Revoke one first." in answer.json()["detail"]
    assert ApiToken.objects.count() == 1


def test_a_token_makes_by_the_api_none_that_outlives_it(client: Client, alice: User) -> None:
    parent, key = create_token(alice, days=7)
    client.logout()
    headers = {"authorization": f"Token {key}"}
    for body in ({}, {"days": 30}, {"days": None}):
        made = client.post("/api/tokens/", body, content_type="application/json", headers=headers)
        assert made.status_code == 201
        assert ApiToken.objects.get(pk=made.json()["id"]).expires_at == parent.expires_at
    wrong = client.post(
        "/api/tokens/", {"days": 0}, content_type="application/json", headers=headers
    )
    assert wrong.status_code == 400
