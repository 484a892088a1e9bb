"""How the agent is set up, for those who look after it; without a secret."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.support.admin_site import allow, text_of

ADDRESS = "/admin/settings/"


def test_the_settings_are_shown_and_no_secret_among_them(
    boss: User, client: Client, settings: Any
) -> None:
    settings.OPENAI_API_KEY = "sk-verysecret"
    settings.OPENAI_BASE_URL = "https://me:p4ssw0rd@models.example/v1?token=hush"
    settings.SAMURAI_MODEL = "qwen3"
    text = text_of(client, ADDRESS)
    for said in ("qwen3", "https://models.example/v1", "900 s", "local"):
        assert said in text
    for secret in ("verysecret", "p4ssw0rd", "hush", settings.SECRET_KEY):
        assert secret not in text
    assert f'href="{ADDRESS}"' in text_of(client, reverse("admin:index"))


def test_they_say_that_the_offline_model_answers(boss: User, client: Client) -> None:
    assert "rules, not a language model" in text_of(client, ADDRESS)


def test_they_are_for_those_who_may_see_runs(bob: User, client: Client) -> None:
    allow(client, bob, "view_task")
    assert client.get(ADDRESS).status_code == 403
    assert ADDRESS not in text_of(client, reverse("admin:index"))
    allow(client, bob, "view_run")
    assert client.get(ADDRESS).status_code == 200
