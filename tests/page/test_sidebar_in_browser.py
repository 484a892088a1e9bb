"""The list of projects and sessions, in Chromium: it follows what happens elsewhere, and nothing moves
under somebody's hand.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.support.api_client import headers_of
from tests.support.batch import Command
from tests.support.browser import PATIENCE, PHONE, Visit
from tests.support.server import ServerProcess

pytestmark = pytest.mark.browser


def ask(visit: Visit, method: str, path: str, **body: Any) -> dict[str, Any]:
    """As a program does; returns what the API answers."""
    address = f"{visit.server.url}/api/{path}"
    answer = httpx2.request(
        method, address, json=body, headers=headers_of(visit.server), timeout=PATIENCE
    )
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found


def make(visit: Visit, title: str) -> str:
    return str(ask(visit, "POST", f"projects/{visit.server.project}/sessions/", title=title)["id"])


def entry(page: Page, key: str) -> Locator:
    return page.locator(f'.side li[data-key="{key}"]')


def name(page: Page, key: str) -> Locator:
    return entry(page, key).locator(".name").first


def titles(page: Page) -> list[str]:
    names = page.locator('.side [data-slot="groups"] section:first-child > ul .name')
    return [name.inner_text() for name in names.all()]


def away(page: Page) -> None:
    page.mouse.move(700, 400)


def by_stream(page: Page) -> None:
    page.route_web_socket("**/ws/**", lambda socket: socket.close(code=1011))


def by_polling(page: Page) -> None:
    def without_stream(route: Route) -> None:
        if "event-stream" in route.request.headers.get("accept", ""):
            route.abort()
        else:
            route.continue_()

    by_stream(page)
    page.route("**/api/sessions/*/events/**", without_stream)


@pytest.mark.parametrize("limit", [None, by_stream, by_polling])
def test_sessions_of_elsewhere_appear_are_renamed_and_go(
    browser: Browser, visit: Visit, limit: Any
) -> None:
    if limit:
        limit(visit.page)
    session, project, carol = visit.live(), visit.open(), Visit(browser, visit.server, "carol")
    project.goto(f"{visit.url}/projects/{visit.server.project}/")
    carol.live()
    pages = (session, project, carol.page)
    for page in pages:
        away(page)
    key = make(visit, "From a program")
    for page in pages:
        page.bring_to_front()
        expect(name(page, key)).to_have_text("From a program")
        assert titles(page)[0] == "From a program"
    ask(visit, "PATCH", f"sessions/{key}/", title="Renamed <b>")
    for page in pages:
        page.bring_to_front()
        expect(name(page, key)).to_have_text("Renamed <b>")
    entry(session, key).get_by_role("link").click()
    session.locator('#connection[data-state="live"]').wait_for()
    assert session.url.endswith(f"/sessions/{key}/")
    session.go_back()
    session.locator('#connection[data-state="live"]').wait_for()
    away(session)
    ask(visit, "DELETE", f"sessions/{key}/")
    for page in pages:
        page.bring_to_front()
        expect(entry(page, key)).to_have_count(0)
    carol.context.close()
    assert carol.troubles == []


def test_what_waits_comes_first_until_it_is_decided(browser: Browser, visit: Visit) -> None:
    page = visit.live()
    away(page)
    other = Visit(browser, visit.server)
    other.page.goto(f"{visit.url}/sessions/{visit.server.other_session}/")
    other.say("I need: 1. booking 2. invoices")
    other.wait_for("succeeded")
    first = page.locator('[data-slot="waiting-first"]')
    assert first.is_hidden()
    other.say("Delete the booking task and delete the invoices task")
    other.wait_for("succeeded", "waiting")
    key = visit.server.other_session
    expect(first.get_by_role("link", name="Waiting for you 1")).to_be_visible()
    expect(first.locator("li")).to_have_count(1)
    link = first.locator(f'li[data-key="{key}"]').get_by_role("link")
    expect(link).to_contain_text("Plan to approve · Clinic booking")
    assert "Waiting for you" in link.inner_text()
    assert page.locator(f'.side [data-slot="groups"] [data-key="{key}"]').count() == 0
    other.page.get_by_role("button", name="Approve").click()
    expect(first).to_be_hidden()
    expect(page.locator(f'.side [data-slot="groups"] [data-key="{key}"]')).to_have_count(1)
    assert page.locator(".side [aria-live], .side [role=status], .side [role=alert]").count() == 0
    other.context.close()


def test_nothing_moves_under_the_pointer_or_the_focus(visit: Visit) -> None:
    old = make(visit, "Old")
    page = visit.live()
    expect(entry(page, old)).to_be_visible()
    before = titles(page)
    entry(page, old).hover()
    new = make(visit, "New")
    ask(visit, "PATCH", f"sessions/{old}/", title="Old, renamed")
    expect(name(page, old)).to_have_text("Old, renamed")  # what it says changes at once
    assert entry(page, new).count() == 0
    assert titles(page) == ["Old, renamed", *before[1:]]
    away(page)
    expect(entry(page, new)).to_be_visible()

    page.keyboard.press("Tab")
    link = entry(page, old).get_by_role("link")
    while not link.evaluate("(node) => node === document.activeElement"):
        page.keyboard.press("Tab")
    ask(visit, "DELETE", f"sessions/{new}/")
    ask(visit, "PATCH", f"sessions/{old}/", title="Old again")
    expect(name(page, old)).to_have_text("Old again")
    assert entry(page, new).count() == 1
    assert link.evaluate("(node) => node === document.activeElement")
    page.locator("#message").focus()
    expect(entry(page, new)).to_have_count(0)


def test_a_batch_is_one_entry_that_unfolds_and_stays_so(visit: Visit) -> None:
    page = visit.live()
    away(page)
    command = Command(visit.server)
    wishes = command.file("wishes.txt", "Create a task to write\nCreate a task to read\n")
    done = command.run(wishes)
    assert done.returncode == 0
    batch = page.locator(".side .batch")
    expect(batch).to_have_count(1)
    expect(batch.locator("summary")).to_contain_text("wishes.txt")
    expect(batch.locator("summary")).to_contain_text("2 done")
    inner = batch.locator("li")
    assert not inner.first.is_visible()
    batch.locator("summary").click()
    expect(inner.first).to_be_visible()
    away(page)
    make(visit, "Another")
    expect(page.get_by_role("link", name="Another")).to_be_visible()
    assert inner.first.is_visible()
    expect(inner.get_by_role("link", name="Create a task to write")).to_be_visible()
    assert len(titles(page)) < 8


@pytest.fixture(scope="module")
def crowded(
    tmp_path_factory: pytest.TempPathFactory, seeded_var: tuple[Path, dict[str, Any]]
) -> Iterator[tuple[ServerProcess, dict[str, Any]]]:
    """A server with many projects and sessions, where a run works without an end; and what was made."""
    source, seed = seeded_var
    server = ServerProcess(
        Path(shutil.copytree(source, tmp_path_factory.mktemp("crowded") / "var")), seed
    )
    try:
        server.start()
        yield server, server.fill("many_sessions", server.project)
    finally:
        server.stop(signal.SIGKILL)


@pytest.mark.parametrize(
    ("size", "theme"),
    [("desktop", "light"), ("desktop", "dark"), ("phone", "light"), ("phone", "dark")],
)
def test_it_stays_short_with_many_projects_and_sessions(
    browser: Browser, crowded: tuple[ServerProcess, dict[str, Any]], size: str, theme: str
) -> None:
    server, made = crowded
    person = Visit(browser, server, **(PHONE if size == "phone" else {}), color_scheme=theme)
    page = person.live()
    if size == "phone":
        page.locator(".thumbs button").first.tap()
        expect(page.locator(".side")).to_be_visible()
    first = page.locator('[data-slot="waiting-first"] li')
    assert first.count() == 3
    assert page.locator(".side section:visible").count() == 1 + 6
    assert page.locator(".side [data-key]:visible").count() < 6 + 3 + 11 + 5
    assert entry(page, made["batch"]).locator("summary").inner_text().split("\n") == [
        "wishes.txt",
        "10 done · 1 failed",
        "Working",
    ]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if folder := os.environ.get("SIDEBAR_PICTURES"):
        entry(page, made["batch"]).locator("summary").click()
        page.screenshot(path=f"{folder}/sidebar-{size}-{theme}.png")
    person.context.close()
    assert person.troubles == []
