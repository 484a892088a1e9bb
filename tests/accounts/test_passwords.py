"""Changing, setting and resetting a password, and signing out everywhere."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agent.engine import pruning
from agent.models import ChatSession
from chat.accounts import sign_ins
from chat.accounts.pages import browser_of
from chat.connection_identity import NOT_LOGGED_IN, ConnectionIdentity, not_allowed
from chat.session_hash import login_of

NEW = "a better secret"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36"


def signed_in(name: str, password: str = "", **headers: Any) -> Client:
    client = Client(**headers)
    fields = {"username": name, "password": password or f"{name}'s secret"}
    assert client.post(reverse("sign-in"), fields).status_code == 302
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200 or "/sign-in/" not in client.get("/")["Location"]


def watching(client: Client, session: ChatSession) -> ConnectionIdentity:
    """The WebSocket that a page of this browser has."""
    headers = {"origin": "http://testserver", "cookie": f"sessionid={client.session.session_key}"}
    login = login_of(headers)
    assert login is not None
    return ConnectionIdentity(login, session.pk, session.project_id)


def change(client: Client, old: str, new: str = NEW) -> Any:
    fields = {"oldpassword": old, "password1": new, "password2": new}
    return client.post(reverse("account_change_password"), fields)


def test_a_changed_password_signs_out_everywhere_else(alice: User, session: ChatSession) -> None:
    here, elsewhere = signed_in("alice"), signed_in("alice")
    socket = watching(elsewhere, session)
    assert change(here, "alice's secret")["Location"] == reverse("account")
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)
    assert not_allowed([socket]) == {socket: NOT_LOGGED_IN}
    signed_in("alice", NEW)


@pytest.mark.parametrize("weak", ["trustno1", "password123", "91827364509", "alice-a1", "short7!"])
def test_a_weak_password_is_refused(alice: User, weak: str) -> None:
    client = signed_in("alice")
    assert change(client, "alice's secret", weak).status_code == 200
    alice.refresh_from_db()
    assert alice.check_password("alice's secret")


def test_the_page_tells_that_the_password_was_changed_once(alice: User) -> None:
    client = signed_in("alice")
    change(client, "alice's secret")
    assert b'role="status"' in client.get(reverse("account")).content
    assert b'role="status"' not in client.get(reverse("account")).content


@pytest.mark.parametrize(("old", "new"), [("wrong", NEW), ("alice's secret", "short")])
def test_a_wrong_or_a_weak_password_changes_nothing(alice: User, old: str, new: str) -> None:
    response = change(signed_in("alice"), old, new)
    assert response.status_code == 200
    assert b"errorlist" in response.content
    signed_in("alice")


def test_who_guesses_the_current_password_of_a_page_that_was_left_open_is_stopped(
    alice: User,
) -> None:
    client = signed_in("alice")
    assert [change(client, "wrong").status_code for _ in range(6)] == [200] * 5 + [429]
    assert change(client, "alice's secret").status_code == 429


def test_who_has_no_password_sets_one(alice: User) -> None:
    alice.set_unusable_password()
    alice.save()
    client = Client()
    client.force_login(alice)
    page = client.get(reverse("account_change_password"))["Location"]
    assert client.post(page, {"password1": NEW, "password2": NEW})["Location"] == reverse("account")
    signed_in("alice", NEW)


# -- where one is signed in ------------------------------------------------------------------------


def test_the_page_lists_where_one_is_signed_in_and_ends_all_but_this(
    alice: User, bob: User, session: ChatSession
) -> None:
    here = signed_in("alice", HTTP_USER_AGENT=CHROME)
    phone, other = signed_in("alice", REMOTE_ADDR="10.0.0.7"), signed_in("bob")
    unlisted = Client()
    unlisted.force_login(alice)  # as from before sign-ins were listed
    text = here.get(reverse("sign-ins")).content.decode()
    assert "Chrome on Linux" in text
    assert "10.0.0.7" in text
    sockets = [watching(client, session) for client in (phone, unlisted)]
    mine = watching(here, session)
    assert not_allowed([mine, *sockets]) == {}
    assert here.post(reverse("sign-ins")).status_code == 302
    assert not_allowed([mine, *sockets]) == dict.fromkeys(sockets, NOT_LOGGED_IN)
    assert [is_signed_in(one) for one in (here, phone, unlisted, other)] == [1, 0, 0, 1]
    assert "10.0.0.7" not in here.get(reverse("sign-ins")).content.decode()


def test_many_sign_ins_cost_one_look_and_the_oldest_end(
    alice: User, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(sign_ins, "MOST", 3)
    first, *others = [signed_in("alice") for _ in range(4)]
    assert not is_signed_in(first)
    assert all(is_signed_in(one) for one in others)
    monkeypatch.undo()
    for _ in range(20):
        signed_in("alice", REMOTE_ADDR="10.0.0.1")
    assert len(sign_ins.of(alice)) == UserSession.objects.count() == 23
    with django_assert_max_num_queries(25):
        signed_in("alice")
    with django_assert_max_num_queries(25):
        text = others[0].get(reverse("sign-ins")).content.decode()
    assert text.count("<small>Since") == 24


def test_of_a_sign_in_that_has_ended_neither_browser_nor_address_is_kept(
    alice: User, settings: Any
) -> None:
    here, _ = signed_in("alice"), signed_in("alice")
    here.post(reverse("sign-out"))
    assert UserSession.objects.count() == 1
    settings.SAMURAI_KEEP_EXPIRED_DAYS = 1
    Session.objects.update(expire_date=timezone.now() - timedelta(days=2))
    pruning.prune(pause=0)
    assert not UserSession.objects.exists()


def test_the_address_is_what_the_server_names(alice: User) -> None:
    client = signed_in("alice", HTTP_X_FORWARDED_FOR="10.9.9.9", REMOTE_ADDR="unknown")
    text = client.get(reverse("sign-ins")).content.decode()
    assert "10.9.9.9" not in text
    assert "0.0.0.0" in text


@pytest.mark.parametrize(
    ("user_agent", "shown"),
    [
        (CHROME, "Chrome on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "Safari on iOS"),
        ("curl/8", "curl/8"),
        ("", "Unknown program"),
    ],
    ids=["chrome", "iphone", "curl", "none"],
)
def test_a_browser_has_a_name(user_agent: str, shown: str) -> None:
    assert browser_of(user_agent) == shown


@pytest.mark.parametrize(
    "name", ["account", "sign-ins", "account_change_password", "mfa_index", "mfa_activate_totp"]
)
def test_the_pages_are_for_who_is_signed_in(db: None, name: str) -> None:
    response = Client().get(reverse(name))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("sign-in"))


# -- by mail ---------------------------------------------------------------------------------------


@pytest.fixture
def with_mail(settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example.com"
    settings.ACCOUNT_EMAIL_NOTIFICATIONS = True


def test_without_mail_nothing_offers_it(alice: User) -> None:
    client = signed_in("alice")
    assert b"E-mail" not in client.get(reverse("account")).content
    for page in (Client().get(reverse("sign-in")), client.get(reverse("account_change_password"))):
        assert b"Forgot" not in page.content
    for name in ("account_email", "account_reset_password"):
        assert client.get(reverse(name)).status_code == 404


def test_a_password_is_reset_by_mail(alice: User, with_mail: None) -> None:
    User.objects.filter(pk=alice.pk).update(email="alice@example.com")
    elsewhere, client = signed_in("alice"), Client()
    assert reverse("account_reset_password") in client.get(reverse("sign-in")).content.decode()
    client.post(reverse("account_reset_password"), {"email": "Alice@example.com"})
    (message,) = mail.outbox
    assert (message.to, message.subject) == (
        ["alice@example.com"],
        "Samurai Agent: Reset your password",
    )
    link = re.search(r"http://testserver(/accounts/reset/\S+)", str(message.body))
    assert link is not None
    form = client.get(link[1])["Location"]  # without the secret, which no page refers to
    assert client.get(form).status_code == 200
    done = client.post(form, {"password1": NEW, "password2": NEW})
    assert done.status_code == 302
    assert not is_signed_in(elsewhere)
    signed_in("alice", NEW)
    assert b"This link is over" in Client().get(link[1]).content


def test_who_has_reset_the_password_is_not_kept_out_by_those_who_guess(
    alice: User, with_mail: None
) -> None:
    User.objects.filter(pk=alice.pk).update(email="alice@example.com")
    for at in range(100):
        Client(REMOTE_ADDR=f"10.0.0.{at}").post(
            reverse("sign-in"), {"username": "alice", "password": "guess"}
        )
    client = Client()
    fields = {"username": "alice", "password": NEW}
    assert [client.post(reverse("sign-in"), fields).status_code for _ in range(6)] == [429] * 6
    client.post(reverse("account_reset_password"), {"email": "alice@example.com"})
    link = re.search(r"http://testserver(/accounts/reset/\S+)", str(mail.outbox[0].body))
    assert link is not None
    client.post(client.get(link[1])["Location"], {"password1": NEW, "password2": NEW})
    assert client.post(reverse("sign-in"), fields)["Location"] == "/"


def test_a_mail_leads_to_the_site_whatever_port_a_client_names(
    alice: User, with_mail: None, settings: Any
) -> None:
    settings.SITE_URL = "https://samurai.example.com"
    User.objects.filter(pk=alice.pk).update(email="alice@example.com")
    forged = {"HTTP_HOST": "testserver:6666"}
    Client().post(reverse("account_reset_password"), {"email": "alice@example.com"}, **forged)
    client = signed_in("alice", **forged)
    proof = client.post(reverse("account_email"), {"email": "a@example.com", "action_add": ""})
    client.post(proof["Location"], {"password": "alice's secret"})
    if len(mail.outbox) == 1:
        client.post(reverse("account_email"), {"email": "a@example.com", "action_add": ""})
    reset, confirm = (str(message.body) for message in mail.outbox[:2])
    assert "\nhttps://samurai.example.com/accounts/reset/" in reset
    assert "\nhttps://samurai.example.com/accounts/e-mail/confirm/" in confirm
    assert "6666" not in reset + confirm


def test_whether_an_account_has_an_address_is_told_to_nobody_but_its_owner(
    alice: User, with_mail: None
) -> None:
    User.objects.filter(pk=alice.pk).update(email="alice@example.com")
    pages = []
    for address in ("alice@example.com", "nobody@example.com"):
        client = Client()
        sent = client.post(reverse("account_reset_password"), {"email": address})
        pages.append((sent.status_code, sent["Location"], client.get(sent["Location"]).content))
    assert pages[0] == pages[1]


def test_nobody_is_sent_more_than_five_mails_an_hour(alice: User, with_mail: None) -> None:
    User.objects.filter(pk=alice.pk).update(email="alice@example.com")
    page = reverse("account_reset_password")
    for at in range(8):
        Client(REMOTE_ADDR=f"10.0.0.{at}").post(page, {"email": "alice@example.com"})
    assert len(mail.outbox) == 5
    for at in range(8):
        Client(REMOTE_ADDR="10.1.0.1").post(page, {"email": f"stranger{at}@example.com"})
    assert len(mail.outbox) == 10


def test_an_address_counts_when_it_is_confirmed(alice: User, with_mail: None) -> None:
    client = signed_in("alice")
    page = reverse("account_email")
    proof = client.post(page, {"email": "a@example.com", "action_add": ""})["Location"]
    assert proof.startswith(reverse("account_reauthenticate"))
    client.post(proof, {"password": "alice's secret"})
    if not mail.outbox:
        client.post(page, {"email": "a@example.com", "action_add": ""})
    link = re.search(r"http://testserver(\S+)", str(mail.outbox[0].body))
    assert link is not None
    assert User.objects.get(pk=alice.pk).email == ""
    assert client.get(link[1]).status_code == 200
    assert User.objects.get(pk=alice.pk).email == ""
    client.post(link[1])
    assert User.objects.get(pk=alice.pk).email == "a@example.com"
