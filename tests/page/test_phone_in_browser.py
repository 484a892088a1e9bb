"""The page on a phone with a touch screen: its keyboard has no Shift+Enter, and small fields are zoomed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.batch import change
from tests.support.browser import PHONE, Visit
from tests.support.server import ServerProcess

pytestmark = pytest.mark.browser

SMALL = """() => [...document.querySelectorAll("input, select, textarea")]
  .filter(({ type }) => type !== "hidden")
  .map((one) => [parseFloat(getComputedStyle(one).fontSize), one.outerHTML.slice(0, 80)])
  .filter(([size]) => size < 16)"""


@pytest.fixture
def phone(browser: Browser, server: ServerProcess) -> Iterator[Visit]:
    visit = Visit(browser, server, **PHONE)
    yield visit
    visit.context.close()
    assert visit.troubles == []


def fields(page: Page) -> int:
    assert page.evaluate(SMALL) == []
    return page.locator("input:not([type=hidden]), select, textarea").count()


def test_enter_makes_a_new_line_and_the_button_sends(phone: Visit) -> None:
    page = phone.live()
    field = page.locator("#message")
    field.tap()
    page.keyboard.type("What is")
    page.keyboard.press("Enter")
    page.keyboard.type("open?")
    assert field.input_value() == "What is\nopen?"
    assert page.locator("#outbox > *, .exchange").count() == 0
    page.get_by_role("button", name="Send", exact=True).tap()
    phone.wait_for("succeeded")
    assert page.locator('[data-slot="said-content"]').first.inner_text() == "What is\nopen?"


def test_enter_after_a_composed_word_makes_a_new_line_too(phone: Visit) -> None:
    page = phone.live()
    field = page.locator("#message")
    field.tap()
    page.keyboard.type("one")
    field.dispatch_event("compositionend")
    page.keyboard.press("Enter")
    assert field.input_value() == "one\n"


def test_the_hint_says_how_to_send(phone: Visit) -> None:
    page = phone.live()
    hint = page.locator(".composer small:visible").inner_text()
    assert hint == "Enter makes a new line, Send sends, / lists commands"
    assert page.locator("#message").get_attribute("enterkeyhint") == "enter"


def test_with_a_keyboard_and_a_mouse_enter_sends_and_the_hint_says_so(visit: Visit) -> None:
    page = visit.live()
    hint = page.locator(".composer small:visible").inner_text()
    assert hint.startswith("Enter sends, Shift+Enter makes a new line")
    assert page.locator("#message").get_attribute("enterkeyhint") == "send"


def test_no_field_of_a_session_is_so_small_that_a_phone_zooms(phone: Visit) -> None:
    page = phone.live()
    phone.page.locator("#message").fill("I need: 1. booking 2. reminders 3. invoices")
    page.get_by_role("button", name="Send", exact=True).tap()
    phone.wait_for("succeeded")
    page.locator("#message").fill("Remember that we use Django")
    page.get_by_role("button", name="Send", exact=True).tap()
    phone.wait_for("succeeded", "succeeded")
    page.locator("#message").fill("Delete the booking task and delete the invoices task")
    page.get_by_role("button", name="Send", exact=True).tap()
    phone.wait_for("succeeded", "succeeded", "waiting")
    before = fields(page)
    page.get_by_role("button", name="Edit…").tap()
    page.locator(".editor-step").first.wait_for()
    assert fields(page) > before
    page.get_by_role("button", name="Tasks and memory").tap()
    for row in (".task", ".memory"):
        page.locator(f"{row} [data-open]").first.tap()
        page.locator(f"{row} .detail").wait_for()
        assert fields(page) > before


@pytest.mark.parametrize("place", ["/accounts/sign-in/", "/projects/{project}/"])
def test_no_field_of_another_page_is_so_small_either(phone: Visit, place: str) -> None:
    phone.page.goto(phone.url + place.format(project=phone.server.project))
    assert fields(phone.page) > 0


def test_no_field_for_a_first_project_is_so_small(browser: Browser, server: ServerProcess) -> None:
    visit = Visit(browser, server, "bob", **PHONE)
    visit.page.goto(visit.url)
    assert fields(visit.page) == 2
    visit.context.close()


@pytest.mark.parametrize("place", ["", "agent/task/", "agent/memory/import/", "auth/user/add/"])
def test_no_field_of_the_admin_panel_is_so_small(phone: Visit, place: str) -> None:
    statement = "UPDATE auth_user SET is_staff = 1, is_superuser = 1 WHERE username = 'alice'"
    change(phone.server, statement)
    phone.page.goto(f"{phone.url}/admin/{place}")
    assert fields(phone.page) > 0 or place == ""
    assert phone.page.locator("[maxlength]").count() == 0 or place == "auth/user/add/"
