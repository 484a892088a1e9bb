"""Comments on the steps of a waiting plan, in Chromium: by key, and on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import PHONE, Visit
from tests.support.server import ServerProcess

pytestmark = pytest.mark.browser

TWO = "Create a task “Booking” and create a task “Invoices”"


@pytest.fixture
def phone(browser: Browser, server: ServerProcess) -> Iterator[Visit]:
    visit = Visit(browser, server, **PHONE)
    yield visit
    visit.context.close()
    assert visit.troubles == []


def ask(visit: Visit) -> Page:
    """Has a plan of two steps wait."""
    page = visit.live()
    page.locator("#ask-first").check()
    visit.wait(
        lambda: bool(
            visit.server.rows("SELECT 1 FROM agent_chatsession WHERE approval = 'required'")
        )
    )
    visit.say(TWO)
    visit.wait_for("waiting")
    return page


def test_comments_are_written_by_key_and_shown_with_the_next_plan(visit: Visit) -> None:
    page = ask(visit)
    page.get_by_text("Comment…").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("Also the receipts")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    comments = page.locator('[data-slot="run-comments"] li')
    visit.wait_for("succeeded")  # the offline model makes a plan that changes nothing
    page.locator('[data-slot="run-details"] > summary').click()
    texts = [text.strip() for text in comments.all_text_contents()]
    assert texts == ["Step 2, Create “Invoices”: Also the receipts"]
    visit.wait(lambda: visit.shown() == visit.reloaded())


def test_without_a_comment_nothing_is_sent(visit: Visit) -> None:
    page = ask(visit)
    page.get_by_text("Comment…").click()
    button = page.get_by_role("button", name="Make a new plan with these comments")
    button.click()
    assert page.locator("#alert").inner_text() == "Write a comment on at least one step."
    assert button.is_enabled()
    visit.wait_for("waiting")


def test_comments_are_written_on_a_phone(phone: Visit) -> None:
    page = ask(phone)
    page.get_by_text("Comment…").tap()
    fields = page.locator('[data-slot="comment-text"]')
    assert fields.count() == 2
    sizes = fields.evaluate_all(
        "(all) => all.map((one) => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= 16  # a smaller one is zoomed
    fields.first.fill("Make it urgent")
    page.get_by_role("button", name="Make a new plan with these comments").tap()
    page.get_by_text("Step 1, Create “Booking”: Make it urgent").wait_for(state="attached")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
