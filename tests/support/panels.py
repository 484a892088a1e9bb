"""A person at the panels of the session page: a board to begin with, its titles, an opened task."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

from tests.support.browser import Visit

BOARD = "I need: 1. patient sign-up 2. doctors publish free slots 3. patients book a slot"


def titles(page: Page) -> list[str]:
    found: list[str] = page.locator('.task:visible [data-slot="task-title"]').all_inner_texts()
    return found


def levels(page: Page) -> list[str]:
    found: list[str] = page.locator(".task").evaluate_all(
        "(all) => all.map((one) => one.getAttribute('aria-level'))"
    )
    return found


def with_board(visit: Visit) -> Page:
    page = visit.live()
    visit.say(BOARD)
    visit.wait_for("succeeded")
    return page


def opened(page: Page, title: str) -> Locator:
    """Opens the task or memory and returns its detail."""
    key = page.locator(".task, .memory").filter(has_text=title).get_attribute("data-key")
    row = page.locator(f'[data-key="{key}"]:is(.task, .memory)')
    row.locator("[data-open]").click()
    detail = row.locator(".detail")
    detail.wait_for()
    return detail
