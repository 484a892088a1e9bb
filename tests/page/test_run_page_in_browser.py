"""The page of a run and of two runs, in Chromium: keyboard, a run that goes on, a phone, axe-core's rules."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.support.accessibility import PHONE, check
from tests.support.browser import Visit

pytestmark = pytest.mark.browser

FITS = "document.documentElement.scrollWidth <= window.innerWidth"


def open_run(visit: Visit, number: int) -> Page:
    """Opens the page of the run of the message with this number, in a tab of its own."""
    run = visit.page.locator(".exchange").nth(number - 1).get_attribute("data-run")
    page = visit.open()
    page.goto(f"{visit.url}/runs/{run}/")
    return page


def waiting(visit: Visit) -> Page:
    """Opens the page of a run that waits for approval."""
    visit.live()
    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    return open_run(visit, 2)


def test_bars_tell_their_times_to_the_keyboard_and_the_pointer(visit: Visit) -> None:
    visit.live()
    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    page = open_run(visit, 1)
    pointed, bars = page.locator(".pointed"), page.locator(".gantt .bar")
    page.locator(".gantt-box").focus()
    page.keyboard.press("Tab")
    visit.wait(lambda: pointed.inner_text().startswith("In the queue, began after 0 ms"))
    page.keyboard.press("ArrowRight")
    second = bars.nth(1).get_attribute("aria-label")
    visit.wait(lambda: pointed.inner_text() == second)
    page.keyboard.press("End")
    last = bars.last.get_attribute("aria-label")
    visit.wait(lambda: pointed.inner_text() == last)
    page.keyboard.press("Tab")  # all bars are one stop
    assert page.evaluate("document.activeElement.matches('#times > summary')")
    page.keyboard.press("Enter")
    assert page.locator("#times tbody tr").count() == bars.count()
    page.keyboard.press("Shift+Tab")
    assert bars.last.evaluate("(bar) => bar === document.activeElement")
    wide = bars.first  # a narrow one may be below its neighbour
    wide.locator("rect").hover(force=True)
    visit.wait(lambda: pointed.inner_text() == wide.get_attribute("aria-label"))


def test_a_run_that_goes_on_is_followed_to_its_end(visit: Visit) -> None:
    page = waiting(visit)
    page.get_by_text("Waiting for approval of the plan.").wait_for()
    assert page.get_by_text("Delete task #1 “Booking”").is_visible()
    bar = page.locator(".gantt .bar", has_text="Waiting for approval")
    page.locator("#times > summary").click()
    before = bar.get_attribute("aria-label")
    page.locator("h1").click()  # the focus leaves the table, which stays as it is while it is read
    page.evaluate("document.activeElement.blur()")
    visit.wait(lambda: bar.get_attribute("aria-label") != before)
    assert page.locator("#times").evaluate("(one) => one.open")
    visit.page.bring_to_front()
    visit.page.get_by_role("button", name="Approve").click()
    visit.wait_for("succeeded", "succeeded")
    page.bring_to_front()
    visit.wait(lambda: page.locator("#now[data-unfinished]").count() == 0)
    assert page.get_by_text("Deleted task").first.is_visible()
    assert "Succeeded" in page.locator("main").inner_text()


def test_two_answers_to_one_message_are_compared(visit: Visit) -> None:
    visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    visit.page.get_by_role("button", name="Regenerate").click()
    visit.wait_for("succeeded", "succeeded")
    page = open_run(visit, 1)
    page.get_by_role("link", name="Compare with another run").click()
    page.get_by_role("link", name="Run 2").click()
    page.get_by_role("heading", name="Run 1 and run 2").wait_for()
    assert page.get_by_role("heading", name="Tokens and cost").is_visible()
    page.get_by_role("link", name="Swap sides").click()
    page.get_by_role("heading", name="Run 2 and run 1").wait_for()


def test_the_pages_fit_a_phone(visit: Visit) -> None:
    page = waiting(visit)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert page.evaluate(FITS)
    # The chart is wider, and scrolls in its own box.
    box = page.locator(".gantt-box")
    assert box.evaluate("(one) => one.scrollWidth > one.clientWidth")
    path = page.url
    page.goto(f"{path}compare/")
    assert page.evaluate(FITS)
    page.get_by_role("link", name="Run 1").click()
    page.get_by_role("heading", name="Tokens and cost").wait_for()
    assert page.evaluate(FITS)


@pytest.mark.axe
def test_the_pages_of_runs_break_no_rule(visit: Visit) -> None:
    page = waiting(visit)
    for fold in page.locator("details").all():
        fold.evaluate("(one) => one.open = true")
    check(page, "a run that waits")
    path = page.url
    page.goto(f"{path}compare/?with=nothing")
    visit.troubles.clear()  # Chromium tells of the status
    check(page, "choosing a run")
    page.goto(f"{path}compare/")
    page.get_by_role("link", name="Run 1").click()
    page.get_by_role("heading", name="Tokens and cost").wait_for()
    check(page, "two runs")
