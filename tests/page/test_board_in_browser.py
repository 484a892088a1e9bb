"""The board of a project page, in Chromium: cards are moved by dragging and by keys."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page

from chat.project_board import FIRST
from tests.support.browser import Visit

pytestmark = pytest.mark.browser

TASKS = 5_000


@pytest.fixture
def page(visit: Visit) -> Page:
    visit.server.fill("large_board", visit.server.session, 3, 1)
    return open_project(visit)


def open_project(visit: Visit) -> Page:
    visit.page.goto(f"{visit.url}/projects/{visit.server.project}/")
    return visit.page


def column(page: Page, status: str) -> Locator:
    return page.locator(f'.column[data-status="{status}"]')


def titles(page: Page, status: str) -> list[str]:
    return column(page, status).locator(".card-task a").all_inner_texts()


def counts(page: Page) -> list[str]:
    return page.locator('.column [data-slot="count"]').all_inner_texts()


def test_a_card_is_moved_by_keys_and_keeps_the_focus(visit: Visit, page: Page) -> None:
    page.get_by_role("link", name="Errand 2").focus()
    page.keyboard.press("Alt+ArrowUp")
    visit.wait(lambda: titles(page, "pending") == ["Errand 0", "Errand 2", "Errand 1"])
    spoken = page.locator("#board-status")
    told = "Moved “Errand 2” to Pending, position 2 of 3."
    visit.wait(lambda: spoken.inner_text() == told)
    page.keyboard.press("Alt+ArrowRight")
    visit.wait(lambda: titles(page, "in_progress") == ["Errand 2"])
    assert counts(page)[:2] == ["2", "1"]
    assert page.evaluate("document.activeElement.textContent") == "Errand 2"
    page.keyboard.press("Alt+ArrowDown")
    visit.wait(lambda: "can't be moved further" in spoken.inner_text())
    page.reload()
    assert titles(page, "pending") == ["Errand 0", "Errand 1"]
    assert titles(page, "in_progress") == ["Errand 2"]


def test_a_card_is_dragged_to_another_column_and_place(visit: Visit, page: Page) -> None:
    page.get_by_text("Errand 0").drag_to(column(page, "blocked"))
    visit.wait(lambda: titles(page, "blocked") == ["Errand 0"])
    first = page.locator(".card-task", has_text="Errand 1")
    page.locator(".card-task", has_text="Errand 2").drag_to(first, target_position={"x": 9, "y": 3})
    visit.wait(lambda: titles(page, "pending") == ["Errand 2", "Errand 1"])
    page.reload()
    assert titles(page, "pending") == ["Errand 2", "Errand 1"]
    assert titles(page, "blocked") == ["Errand 0"]


def test_the_board_follows_others_and_waits_for_who_is_at_work(visit: Visit, page: Page) -> None:
    other = visit.open()
    other.goto(page.url)
    other.get_by_role("link", name="Errand 0").focus()
    other.keyboard.press("Alt+ArrowRight")
    visit.wait(lambda: titles(other, "in_progress") == ["Errand 0"])
    page.bring_to_front()
    column(page, "in_progress").get_by_text("Errand 0").wait_for()
    page.get_by_label("Words").fill("typed")
    other.bring_to_front()
    other.get_by_role("link", name="Errand 1").focus()
    other.keyboard.press("Alt+ArrowRight")
    visit.wait(lambda: "Errand 1" in titles(other, "in_progress"))
    page.bring_to_front()
    page.get_by_text("The board has changed.").wait_for()
    assert page.get_by_label("Words").input_value() == "typed"
    assert not other.get_by_text("The board has changed.").is_visible()


def test_a_refused_move_says_why_and_moves_nothing(visit: Visit, page: Page) -> None:
    visit.context.route("**/api/tasks/**", lambda route: route.abort())
    page.get_by_role("link", name="Errand 0").focus()
    page.keyboard.press("Alt+ArrowRight")
    page.locator("#board-alert").wait_for()
    assert "the card was not moved" in page.locator("#board-alert").inner_text()
    assert titles(page, "pending") == ["Errand 0", "Errand 1", "Errand 2"]


def test_a_board_of_thousands_shows_a_part_and_finds_the_rest(visit: Visit) -> None:
    visit.server.fill("large_board", visit.server.session, TASKS, 0)
    page = open_project(visit)
    assert counts(page)[0] == str(TASKS)
    assert len(titles(page, "pending")) == FIRST
    page.get_by_role("link", name=re.compile(r"Show more .* of Pending")).click()
    visit.wait(lambda: len(titles(page, "pending")) > FIRST)
    page.get_by_label("Words").fill(f"Errand {TASKS - 1}")
    page.get_by_role("button", name="Show", exact=True).click()
    visit.wait(lambda: titles(page, "pending") == [f"Errand {TASKS - 1}"])
