"""The pages on which people sign in and out, and what they wanted to see before."""

from __future__ import annotations

import re

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agent.models import ChatSession, Project


def test_a_password_signs_in_and_goes_where_one_wanted_to(
    db: None, alice: User, session: ChatSession
) -> None:
    client, wanted = Client(), reverse("session", args=[session.pk])
    page = client.get(f"{reverse('sign-in')}?next={wanted}").content.decode()
    address = re.search(r'<form method="post" action="([^"]+)"', page)
    assert address is not None
    right = {"username": "alice", "password": "alice's secret"}
    assert client.post(address[1], right)["Location"] == wanted


def test_a_wrong_password_is_told_and_signs_nobody_in(alice: User) -> None:
    client = Client()
    response = client.post(reverse("sign-in"), {"username": "alice", "password": "guess"})
    assert "Wrong username or password." in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_a_sign_in_link_that_is_over_says_so_on_the_sign_in_page(db: None) -> None:
    response = Client().get(reverse("sign-in-link", args=["used-or-wrong"]))
    assert response.status_code == 403
    assert "has been used or has expired" in response.content.decode()
    assert 'name="password"' in response.content.decode()


def test_sign_in_sends_nobody_to_another_site(alice: User) -> None:
    right = {"username": "alice", "password": "alice's secret"}
    address = f"{reverse('sign-in')}?next=https://elsewhere.example/"
    assert Client().post(address, right)["Location"] == "/"


def test_signing_out_is_a_post_and_ends_the_session(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get(reverse("sign-out")).status_code == 405
    assert client.post(reverse("sign-out"))["Location"] == reverse("sign-in")
    assert client.get("/").status_code == 302


# -- signed out meanwhile --------------------------------------------------------------------------


def test_after_the_sign_in_a_wanted_session_is_opened(project: Project, alice: User) -> None:
    stranger = Client()
    address = reverse("new-session", args=[project.pk])
    sign_in = stranger.post(address)["Location"]
    answer = stranger.post(sign_in, {"username": "alice", "password": "alice's secret"})
    opened = stranger.get(answer["Location"])
    assert opened.status_code == 302
    assert stranger.get(opened["Location"]).status_code == 200
    assert ChatSession.objects.filter(project=project, created_by=alice).count() == 1


def test_after_the_sign_in_a_form_is_where_it_was(project: Project, alice: User) -> None:
    stranger, page = Client(), f"http://testserver/projects/{project.pk}/?q=x"
    sent = stranger.post(reverse("new-project"), {"name": "Lost"}, headers={"Referer": page})
    assert sent["Location"] == f"{reverse('sign-in')}?next=/projects/{project.pk}/%3Fq%3Dx"
    for other in ("https://elsewhere.example/x", "", "nonsense"):
        sent = stranger.post(reverse("new-project"), headers={"Referer": other})
        assert sent["Location"] == f"{reverse('sign-in')}?next=/"
    assert not Project.objects.filter(name="Lost").exists()
