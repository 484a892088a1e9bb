"""A board larger than a page shows at first, in Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from chat.panels import MEMORIES, TASKS
from tests.support.browser import Visit

pytestmark = pytest.mark.browser

MORE = 30


# In the page: changes a task by a request, as the panel itself does.
CHANGE = """async ([method, id, session, body]) => {
  const links = [...document.querySelectorAll("link[rel=modulepreload]")];
  const { apiPath, request } = await import(links.find(({ href }) => href.includes("/rest")).href);
  return (await request(method, `${apiPath("tasks", id)}?session=${session}`, { body })).status;
}"""


@pytest.fixture
def last(visit: Visit) -> str:
    """Fills the board; the id of its last task."""
    server = visit.server
    key: str = server.fill("large_board", server.session, TASKS + MORE, MEMORIES + MORE)
    return key


@pytest.fixture
def large(visit: Visit, last: str) -> Visit:
    visit.live()
    return visit


def rows(page: Page, kind: str) -> int:
    return page.locator(f".{kind}[data-key]").count()


def count(page: Page, kind: str) -> str:
    return page.locator(f'[data-slot="{kind}-count"]').inner_text()


def test_it_shows_a_part_and_the_true_numbers_and_the_rest_when_asked(large: Visit) -> None:
    page = large.page
    assert (rows(page, "task"), rows(page, "memory")) == (TASKS, MEMORIES)
    assert count(page, "tasks") == f"{TASKS + MORE} open"
    assert count(page, "memories") == str(MEMORIES + MORE)
    page.get_by_role("button", name=f"Show all {TASKS + MORE} tasks").click()
    large.wait(lambda: rows(page, "task") == TASKS + MORE)
    assert rows(page, "memory") == MEMORIES + MORE
    assert page.get_by_role("button", name="Show all").count() == 0
    assert count(page, "tasks") == f"{TASKS + MORE} open"


def test_a_change_of_what_is_not_shown_reaches_the_panel(large: Visit, last: str) -> None:
    page, session = large.page, large.server.session
    assert page.evaluate(CHANGE, ["PATCH", last, session, {"status": "completed"}]) == 200
    large.wait(lambda: rows(page, "task") == TASKS + 1)
    assert count(page, "tasks") == f"{TASKS + MORE - 1} open"
    assert large.shown() == large.reloaded()
    assert page.evaluate(CHANGE, ["DELETE", last, session, None]) in (200, 204)
    gone = page.get_by_role("list", name="Recently deleted tasks")
    large.wait(lambda: gone.count() == 1)
    assert count(page, "tasks") == f"{TASKS + MORE - 1} open"
    assert large.shown() == large.reloaded()


def test_what_is_not_shown_is_found(large: Visit) -> None:
    page = large.page
    page.locator("#memory-search > summary").click()
    page.get_by_role("searchbox", name="Search memory").fill("note0")
    found = page.locator(".memory:visible")
    large.wait(lambda: found.count() == 1)
    assert "Note0" in found.inner_text()
    page.locator("#task-filter > summary").click()
    page.get_by_role("searchbox", name="Search tasks").fill(f"Errand {TASKS + MORE - 1}")
    large.wait(lambda: page.locator(".task:visible").count() == 1)
    assert count(page, "tasks") == f"1 of {TASKS + MORE}"
