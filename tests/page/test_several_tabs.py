"""Several tabs and several people at one session: the same for all of them, and nobody in the way."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import STATUSES, Visit

pytestmark = pytest.mark.browser


def seq(page: Page) -> int:
    return int(page.evaluate("document.getElementById('log').dataset.seq ?? 0"))


def test_two_tabs_and_a_viewer_show_the_same_whoever_acts(browser: Browser, visit: Visit) -> None:
    first = visit.live()
    second = visit.open()
    second.goto(visit.address)
    second.locator('#connection[data-state="live"]').wait_for()
    carol = Visit(browser, visit.server, "carol")
    carol.live()

    def is_same() -> bool:
        pages = (first, second, carol.page)
        return len({seq(page) for page in pages}) == 1 and same(visit, first, second)

    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    visit.wait(is_same)
    second.locator("#message").fill("Delete the booking task and delete the invoices task")
    second.keyboard.press("Enter")
    visit.wait_for("succeeded", "waiting")
    visit.wait(is_same)
    first.get_by_role("button", name="Approve").click()
    visit.wait(lambda: second.evaluate(STATUSES) == ["succeeded", "succeeded"])
    visit.wait(is_same)
    second.locator(".gone .undo").first.click()
    visit.wait(lambda: first.locator(".task").count() == 1)
    visit.wait(is_same)
    assert [said.inner_text() for said in first.locator('[data-slot="said-author"]').all()] == [
        "alice",
        "alice",
    ]
    assert carol.page.locator("[data-act]:visible, .undo, textarea, [data-tick]").count() == 0
    assert carol.shown() == carol.reloaded()
    carol.context.close()
    assert carol.troubles == []


def test_who_comes_back_to_a_tab_finds_what_was_chosen_in_another(visit: Visit) -> None:
    first = visit.live()
    second = visit.open()
    second.goto(visit.address)
    second.locator('#connection[data-state="live"]').wait_for()
    here, there = (tab.get_by_label("Ask before changing anything") for tab in (first, second))
    with first.expect_response(lambda answer: answer.request.method == "PATCH"):
        here.check()
    come_back = "window.dispatchEvent(new Event('focus'))"
    second.evaluate(come_back)
    visit.wait(there.is_checked)
    with second.expect_response(lambda answer: answer.request.method == "PATCH"):
        there.uncheck()
    first.evaluate(come_back)
    visit.wait(lambda: not here.is_checked())


def same(visit: Visit, one: Page, other: Page) -> bool:
    """Whether both show the same: which runs are open is each tab's own."""
    for page in (one, other):
        page.evaluate(
            """() => {
              for (const one of document.querySelectorAll("#entries details")) one.open = false;
            }"""
        )
    return visit.shown(one) == visit.shown(other)


def test_what_one_tab_does_leaves_what_is_written_and_open_in_another(visit: Visit) -> None:
    first = visit.live()
    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    second = visit.open()
    second.goto(visit.address)
    second.locator("#message").fill("half a thought")
    second.locator(".task [data-open]").first.click()
    second.locator(".detail").get_by_label("Description").fill("half a description")
    second.locator("#task-filter > summary").click()
    second.locator("#task-filter [type=search]").fill("o")
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded", "succeeded")
    visit.wait(lambda: second.evaluate(STATUSES) == ["succeeded", "succeeded"])
    assert second.locator("#message").input_value() == "half a thought"
    assert (
        second.locator(".detail").get_by_label("Description").input_value() == "half a description"
    )
    assert second.locator("#task-filter [type=search]").input_value() == "o"
    assert second.evaluate("document.activeElement.name") == "text"
    assert first.locator("#message").input_value() == ""


def test_two_people_who_send_at_once_are_both_answered_and_named(
    browser: Browser, visit: Visit
) -> None:
    visit.live()
    dave = Visit(browser, visit.server, "dave")
    dave.live()
    for number in range(3):
        visit.say(f"Create a task to write page {number}")
        dave.say(f"Create a task to read page {number}")
    visit.wait_for(*["succeeded"] * 6)
    dave.wait_for(*["succeeded"] * 6)
    for person in (visit, dave):
        authors = person.page.locator('[data-slot="said-author"]').all_inner_texts()
        assert sorted(authors) == ["alice"] * 3 + ["dave"] * 3
        person.wait(lambda person=person: person.shown() == person.reloaded())  # type: ignore[misc]
    dave.context.close()
    assert dave.troubles == []
