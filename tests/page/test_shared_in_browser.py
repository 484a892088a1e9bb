"""A shared link in Chromium: made in the dialog, opened without an account, live, and over when revoked."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.accessibility import check
from tests.support.browser import PHONE, STATUSES, Visit, new_context
from tests.support.shared_page import make_link, opened, wait_for_same, without_stream

pytestmark = pytest.mark.browser
OVER = "This page is no longer shared: the link expired or was revoked, or the session was deleted."


@pytest.fixture
def nobody(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without an account."""
    context = new_context(browser)
    yield context
    context.close()


def test_whoever_has_the_link_sees_frames_live_and_can_do_nothing(
    visit: Visit, nobody: BrowserContext
) -> None:
    visit.live()
    address = make_link(visit, "Show the tasks of the project")
    troubles: list[str] = []
    nobody.on("weberror", lambda error: troubles.append(str(error.error)))
    nobody.on("console", lambda one: troubles.append(one.text) if one.type == "error" else None)
    page = opened(nobody, address)
    assert page.url == address
    assert page.locator("#welcome").is_visible()
    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    page.locator('.exchange[data-status="succeeded"]').wait_for()
    visit.wait(lambda: page.locator(".task").count() == 2)
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    visit.wait(lambda: page.evaluate(STATUSES) == ["succeeded", "waiting"])
    page.locator(".approval:visible", has_text="The plan waits for approval.").wait_for()
    for details in page.locator("details").all():
        details.evaluate("(one) => one.open = true")
    controls = page.locator("button:visible, input:visible, textarea:visible, select:visible")
    names = {one.inner_text().strip() for one in controls.all()}
    assert names <= {"Copy as Markdown", "Jump to latest"}
    links = {one.get_attribute("href") or "" for one in page.locator("a").all()}
    assert all(link.startswith("#") for link in links), links
    assert page.locator("nav.side, .waits, [data-search], form").count() == 0
    assert "alice" not in page.content()
    assert "Clinic booking" not in page.content()
    page.keyboard.press("a")
    page.keyboard.press("Control+k")
    visit.page.get_by_role("button", name="Approve").click()
    visit.wait_for("succeeded", "succeeded")
    wait_for_same(visit, page)
    assert page.evaluate(STATUSES) == ["succeeded", "succeeded"]
    visit.wait(lambda: page.locator(".task").count() == 0)
    assert page.get_by_role("dialog").count() == 0
    shown = folded(visit, page)
    page.reload()
    page.locator('#connection[data-state="live"]').wait_for()
    assert folded(visit, page) == shown
    assert troubles == []


def folded(visit: Visit, page: Page) -> str:
    """What the page shows when nothing is unfolded: that is each tab's own."""
    return visit.shown(page).replace(' open=""', "")


def test_an_open_page_stops_at_once_when_its_link_is_revoked(
    visit: Visit, nobody: BrowserContext
) -> None:
    owner = visit.live()
    address = make_link(visit)
    page = opened(nobody, address)
    assert page.locator(".panel").count() == 0
    owner.get_by_role("button", name="Session menu").click()
    owner.get_by_role("link", name="Share this session…").click()
    dialog = owner.get_by_role("dialog", name="Share read-only")
    dialog.get_by_text("by alice").wait_for()
    dialog.get_by_role("button", name=re.compile("Revoke the link")).click()
    dialog.get_by_text("No links yet.").wait_for()
    page.locator("#gone", has_text=OVER).wait_for()
    assert page.locator("#connection").inner_text() == "No longer shared"
    page.reload()
    page.get_by_text("This link doesn't work").wait_for()
    other = nobody.new_page()
    other.goto(address.replace("/#", "/?again#"))
    other.get_by_text("This link doesn't work").wait_for()


@pytest.mark.axe
def test_the_dialog_its_page_and_the_page_of_a_guest_break_no_rule(
    visit: Visit, nobody: BrowserContext
) -> None:
    page = visit.live()
    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    boxes = ("Show the tasks of the project", "Show the memories of the project")
    address = make_link(visit, *boxes)
    page.get_by_role("button", name="Session menu").click()
    page.get_by_role("link", name="Share this session…").click()
    dialog = page.get_by_role("dialog", name="Share read-only")
    dialog.get_by_role("button", name="Create link").click()
    dialog.locator("#new-link").wait_for()
    check(page, "dialog of shared links")
    page.goto(f"{visit.url}/sessions/{visit.server.session}/links/")
    check(page, "page of shared links")
    check(opened(nobody, address), "page of a guest")


def test_a_link_to_one_run_shows_no_other(visit: Visit, nobody: BrowserContext) -> None:
    visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    visit.say("Create a task to call the bank")
    visit.wait_for("succeeded", "succeeded")
    page = opened(nobody, make_link(visit, run=True))
    assert page.locator("h1").inner_text() == "Run 2"
    assert page.locator(".exchange").count() == 1
    assert "bank" in page.locator(".exchange").inner_text()
    assert "docs" not in page.content()
    visit.say("Create a task to buy chairs")
    visit.wait_for("succeeded", "succeeded", "succeeded")
    wait_for_same(visit, page)
    assert "chairs" not in page.content()


@pytest.mark.parametrize("how", ["over SSE", "by polling"])
def test_a_guest_whose_line_lets_no_socket_pass_follows(
    visit: Visit, nobody: BrowserContext, how: str
) -> None:
    visit.live()
    page = nobody.new_page()
    page.route_web_socket(re.compile("/socket/"), lambda socket: socket.close(code=1011))
    if how == "by polling":
        page.route(re.compile("/events/"), without_stream)
    page.goto(make_link(visit))
    page.locator(f'#connection[title="Connected {how}"]').wait_for()
    visit.say("Hello")
    visit.wait(lambda: page.evaluate(STATUSES) == ["succeeded"])
    visit.page.get_by_role("button", name="Session menu").click()
    visit.page.get_by_role("link", name="Share this session…").click()
    visit.page.get_by_role("button", name=re.compile("Revoke the link")).click()
    page.locator("#gone", has_text=OVER).wait_for()


def test_an_incomplete_link_and_a_browser_without_cookies_say_so(
    visit: Visit, nobody: BrowserContext
) -> None:
    visit.live()
    address = make_link(visit)
    page = nobody.new_page()
    page.goto(address.partition("#")[0])
    page.get_by_text("This link is incomplete.").wait_for()
    page.add_init_script("Object.defineProperty(navigator, 'cookieEnabled', { value: false })")
    page.goto(address.replace("/#", "/?again#"))
    page.get_by_text("A shared link needs cookies.").wait_for()


def test_who_is_signed_in_watches_as_a_guest(visit: Visit) -> None:
    visit.live()
    address = make_link(visit, "Show the memories of the project")
    page = visit.open()
    page.goto(address)
    page.locator('#connection[data-state="live"]').wait_for()
    visit.say("Remember that we use Django.")
    visit.wait_for("succeeded")
    page.locator(".memory").wait_for()
    assert page.locator("#composer").count() == 0
    assert page.locator("[data-user]").count() == 0


@pytest.mark.own_context
def test_the_dialog_and_the_page_work_by_keyboard_and_on_a_phone(
    visit: Visit, browser: Browser
) -> None:
    page = visit.live()
    page.get_by_role("button", name="Session menu").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Share this session…").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Share read-only")
    dialog.wait_for()
    visit.wait(
        lambda: dialog.get_by_label("Expires after").evaluate("(one) => one.matches(':focus')")
    )
    page.keyboard.press("ArrowUp")
    dialog.get_by_role("button", name="Create link").press("Enter")
    copy = dialog.get_by_role("button", name="Copy the link")
    visit.wait(lambda: copy.evaluate("(one) => one.matches(':focus')"))
    address = dialog.locator("#new-link").inner_text()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    context = new_context(browser, **PHONE)
    phone = opened(context, address)
    wide = phone.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide
    context.close()
