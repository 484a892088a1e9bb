"""Signing in: one sentence for all failures, limits before a password is compared, the one-time link."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agent.accounts.sign_in import make_token
from agent.models import AuditEntry
from chat.accounts import known_browser

WRONG = "Wrong username or password."
TOO_MANY = "Too many attempts."


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The accounts for which a password was compared, one for each time that a digest was computed."""
    told: list[str] = []
    from django.contrib.auth.backends import ModelBackend

    real = ModelBackend.authenticate

    def authenticate(self: ModelBackend, request: Any, username: str = "", **kwargs: Any) -> Any:
        told.append(username)
        return real(self, request, username=username, **kwargs)

    monkeypatch.setattr(ModelBackend, "authenticate", authenticate)
    return told


def attempt(client: Client, name: str, password: str = "guess", **more: Any) -> tuple[int, str]:
    """Returns the status and the alert of the page; of a redirect, where it leads."""
    response = client.post(reverse("sign-in"), {"username": name, "password": password}, **more)
    if "Location" in response:
        return response.status_code, response["Location"]
    text = html.unescape(response.content.decode())
    alert = re.search(r'role="alert">([^<]+)<', text)
    return response.status_code, alert[1] if alert else text


def test_a_failure_tells_nothing_of_whether_the_account_exists(alice: User) -> None:
    disabled = User.objects.create_user("eve", password="guess", is_active=False)
    names = ["alice", "nobody", disabled.username, "ALICE", "", "alice\x00", "ä" * 300]
    told = {attempt(Client(REMOTE_ADDR=f"10.0.0.{at}"), name) for at, name in enumerate(names)}
    assert told == {(200, WRONG)}


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_an_account_has_five_attempts_from_one_address(
    alice: User, compared: list[str], name: str
) -> None:
    for _ in range(5):
        assert attempt(Client(), name) == (200, WRONG)
    status, text = attempt(Client(), name, "alice's secret")
    assert status == 429
    assert text.startswith(TOO_MANY)
    assert len(compared) == 5
    again = Client().post(reverse("sign-in"), {"username": name, "password": "x"})
    assert again["Retry-After"] == "300"


def test_a_stranger_does_not_lock_an_account_for_its_owner(alice: User) -> None:
    stranger = Client(REMOTE_ADDR="10.0.0.1")
    for _ in range(8):
        attempt(stranger, "alice")
    assert attempt(stranger, "alice", "alice's secret")[0] == 429
    assert attempt(Client(), "alice", "alice's secret") == (302, "/")


def test_many_strangers_have_a_hundred_attempts_and_a_known_browser_has_its_own(
    alice: User, compared: list[str]
) -> None:
    known, other = Client(REMOTE_ADDR="10.9.0.1"), Client(REMOTE_ADDR="10.9.0.2")
    for client, person in ((known, "alice"), (other, "nobody")):
        attempt(client, person, "alice's secret")
    del compared[:]
    for at in range(20):
        for _ in range(5):
            attempt(Client(REMOTE_ADDR=f"10.0.0.{at}"), "Alice")
    assert attempt(Client(), "alice", "alice's secret")[0] == 429
    assert attempt(other, "alice", "alice's secret")[0] == 429
    assert len(compared) == 100
    known.post(reverse("sign-out"))
    assert attempt(known, "alice", "alice's secret") == (302, "/")
    cookie = known.cookies[known_browser.COOKIE]
    assert (cookie["httponly"], cookie["samesite"], "alice" in cookie.value) == (True, "Lax", False)


def test_an_address_has_ten_failures_whatever_it_names_and_says(
    alice: User, compared: list[str]
) -> None:
    client = Client()
    for at in range(10):
        forged = {"HTTP_X_FORWARDED_FOR": f"10.0.0.{at}", "HTTP_X_REAL_IP": f"10.0.0.{at}"}
        assert attempt(client, f"name{at}", **forged) == (200, WRONG)
    assert attempt(client, "alice", HTTP_X_FORWARDED_FOR="10.0.0.99")[0] == 429
    assert len(compared) == 10
    assert attempt(Client(REMOTE_ADDR="10.0.0.1"), "alice", "alice's secret") == (302, "/")


def test_the_port_of_the_host_header_gives_no_new_attempts(alice: User) -> None:
    for at in range(5):
        attempt(Client(), "alice", HTTP_HOST=f"localhost:{8000 + at}")
    status, _ = attempt(Client(), "Alice", HTTP_HOST="127.0.0.1:1")
    assert status == 429


def test_the_link_of_the_start_is_named_while_no_account_has_a_password(alice: User) -> None:
    page, told = Client().get(reverse("sign-in")), "the sign-in link that the server prints"
    assert told not in page.content.decode()
    alice.set_unusable_password()
    alice.save()
    assert told in Client().get(reverse("sign-in")).content.decode()


def test_who_signs_in_often_is_not_held_up(alice: User) -> None:
    for _ in range(12):
        assert attempt(Client(), "alice", "alice's secret") == (302, "/")


def test_an_address_that_tries_too_often_gets_a_page(alice: User) -> None:
    client = Client()
    for _ in range(60):
        attempt(client, "")
    response = client.post(reverse("sign-in"), {})
    assert response.status_code == 429
    assert b"Too many attempts" in response.content
    assert response["Retry-After"] == "300"
    assert client.get(reverse("sign-in")).status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    [
        *("https://example.com/", "//example.com/", "/\\example.com", "javascript:alert(1)"),
        *("http://127.0.0.1/", "https://testserver.example.com/"),
        "http://testserver/tokens/",  # without HTTPS
    ],
)
def test_signing_in_leads_to_no_other_site(alice: User, settings: Any, elsewhere: str) -> None:
    settings.ALLOWED_HOSTS = ["testserver", "127.0.0.1"]
    client = Client()
    page = f"{reverse('sign-in')}?{urlencode({'next': elsewhere})}"
    fields = {"username": "alice", "password": "alice's secret"}
    assert client.post(page, fields, secure=True)["Location"] == "/"
    assert client.get(page, secure=True)["Location"] == "/"
    here = f"{reverse('sign-in')}?next=https://testserver/tokens/"
    assert client.get(here, secure=True)["Location"] == "https://testserver/tokens/"


def test_a_form_that_is_sent_signs_in_its_user_whoever_is_signed_in(alice: User, bob: User) -> None:
    client = Client()
    client.force_login(bob)
    assert client.get(reverse("sign-in"))["Location"] == "/"
    assert attempt(client, "alice", "alice's secret") == (302, "/")
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_nobody_creates_an_account(db: None) -> None:
    client = Client()
    assert b"Create an account" not in client.get(reverse("sign-in")).content
    fields = {"username": "eve", "password1": "long enough 1", "password2": "long enough 1"}
    page = client.post(reverse("account_signup"), fields)
    assert "No account here" in page.content.decode()
    assert not User.objects.exists()


def test_everybody_creates_an_account_when_a_setting_says_so(db: None, settings: Any) -> None:
    settings.SAMURAI_SIGN_UP = "open"
    client = Client()
    assert reverse("account_signup") in client.get(reverse("sign-in")).content.decode()
    fields = {"username": "eve", "password1": "long enough 1", "password2": "long enough 1"}
    assert client.post(reverse("account_signup"), fields)["Location"] == "/"
    assert client.session["_auth_user_id"] == str(User.objects.get(username="eve").pk)


# -- the admin -------------------------------------------------------------------------------------


def test_the_admin_has_no_door_of_its_own(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    page = reverse("admin:auth_user_changelist")
    client = Client()
    door = client.get(page)["Location"]
    fields = {"username": "alice", "password": "alice's secret"}
    assert client.post(door, fields)["Location"] == f"{reverse('sign-in')}?next={page}"
    assert "_auth_user_id" not in client.session
    assert client.post(f"{reverse('sign-in')}?next={page}", fields)["Location"] == page
    assert client.get(door)["Location"] == reverse("admin:index")
    assert client.get(reverse("admin:password_change"))["Location"] == reverse(
        "account_change_password"
    )


def test_who_may_not_see_the_admin_is_told_so(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    assert client.get(client.get(reverse("admin:index"))["Location"]).status_code == 403


def test_the_admin_shows_no_secret_of_a_second_factor(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(alice)
    assert client.get("/admin/mfa/authenticator/").status_code == 404


# -- the one-time link -----------------------------------------------------------------------------


def test_a_link_that_is_only_looked_at_still_signs_in(alice: User) -> None:
    link = reverse("sign-in-link", args=[make_token(alice)])
    for look in (Client().get, Client().head, Client().get):
        response = look(link)
        assert response.status_code == 200
        assert "sessionid" not in response.cookies
    assert "no-store" in response["Cache-Control"]
    assert b"Sign in as alice" in response.content
    client = Client()
    assert client.post(link)["Location"] == "/"
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert Client().post(link).status_code == Client().get(link).status_code == 403


def test_an_address_guesses_ten_links_a_minute_and_who_has_one_is_not_counted(alice: User) -> None:
    link = reverse("sign-in-link", args=[make_token(alice)])
    wrong = reverse("sign-in-link", args=["none"])
    assert {Client().get(link).status_code for _ in range(12)} == {200}
    looks = [look(wrong).status_code for look in (Client().get, Client().head, Client().post) * 4]
    assert looks == [403] * 10 + [429] * 2
    assert AuditEntry.objects.filter(deed="sign_in_failed").count() == 10
    assert Client().post(link).status_code == 429
    assert Client(REMOTE_ADDR="10.0.0.1").post(link)["Location"] == "/"


def test_a_link_is_pressed_by_its_own_page_only(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    link = reverse("sign-in-link", args=[make_token(alice)])
    assert client.post(link).status_code == 403
    page = client.get(link).content.decode()
    field = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert field is not None
    assert client.post(link, {"csrfmiddlewaretoken": field[1]})["Location"] == "/"


def test_a_link_signs_in_over_somebody_else(alice: User, bob: User) -> None:
    client = Client()
    client.force_login(bob)
    client.post(reverse("sign-in-link", args=[make_token(alice)]))
    assert client.session["_auth_user_id"] == str(alice.pk)
