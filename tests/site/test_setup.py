"""`manage.py setup`, the one-time sign-in link, and the files that tell how to set the site up."""

from __future__ import annotations

import re
import socket
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from agent.accounts.sign_in import claim, make_token, owner, redeem
from agent.management.commands.setup import own_names
from agent.models import ChatSession, Message, Project

ROOT = Path(__file__).resolve().parents[2]


def set_up(**options: Any) -> list[str]:
    output = StringIO()
    call_command("setup", stdout=output, **options)
    return output.getvalue().splitlines()


def link_in(lines: list[str]) -> str:
    return lines[0].split()[-1]


def follow(client: Client, link: str) -> HttpResponse:
    """Presses the button of the page to which the link leads."""
    return client.post("/" + link.split("/", 3)[3])  # type: ignore[return-value]  # no middleware of ours


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", password="the boss's secret")


# -- the command -----------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("", "Model: small-model at OpenAI"),
        ("http://127.0.0.1:9/v1", "Model: small-model at 127.0.0.1:9"),
        ("http://me:secret@models.test/v1", "Model: small-model at models.test"),
    ],
)
def test_the_start_names_the_model_and_its_server(settings: Any, address: str, line: str) -> None:
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "key", address
    settings.SAMURAI_MODEL = "small-model"
    assert set_up()[1] == line


@pytest.mark.django_db
def test_the_first_start_makes_an_owner_without_password_and_a_project_to_begin_with() -> None:
    set_up()
    user = User.objects.get()
    assert (user.username, user.is_superuser, user.has_usable_password()) == ("owner", True, False)
    project = Project.objects.get()
    assert project.owner == user
    assert project.description
    assert ChatSession.objects.get().project == project
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_a_second_start_changes_nothing_and_gives_a_new_link(client: Client) -> None:
    set_up()
    before = [list(model.objects.values()) for model in (User, Project, ChatSession)]
    lines = set_up()
    assert [list(model.objects.values()) for model in (User, Project, ChatSession)] == before
    assert follow(client, link_in(lines)).status_code == 302


def test_where_there_is_a_user_nothing_is_made(alice: User) -> None:
    set_up()
    assert list(User.objects.all()) == [alice]
    assert not Project.objects.exists()


@pytest.mark.django_db
def test_it_prints_the_link_and_which_model_answers_and_nothing_else(
    capfd: pytest.CaptureFixture[str],
) -> None:
    lines = set_up()
    assert len(lines) == 2
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/sign-in/[^/]+/", link_in(lines))
    assert "ffline" in lines[1]
    assert capfd.readouterr() == ("", "")


def test_without_an_active_superuser_it_names_the_sign_in_page(boss: User, alice: User) -> None:
    User.objects.filter(pk=boss.pk).update(is_active=False)
    assert link_in(set_up()) == "http://127.0.0.1:8000/accounts/sign-in/"


@pytest.mark.parametrize(
    ("host", "port", "start"),
    [
        ("127.0.0.1", "8765", "http://127.0.0.1:8765/"),
        ("localhost", "80", "http://localhost:80/"),
        ("0.0.0.0", "8000", "http://127.0.0.1:8000/"),
        ("::", "8000", "http://[::1]:8000/"),
        ("::1", "8000", "http://[::1]:8000/"),
    ],
)
def test_the_link_leads_to_where_the_server_listens(
    boss: User, monkeypatch: pytest.MonkeyPatch, host: str, port: str, start: str
) -> None:
    assert link_in(set_up(host=host, port=port)).startswith(start + "sign-in/")
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("PORT", port)
    assert link_in(set_up()).startswith(start + "sign-in/")


def test_the_link_leads_to_the_sites_own_address_when_it_has_one(boss: User, settings: Any) -> None:
    settings.SITE_URL = "https://samurai.example.com/"
    assert link_in(set_up()).startswith("https://samurai.example.com/sign-in/")


# -- the link --------------------------------------------------------------------------------------


def test_the_link_signs_the_owner_in_and_leads_home(boss: User, client: Client) -> None:
    response = follow(client, link_in(set_up()))
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.session["_auth_user_id"] == str(boss.pk)


def test_the_link_works_once(boss: User, client: Client) -> None:
    link = link_in(set_up())
    assert follow(Client(), link).status_code == 302
    again = follow(client, link)
    assert again.status_code == 403
    assert "has been used or has expired" in again.content.decode()
    assert 'type="password"' in again.content.decode()
    assert "_auth_user_id" not in client.session


def test_an_expired_link_does_not_sign_in(boss: User, client: Client, settings: Any) -> None:
    link = link_in(set_up())
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert follow(client, link).status_code == 403
    assert "_auth_user_id" not in client.session


def test_signing_in_in_another_way_ends_the_link_even_within_the_same_second(
    boss: User, client: Client
) -> None:
    client.force_login(boss)
    link = link_in(set_up())
    client.force_login(boss)
    assert follow(Client(), link).status_code == 403


def test_a_new_password_ends_the_link(boss: User) -> None:
    link = link_in(set_up())
    boss.set_password("another secret")
    boss.save()
    assert follow(Client(), link).status_code == 403


def test_a_wrong_token_is_refused_like_a_used_one(boss: User, client: Client) -> None:
    token = make_token(boss)
    wrong = (token[:-1] + ("a" if token[-1] != "a" else "b"), token[1:], ".", "zzzzzzzzzzzzzz.a-b")
    for text in (*wrong, default_token_generator.make_token(boss), "x" * 2000, "1." + "é"):
        assert client.get(f"/sign-in/{text}/").status_code == 403
    assert redeem(token) == boss


def test_one_users_token_does_not_sign_another_in(boss: User, alice: User) -> None:
    signed = make_token(boss).partition(".")[2]
    other = make_token(alice).partition(".")[0]
    assert redeem(f"{other}.{signed}") is None


def test_a_disabled_owners_link_does_not_work(boss: User) -> None:
    token = make_token(boss)
    User.objects.update(is_active=False)
    assert owner() is None
    assert redeem(token) is None


def test_of_two_who_have_checked_the_same_link_one_gets_in(boss: User) -> None:
    first, second = User.objects.get(), User.objects.get()
    assert [claim(first), claim(second)] == [True, False]


@pytest.mark.django_db(transaction=True)
def test_of_many_clicks_at_once_one_signs_in() -> None:
    token = make_token(User.objects.create_superuser("boss"))
    run_together, users = threading.Barrier(8), []

    def click() -> None:
        run_together.wait()
        users.append(redeem(token))
        connection.close()

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(users) == 8
    assert len([user for user in users if user is not None]) == 1


# -- the files -------------------------------------------------------------------------------------


def test_the_example_environment_names_every_variable_that_is_read_and_no_other() -> None:
    settings = (ROOT / "samurai_site" / "settings.py").read_text()
    read = set(re.findall(r'(?:env_\w+|environ\.get)\(\s*"([A-Z_]+)"', settings))
    named = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert len(read) > 10
    assert named == read | {"HOST", "PORT"}


# -- all addresses ---------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_on_all_addresses_says_its_names_and_what_to_set_for_others(
    boss: User, settings: Any, host: str
) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    lines = set_up(host=host, port="8000")[2:]
    assert "all addresses, port 8000, under these names only" in lines[0]
    assert lines[1].split(", ") == [
        "  http://localhost:8000",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
    ]
    machine = socket.gethostname().lower()
    assert f"ALLOWED_HOSTS=localhost,127.0.0.1,[::1],{machine}" in lines[2]
    assert f"SITE_URL=http://{machine}:8000" in lines[2]


def test_what_is_set_already_is_not_asked_for(boss: User, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert set_up(host="0.0.0.0")[2:] == [
        "The server listens on all addresses, port 8000, under any name."
    ]
    settings.ALLOWED_HOSTS = ["localhost", "example.org"]
    settings.SITE_URL = "http://example.org"
    _, names = set_up(host="0.0.0.0")[2:]
    assert names == "  http://localhost:8000, http://example.org"
    settings.SITE_URL = ""
    settings.ALLOWED_HOSTS = ["localhost", *own_names()]
    assert len(set_up(host="0.0.0.0")[2:]) == 2


def test_a_server_on_one_address_needs_no_such_lines(boss: User) -> None:
    for host in ("127.0.0.1", "192.168.1.5", "::1"):
        assert len(set_up(host=host)) == 2
