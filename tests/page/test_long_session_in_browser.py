"""A long session in Chromium: it opens at its end, earlier parts come when one scrolls to them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.support.browser import Visit

pytestmark = pytest.mark.browser

EACH = 21  # events of an exchange


@pytest.fixture
def long(visit: Visit) -> Visit:
    server = visit.server
    server.fill("long_session", server.session, 150)
    visit.live()
    return visit


def shown(page: Page) -> int:
    return page.locator(".exchange").count()


def top_of(page: Page, text: str) -> float:
    box = page.locator(".exchange", has_text=text).first.bounding_box()
    assert box is not None
    return box["y"]


def test_it_opens_at_its_end_with_the_newest_part(long: Visit) -> None:
    page = long.page
    assert page.locator(".said p").last.inner_text() == "Question 150"
    assert page.locator(".said p").last.is_visible()
    assert shown(page) < 150


def test_scrolling_up_brings_earlier_parts_in_order(long: Visit) -> None:
    assert long.page.locator(".gap").count() == 1
    long.read_from_the_beginning()
    texts = long.page.locator(".said p").all_text_contents()
    assert texts == [f"Question {number}" for number in range(1, 151)]


def test_what_one_looks_at_stays_where_it_is_when_a_part_comes(long: Visit) -> None:
    page = long.page
    moved = page.evaluate(
        """async () => {
          const { loadGap, gaps } = await import("/static/chat/transcript/load_older.js");
          const log = document.getElementById("log");
          log.scrollTop = 0;
          await new Promise(requestAnimationFrame);
          const held = [...document.querySelectorAll(".exchange")].find(
            (one) => one.getBoundingClientRect().bottom > log.getBoundingClientRect().top);
          const before = held.getBoundingClientRect().top;
          await loadGap(gaps()[0]);
          await new Promise(requestAnimationFrame);
          await new Promise(requestAnimationFrame);
          return Math.abs(held.getBoundingClientRect().top - before);
        }"""
    )
    assert moved < 3


def test_a_link_to_an_old_message_loads_it_and_leads_there(long: Visit) -> None:
    (old,) = long.server.rows("SELECT id FROM agent_message WHERE content = 'Question 12'")[0]
    page = long.open()
    key = "-".join((old[:8], old[8:12], old[12:16], old[16:20], old[20:]))
    page.goto(f"{long.address}#message-{key}")
    linked = page.locator("[data-linked]")
    linked.wait_for()
    assert linked.inner_text().startswith("Question 12")
    long.wait(lambda: top_of(page, "Question 12") > 0)
    assert page.locator("#log").evaluate("(log) => log.scrollHeight - log.scrollTop") > 1000


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (20 * EACH + 4, "start is over"),
        (20 * EACH + 5, "start is over"),
        (150 * EACH, "completion"),
    ],
)
def test_a_link_to_an_event_leads_to_its_row_or_the_one_before(
    long: Visit, event: int, words: str
) -> None:
    page = long.open()
    page.goto(f"{long.address}#event-{event}")
    linked = page.locator("[data-linked]")
    linked.wait_for()
    assert linked.is_visible()
    assert words in linked.inner_text()


def test_a_link_to_nothing_says_so(long: Visit) -> None:
    page = long.page
    page.evaluate("location.hash = 'event-999999'")
    page.locator("#alert").wait_for()
    assert (
        "That link points to something in another session." in page.locator("#alert").inner_text()
    )
    long.troubles.clear()  # Chromium tells of the answer 404 itself


def test_a_link_is_copied_by_a_button(long: Visit) -> None:
    long.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = long.page
    page.locator(".said").last.hover()
    page.get_by_role("link", name="Copy a link to this message").last.click()
    page.get_by_text("Copied").first.wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    other = long.open()
    other.goto(copied)
    other.locator("[data-linked]").wait_for()
    assert other.locator("[data-linked] p").inner_text() == "Question 150"


def test_a_later_change_takes_the_undo_from_an_earlier_part(long: Visit) -> None:
    page = long.page
    long.read_from_the_beginning()
    buttons = page.locator('[data-slot="change-undo"]:not([hidden])')
    assert buttons.count() == 1


def test_new_messages_work_below_old_ones(long: Visit) -> None:
    page = long.page
    long.say("Create a task to write the docs")
    long.wait(lambda: "Write the docs" in page.inner_text("#panels"))
    assert page.locator(".said p").last.inner_text() == "Create a task to write the docs"
