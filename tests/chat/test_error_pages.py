"""The pages that say what went wrong: ours, without a session, a database or a trace of the error."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import path, reverse

from agent.models import ChatSession
from chat import error_pages
from samurai_site.request_limits import MAX_BODY
from samurai_site.urls import handler400, handler403, handler404, handler500, urlpatterns
from tests.support.server import ServerProcess

HTML, JSON = {"accept": "text/html,*/*;q=0.8"}, {"accept": "application/json"}


def raising(error: Exception) -> Any:
    def view(request: HttpRequest) -> None:
        raise error

    return view


ERRORS: dict[str, tuple[Exception, int, str, str]] = {
    "bad": (BadRequest("start must be a number."), 400, "invalid", "start must be a number."),
    "suspicious": (SuspiciousOperation("secret"), 400, "invalid", "could not read"),
    "big": (RequestDataTooBig("secret"), 413, "too_large", "2.5 MB at most"),
    "broken": (RuntimeError("secret"), 500, "internal", "server's log"),
    "away": (OperationalError("secret"), 503, "unavailable", "Wait a moment"),
}


class Urls:
    """URLs whose views fail, with the site's handlers."""

    urlpatterns = [
        *(path(f"fails/{name}/", raising(case[0])) for name, case in ERRORS.items()),
        *urlpatterns,
    ]
    handler400, handler403 = handler400, handler403
    handler404, handler500 = handler404, handler500


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


def check(response: Any, status: int, text: str) -> str:
    """A page of ours, which says what to do and nothing else."""
    page: str = response.content.decode()
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert '<main class="card">' in page
    assert "chat/base.css" in page
    assert text in page.replace("&#x27;", "'")
    for word in ("Traceback", "secret", "Django", "settings.py"):
        assert word not in page
    return page


@pytest.mark.parametrize("name", ERRORS)
def test_what_breaks_in_a_view_is_told_on_a_page_or_as_json(
    client: Client, settings: Any, name: str
) -> None:
    settings.ROOT_URLCONF = Urls
    _, status, code, text = ERRORS[name]
    page = client.get(f"/fails/{name}/", headers=HTML)
    check(page, status, text)
    told = client.get(f"/fails/{name}/", headers=JSON)
    assert told.status_code == status
    assert told.json()["code"] == code
    assert text in told.json()["detail"]


@pytest.mark.parametrize("host", ["samurai.lan", "10.0.0.7:8000", "evil.example", "a_b.example"])
def test_an_unknown_host_is_told_which_setting_names_it(client: Client, host: str) -> None:
    for address in ("/", "/accounts/sign-in/", "/nowhere/"):
        page = check(client.get(address, headers={**HTML, "host": host}), 400, "ALLOWED_HOSTS")
        assert "SITE_URL" in page
        assert host not in page
    refused = client.get("/api/me/", headers={"host": host})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_host")


def test_a_page_that_is_not_there_needs_no_database(client: Client) -> None:
    check(client.get("/nowhere/", headers=HTML), 404, "Page not found")
    check(client.get("/static/nowhere.css"), 404, "Page not found")
    assert client.get("/nowhere/", headers=JSON).json()["code"] == "not_found"


def test_a_form_without_its_token_is_told_to_reload(client: Client, alice: User) -> None:
    client.force_login(alice)
    address = reverse("new-project")
    check(client.post(address, {"name": "x"}, headers=HTML), 403, "reload the page")
    check(client.post(reverse("sign-in"), {"username": "alice"}), 403, "reload the page")
    check(client.post("/admin/login/", {"username": "alice"}), 403, "reload the page")
    refused = client.post(address, {"name": "x"}, headers=JSON)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")


def test_a_form_from_an_unknown_origin_names_the_setting(client: Client, alice: User) -> None:
    client.force_login(alice)
    elsewhere = {**HTML, "origin": "https://samurai.example"}
    page = client.post(reverse("new-project"), {"name": "x"}, headers=elsewhere)
    check(page, 403, "CSRF_TRUSTED_ORIGINS")
    secure = client.post(reverse("new-project"), {"name": "x"}, headers=HTML, secure=True)
    check(secure, 403, "CSRF_TRUSTED_ORIGINS")


def test_an_address_for_forms_is_no_blank_page(client: Client, alice: User) -> None:
    client.force_login(alice)
    for name in ("new-project", "sign-out"):
        page = client.get(reverse(name), headers=HTML)
        check(page, 405, "only receives forms")
        assert "POST" in page["Allow"]
    assert client.get(reverse("sign-out"), headers=JSON).json()["code"] == "method_not_allowed"


def test_a_permission_that_is_missing_in_the_admin_is_told_too(client: Client, bob: User) -> None:
    bob.is_staff = True
    bob.save()
    client.force_login(bob)
    check(client.get(reverse("admin:auth_user_changelist"), headers=HTML), 403, "may not do this")


def test_a_request_of_another_users_page_is_refused_before_anything_else(
    client: Client, alice: User, bob: User, session: ChatSession
) -> None:
    client = Client()
    client.force_login(alice)
    address = f"/api/sessions/{session.pk}/messages/"
    body = json.dumps({"content": "x"})
    of_bob = {"X-Page-User": str(bob.pk)}
    refused = client.post(address, body, content_type="application/json", headers=of_bob)
    assert (refused.status_code, refused.json()["code"]) == (403, "other_user")
    assert refused["X-Page-User"] == "other"
    assert not session.messages.exists()
    entries = reverse("entries", args=[session.pk])
    events = f"/api/sessions/{session.pk}/events/"
    for address in (f"{entries}?start=0&end=1", f"{events}?after=0", f"{reverse('home')}?"):
        own, other = (f"{address}&page_user={user.pk}" for user in (alice, bob))
        assert client.get(own).status_code in (200, 302)
        assert client.get(other).status_code == 403
    check(client.post(f"{reverse('sign-out')}?page_user={bob.pk}"), 403, "Nothing was saved")
    assert client.get(reverse("home")).status_code == 302
    assert Client().get(f"{reverse('home')}?page_user={bob.pk}").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_an_action_of_another_users_page_is_refused(
    alice: User, bob: User, session: ChatSession
) -> None:
    client = Client()
    client.force_login(alice)
    address = f"{reverse('undo', args=[session.pk])}?page_user={bob.pk}"
    refused = client.post(address, {"seq": "1"}, headers=JSON)
    assert (refused.status_code, refused.json()["code"]) == (403, "other_user")


def test_every_problem_says_what_to_do() -> None:
    problems = [
        value for value in vars(error_pages).values() if isinstance(value, error_pages.Problem)
    ]
    assert len(problems) > 8
    for problem in problems:
        page = error_pages.respond(RequestFactory().get("/"), problem)
        check(page, problem.status, problem.text[:40])
        assert ('href="/"' in page.content.decode()) == problem.leads_home


# -- in front of Django ----------------------------------------------------------------------------


def answer(
    server: ServerProcess, address: str, headers: dict[str, str], body: Any = None
) -> tuple[int, str, str]:
    """Returns status, type and text of the response to a POST."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", address, body, headers, encode_chunked=body is not None)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, response.headers["Content-Type"], text


def test_a_request_that_is_too_large_gets_a_page_or_json(server: ServerProcess) -> None:
    too_long = {"Content-Length": str(MAX_BODY + 1)}
    status, kind, text = answer(server, "/projects/", {**too_long, "Accept": "text/html"})
    assert (status, kind) == (413, "text/html; charset=utf-8")
    assert "This is too large" in text
    for headers in ({"Accept": "application/json"}, {}):
        address = "/projects/" if headers else "/api/projects/"
        status, kind, text = answer(server, address, {**too_long, **headers})
        assert (status, kind) == (413, "application/json")
        assert json.loads(text)["code"] == "too_large"


def test_a_body_that_hides_its_size_is_refused_likewise(server: ServerProcess) -> None:
    chunks = [b"x" * MAX_BODY, b"x"]  # nothing is left to send when it is refused
    chunked = {"Transfer-Encoding": "chunked"}
    status, _, text = answer(server, "/api/projects/", chunked, iter(chunks))
    assert status == 413
    assert json.loads(text)["code"] == "too_large"
