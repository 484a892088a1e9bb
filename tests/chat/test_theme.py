"""Light or dark, as a person chooses for a browser."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agent.models import Project
from chat.theme import COOKIE

pytestmark = pytest.mark.django_db


def test_the_first_paint_of_each_page_has_what_was_chosen(
    client: Client, alice: User, project: Project
) -> None:
    client.force_login(alice)
    page = reverse("project", args=[project.pk])
    assert "data-theme" not in client.get(page).text
    sent = {"headers": {"referer": f"http://testserver{page}"}}
    answer = client.post(reverse("theme"), {"theme": "dark"}, **sent)
    assert answer["Location"] == page
    for address in (page, reverse("sign-in")):
        told = Client(headers={"cookie": f"{COOKIE}=dark"}).get(address, follow=True).text
        assert '<html lang="en" data-theme="dark">' in told
        assert '<meta name="color-scheme" content="dark">' in told
    pressed = 'value="dark" aria-pressed="true">Dark</button>'
    assert pressed in client.get(page).text
    client.post(reverse("theme"), {"theme": ""}, **sent)
    assert "data-theme" not in client.get(page).text


def test_what_is_no_theme_is_not_written_into_a_page(client: Client) -> None:
    client.cookies[COOKIE] = '"><script>'
    assert "data-theme" not in client.get(reverse("sign-in")).text
    client.post(reverse("theme"), {"theme": "x"})
    assert client.cookies[COOKIE].value == ""
