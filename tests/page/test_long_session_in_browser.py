"""A long session in Chromium: it opens at its end, earlier parts come when one scrolls to them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.support.browser import Visit

pytestmark = pytest.mark.browser

EACH = 21  # events of an exchange
MOST_NODES = 30_000  # of the document, with texts
MOST_OF_A_FOLDED_RUN = 110  # elements of its exchange

NODES = """() => {
  const walker = document.createTreeWalker(document);
  let count = 1;
  while (walker.nextNode()) count += 1;
  return count;
}"""


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


def questions(page: Page) -> list[str]:
    return page.locator(".said p").all_text_contents()


def test_scrolling_up_brings_earlier_parts_in_order_and_down_the_later_ones(long: Visit) -> None:
    page = long.page
    assert page.locator(".gap").count() == 1
    # Each part is seen, also one that is dropped again.
    seen = long.read("up")
    assert seen == {f"Question {number}" for number in range(1, 151)}
    assert questions(page)[0] == "Question 1"
    assert page.evaluate(NODES) < MOST_NODES
    assert page.locator(".gap").count() == 1  # what was dropped, as one
    assert long.read("down") == seen
    assert questions(page)[-1] == "Question 150"
    assert page.evaluate(NODES) < MOST_NODES


def test_parts_far_from_the_view_are_dropped_and_what_is_there_stays_in_order(long: Visit) -> None:
    page = long.page
    long.read("up")
    texts = questions(page)
    assert len(texts) < 150
    numbers = [int(text.split()[1]) for text in texts]
    assert numbers == sorted(set(numbers))
    gap = page.locator(".gap")
    start, end = (int(gap.get_attribute(f"data-{name}") or 0) for name in ("start", "end"))
    hidden = set(range(1, 151)) - set(numbers)
    assert (start, end) == ((min(hidden) - 1) * EACH + 1, max(hidden) * EACH + 1)


def test_a_part_in_which_somebody_works_is_not_dropped(long: Visit) -> None:
    page = long.page
    page.locator("#log").evaluate("(log) => log.scrollTop = 0")
    page.locator(".said p", has_text="Question 130").wait_for()
    page.locator(".said", has_text="Question 130").focus()
    long.read("up")
    assert {"Question 1", "Question 130", "Question 150"} <= set(questions(page))
    assert page.locator(":focus p").inner_text() == "Question 130"


def test_a_folded_run_has_few_elements_and_its_steps_when_it_is_opened(long: Visit) -> None:
    page = long.page
    last = page.locator(".exchange").last
    size = "(node) => 1 + node.querySelectorAll('*').length"
    assert last.evaluate(size) < MOST_OF_A_FOLDED_RUN
    assert last.locator(".phases").count() == 0
    for _ in range(2):
        last.locator('[data-slot="run-details"] > summary').click()
        assert last.locator(".phases > li").count() == 7
        assert last.locator(".phases .at").first.is_visible()
        last.locator('[data-slot="run-details"] > summary').click()
        last.locator(".phases").wait_for(state="detached")


def test_a_run_that_is_over_is_folded_as_after_a_reload(visit: Visit) -> None:
    page = visit.live()
    folded = """() => document.querySelectorAll(
      '[data-slot="run-details"]:not(:has([data-slot="run-body"]))').length"""
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    visit.wait(lambda: page.evaluate(folded) == 1)
    visit.say("/nonsense that nobody understands")
    visit.wait_for("succeeded", "succeeded")
    visit.wait(lambda: page.evaluate(folded) == 2)
    assert visit.shown() == visit.reloaded()
    page.reload()
    assert page.evaluate(folded) == 2


def test_home_and_the_menu_lead_to_the_beginning_and_to_a_date(long: Visit) -> None:
    page = long.page
    page.locator("#log").focus()
    page.keyboard.press("Home")
    first = page.locator("[data-linked]", has_text="Question 1")
    first.wait_for()
    long.wait(lambda: page.evaluate("document.activeElement.matches('[data-linked]')"))
    assert first.locator('[data-slot="run-details"][open]').count() == 0
    assert page.locator(".gap").count() == 1
    page.locator("#latest").click()
    # A message a minute, from 30 days ago on: all of one day, or of two.
    (day,) = long.server.rows(
        "SELECT min(created_at) FROM agent_message WHERE content='Question 1'"
    )
    page.get_by_role("button", name="Session menu").focus()
    page.keyboard.press("Enter")
    page.get_by_role("textbox", name="Date").fill(str(day[0])[:10])
    page.keyboard.press("Enter")
    long.wait(lambda: page.evaluate("document.activeElement.matches('.exchange')"))
    assert page.locator("#session-menu:popover-open").count() == 0
    page.get_by_role("button", name="Session menu").click()
    page.get_by_role("button", name="Go to the beginning").click()
    long.wait(lambda: page.locator("[data-linked]").inner_text().startswith("Question 1\n"))
    assert long.page.locator("#status").inner_text() != ""


def test_what_one_looks_at_stays_where_it_is_when_a_part_comes(long: Visit) -> None:
    page = long.page
    moved = page.evaluate(
        """async () => {
          const { src } = document.querySelector('[src$="/session.js"]');
          const { loadGap, gaps } = await import(new URL("transcript/load_older.js", src));
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
    shown = """async () => {
      const { src } = document.querySelector('[src$="/session.js"]');
      const { findInRuns } = await import(new URL("transcript/lazy_details.js", src));
      return findInRuns(document, '[data-slot="change-undo"]:not([hidden])').length;
    }"""
    assert page.evaluate(shown) == 1


def test_new_messages_work_below_old_ones(long: Visit) -> None:
    page = long.page
    long.say("Create a task to write the docs")
    long.wait(lambda: "Write the docs" in page.inner_text("#panels"))
    assert page.locator(".said p").last.inner_text() == "Create a task to write the docs"
