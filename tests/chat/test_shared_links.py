"""Shared links: who makes, sees and revokes them, and that whoever has one can watch and nothing else."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agent.accounts import shared_links
from agent.accounts.shared_links import Guest, create_link
from agent.accounts.tokens import digest
from agent.board import tasks
from agent.models import ChatSession, Membership, Message, Project, Run, SharedLink
from agent.models.projects import Role
from chat import access, guest_cookie

pytestmark = pytest.mark.django_db


def opened(session: ChatSession, **how: Any) -> tuple[Client, SharedLink]:
    """Returns a browser without an account that has opened a new link, and the link."""
    link, secret = create_link(session, session.project.owner, **how)
    browser = Client()
    response = browser.post(reverse("shared", args=[link.pk]), {"secret": secret})
    assert (response.status_code, response["Location"]) == (303, f"/shared/{link.pk}/")
    return browser, link


def guest_of(link: SharedLink) -> Guest:
    return access.get_guest(link.pk)


def addresses(link: SharedLink) -> list[str]:
    key = [link.pk]
    return [
        reverse("shared", args=key),
        reverse("shared-entries", args=key) + "?start=1&end=2",
        reverse("shared-board", args=key),
        reverse("shared-events", args=key),
    ]


@pytest.fixture
def member(session: ChatSession) -> dict[Role, User]:
    people = {role: User.objects.create_user(f"a-{role}") for role in (Role.VIEWER, Role.EDITOR)}
    for role, person in people.items():
        Membership.objects.create(project=session.project, user=person, role=role)
    return people


# -- making and revoking ---------------------------------------------------------------------------


def test_who_may_send_messages_shares_lists_and_revokes_and_nobody_else(
    client: Client, alice: User, bob: User, session: ChatSession, member: dict[Role, User]
) -> None:
    page = reverse("shared-links", args=[session.pk])
    link, _ = create_link(session, alice)
    statuses = {}
    for person in (alice, member[Role.EDITOR], member[Role.VIEWER], bob):
        client.force_login(person)
        api = f"/api/sessions/{session.pk}/shared-links/"
        statuses[person.username] = [
            client.get(page).status_code,
            client.post(page, {"days": "1"}).status_code,
            client.get(api).status_code,
            client.post(api, {}, content_type="application/json").status_code,
            client.get(f"/api/shared-links/{link.pk}/").status_code,
        ]
    assert statuses == {
        "alice": [200, 302, 200, 201, 200],
        "a-editor": [200, 302, 200, 201, 200],
        "a-viewer": [403] * 5,
        "bob": [404] * 5,
    }
    assert SharedLink.objects.count() == 5
    for person, status in ((bob, 404), (member[Role.VIEWER], 403), (member[Role.EDITOR], 204)):
        client.force_login(person)
        assert client.delete(f"/api/shared-links/{link.pk}/").status_code == status
    link.refresh_from_db()
    assert link.revoked_at is not None
    client.force_login(alice)
    assert client.get(f"/api/shared-links/{link.pk}/").status_code == 404


def test_the_secret_is_in_one_response_and_stored_as_a_digest(
    client: Client, alice: User, session: ChatSession
) -> None:
    client.force_login(alice)
    page = reverse("shared-links", args=[session.pk])
    led = client.post(page, {"days": "7"})
    assert (led.status_code, led["Location"]) == (302, page)  # a reload makes no other one
    html = client.get(page).content.decode()
    (link,) = SharedLink.objects.all()
    (secret,) = re.findall(rf"/shared/{link.pk}/#([\w-]{{43}})", html)
    assert link.digest == digest(secret)
    assert secret not in client.get(page).content.decode()
    key = {"HTTP_IDEMPOTENCY_KEY": "a"}
    api = f"/api/sessions/{session.pk}/shared-links/"
    first = client.post(api, {}, content_type="application/json", **key).json()
    again = client.post(api, {}, content_type="application/json", **key).json()
    assert first["url"].startswith("http://testserver/shared/")
    assert again == {**first, "url": None}
    listed = client.get(api).json()["results"]
    assert [row["id"] for row in listed] == [first["id"], str(link.pk)]
    assert listed[0] == {name: value for name, value in first.items() if name != "url"}
    assert "url" not in client.get(f"/api/shared-links/{link.pk}/").json()


def test_the_server_decides_the_time_and_every_link_expires(
    client: Client, alice: User, session: ChatSession
) -> None:
    client.force_login(alice)
    api = f"/api/sessions/{session.pk}/shared-links/"
    for days in (0, 8, 10_000, None, "never"):
        refused = client.post(api, {"days": days}, content_type="application/json")
        assert "days" in refused.json()
        refused = client.post(reverse("shared-links", args=[session.pk]), {"days": days or ""})
        assert refused.status_code == 400
    assert not SharedLink.objects.exists()
    for days in shared_links.DAYS:
        client.post(api, {"days": days}, content_type="application/json")
        link = SharedLink.objects.latest("created_at")
        assert link.expires_at - timezone.now() < timedelta(days=days)
        assert link.expires_at - timezone.now() > timedelta(days=days, minutes=-1)
    with pytest.raises(ValueError, match="expires"):
        create_link(session, alice, days=365)


def test_a_session_has_as_many_links_as_its_page_lists(
    client: Client, alice: User, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_links, "MAX_ACTIVE", 1)
    client.force_login(alice)
    link, _ = create_link(session, alice)
    page = client.post(reverse("shared-links", args=[session.pk]), {"days": "7"})
    assert page.status_code == 400
    assert "A session may have 1 active link. Revoke one first." in page.content.decode()
    refused = client.post(
        f"/api/sessions/{session.pk}/shared-links/", {}, content_type="application/json"
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "quota_reached")
    shared_links.revoke(SharedLink.objects.filter(pk=link.pk), by=alice)
    create_link(session, alice)


def test_a_run_of_another_session_is_not_shared(
    client: Client, alice: User, project: Project, session: ChatSession
) -> None:
    other = ChatSession.objects.create(project=project)
    message = Message.objects.create(session=other, role="user", content="Hi")
    run = Run.objects.create(session=other, number=1, message=message)
    client.force_login(alice)
    api = f"/api/sessions/{session.pk}/shared-links/"
    refused = client.post(api, {"run": str(run.pk)}, content_type="application/json")
    assert refused.json() == {"run": ["Run not found in this session."]}
    page = reverse("shared-links", args=[session.pk])
    assert client.post(page, {"days": "1", "run": str(run.pk)}).status_code == 400
    assert not SharedLink.objects.exists()
    offered = client.get(reverse("run-links", args=[run.pk])).content.decode()
    assert "New link to run 1" in offered
    assert f'action="{reverse("shared-links", args=[other.pk])}"' in offered
    client.post(reverse("shared-links", args=[other.pk]), {"days": "1", "run": str(run.pk)})
    assert SharedLink.objects.get().run == run


# -- who has a link --------------------------------------------------------------------------------


def test_whoever_has_the_link_sees_the_session_without_an_account(session: ChatSession) -> None:
    browser, link = opened(session)
    for address in addresses(link):
        response = browser.get(address)
        assert response.status_code == 200, address
        assert "no-store" in response["Cache-Control"]
    page = browser.get(reverse("shared", args=[link.pk]))
    assert page["X-Robots-Tag"] == "noindex"
    assert page["Referrer-Policy"] == "same-origin"
    cookie = browser.cookies[guest_cookie.NAME]
    assert cookie["path"] == f"/shared/{link.pk}/"
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_a_browser_that_has_not_shown_the_secret_sees_the_same_for_every_address(
    session: ChatSession,
) -> None:
    link, secret = create_link(session, session.project.owner)
    nobody = Client()
    known = nobody.get(reverse("shared", args=[link.pk]))
    unknown = nobody.get(reverse("shared", args=[session.pk]))
    token = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"')
    assert (known.status_code, unknown.status_code) == (200, 200)
    assert token.sub(b"", known.content) == token.sub(b"", unknown.content)
    for address in addresses(link)[1:]:
        assert nobody.get(address).status_code == 404
    for wrong in ("", "x", secret[:-1], secret + "x", digest(secret), str(link.pk)):
        response = nobody.post(reverse("shared", args=[link.pk]), {"secret": wrong})
        assert response.status_code == 404
        assert guest_cookie.NAME not in nobody.cookies
    nobody.cookies[guest_cookie.NAME] = link.pk.hex
    assert nobody.get(addresses(link)[3]).status_code == 404


def test_the_cookie_of_one_link_opens_no_other(session: ChatSession) -> None:
    browser, _ = opened(session)
    other, _ = create_link(session, session.project.owner)
    for address in addresses(other)[1:]:
        assert browser.get(address).status_code == 404


def expire(link: SharedLink) -> None:
    SharedLink.objects.filter(pk=link.pk).update(expires_at=timezone.now())


def revoke(link: SharedLink) -> None:
    shared_links.revoke(SharedLink.objects.filter(pk=link.pk))


def take_role_away(link: SharedLink) -> None:
    Project.objects.filter(pk=link.session.project_id).update(
        owner=User.objects.create_user("someone")
    )


def deactivate(link: SharedLink) -> None:
    User.objects.filter(pk=link.created_by_id).update(is_active=False)


def delete_session(link: SharedLink) -> None:
    link.session.delete()
    assert not SharedLink.objects.exists()


@pytest.mark.parametrize("end", [expire, revoke, take_role_away, deactivate, delete_session])
def test_a_link_that_is_over_says_the_same_as_one_that_never_was(
    session: ChatSession, end: Any
) -> None:
    link, secret = create_link(session, session.project.owner)
    browser = Client()
    assert browser.post(reverse("shared", args=[link.pk]), {"secret": secret}).status_code == 303
    assert browser.get(addresses(link)[3]).status_code == 200
    guest = guest_of(link)
    assert access.still_guests([guest]) == {guest}
    end(SharedLink.objects.get(pk=link.pk))
    assert access.still_guests([guest]) == set()
    for address in addresses(link):
        assert browser.get(address).status_code == 404, address
    never = reverse("shared", args=[UUID(int=0)])
    ended = browser.get(addresses(link)[0]).content
    assert "It has expired, was revoked or is not complete." in ended.decode()
    for address in (reverse("shared", args=[link.pk]), never):
        response = Client().post(address, {"secret": secret})
        assert (response.status_code, response.content) == (404, ended)
    with pytest.raises(Http404):
        access.get_session(guest, session.pk)
    assert not shared_links.active().exists()


def test_a_guest_is_a_viewer_of_one_session_and_of_nothing_else(
    project: Project, session: ChatSession
) -> None:
    task, _ = tasks.create_task(project_id=project.pk, title="Booking")
    browser, link = opened(session)
    guest = guest_of(link)
    assert access.get_session(guest, session.pk) == session
    other = ChatSession.objects.create(project=project)
    for key in (other.pk, project.pk):
        with pytest.raises(Http404):
            access.get_session(guest, key)
    for needed in (Role.EDITOR, Role.OWNER):
        with pytest.raises(PermissionDenied):
            access.get_session(guest, session.pk, needed)
    for needed in Role:
        with pytest.raises(PermissionDenied):
            access.get_person(guest, session.pk, needed)
    for address in (
        f"/sessions/{session.pk}/",
        f"/projects/{project.pk}/",
        f"/tasks/{task.pk}/",
        "/waiting/",
    ):
        assert browser.get(address)["Location"].startswith("/accounts/sign-in/")
    for address in (f"sessions/{session.pk}/events/", f"tasks/{task.pk}/", "search/?q=a", "me/"):
        assert browser.get(f"/api/{address}").status_code == 401
    for address in addresses(link)[1:]:
        for method in (browser.post, browser.put, browser.patch, browser.delete):
            assert method(address).status_code in (403, 405), address


def test_who_is_signed_in_does_not_matter_by_a_link(
    session: ChatSession, bob: User, alice: User
) -> None:
    pages = []
    for person in (None, bob, alice):
        browser, link = opened(session)
        if person is not None:
            browser.force_login(person)
        html = browser.get(reverse("shared", args=[link.pk])).content.decode()
        assert "data-user" not in html
        pages.append(re.sub(rf"{link.pk}|\d\d:\d\d(:\d\d)?(\.\d+Z)?", "", html))
    assert pages[0] == pages[1] == pages[2]


def test_the_page_has_no_sidebar_and_only_the_panels_that_were_chosen(
    client: Client, project: Project, session: ChatSession
) -> None:
    tasks.create_task(project_id=project.pk, title="Booking")
    ChatSession.objects.create(project=project, title="Another session")
    for chosen in (False, True):
        browser, link = opened(session, shows_tasks=chosen)
        for address in (addresses(link)[0], addresses(link)[2]):
            html = browser.get(address).content.decode()
            assert ("Booking" in html) == chosen
            assert "Another session" not in html
            assert project.name not in html
            assert "alice" not in html
            assert 'class="side"' not in html
            assert 'id="memory-title"' not in html


def test_the_sweep_deletes_links_that_have_expired(session: ChatSession, alice: User) -> None:
    kept, _ = create_link(session, alice)
    gone, _ = create_link(session, alice)
    expire(gone)
    assert shared_links.delete_expired() == 1
    assert list(SharedLink.objects.all()) == [kept]
