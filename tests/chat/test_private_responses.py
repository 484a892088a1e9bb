"""Responses with somebody's data are stored nowhere; the API's description is for users of a public site."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from agent.models import ChatSession, Project


@pytest.mark.django_db(transaction=True)  # an export is read and recorded in other threads
def test_pages_and_the_api_are_not_stored(
    client: Client, alice: User, project: Project, session: ChatSession
) -> None:
    client.force_login(alice)
    for path in (
        "/",
        "/waiting/",
        "/accounts/sign-in/",
        f"/projects/{project.pk}/",
        f"/projects/{project.pk}/export/",
        f"/sessions/{session.pk}/",
        "/sessions/nothing/",
        "/api/me/",
        f"/api/sessions/{session.pk}/events/",
        "/admin/login/",
    ):
        assert "no-store" in client.get(path)["Cache-Control"], path


@pytest.mark.django_db
def test_the_description_of_the_api_is_for_users_of_a_site_with_https(
    client: Client, alice: User, settings: Settings
) -> None:
    assert client.get("/api/schema/").status_code == client.get("/api/docs/").status_code == 200
    settings.SITE_URL = "https://samurai.example.com"
    assert client.get("/api/schema/").status_code == 401
    assert client.get("/api/docs/").headers["Location"] == "/accounts/sign-in/?next=/api/docs/"
    client.force_login(alice)
    assert client.get("/api/schema/").status_code == client.get("/api/docs/").status_code == 200
