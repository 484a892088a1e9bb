"""Tasks and memories beside the transcript, in Chromium: what changed, finding, opening, arranging."""

# Fixtures are imported by their names, and are arguments then.
# ruff: noqa: F401, F811

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import Visit, browser, visit

pytestmark = pytest.mark.browser

BOARD = "I need: 1. patient sign-up 2. doctors publish free slots 3. patients book a slot"


def titles(page: Page) -> list[str]:
    found: list[str] = page.locator('.task:visible [data-slot="task-title"]').all_inner_texts()
    return found


def with_board(visit: Visit) -> Page:
    page = visit.live()
    visit.say(BOARD)
    visit.wait_for("succeeded")
    return page


# -- what changed ----------------------------------------------------------------------------------


def test_what_the_latest_message_changed_is_marked_and_undone_there(visit: Visit) -> None:
    page = with_board(visit)
    assert page.locator(".task[data-fresh]").count() == 3
    visit.say("Mark the sign-up task as in progress")
    visit.wait_for("succeeded", "succeeded")
    marked = page.locator(".task[data-fresh]")
    assert marked.locator('[data-slot="task-brief"]').all_inner_texts() == [
        "Changed: status in progress"
    ]
    assert visit.shown() == visit.reloaded()
    marked.get_by_role("button", name="Undo").click()
    visit.wait(lambda: marked.get_attribute("data-status") == "pending")
    assert visit.shown() == visit.reloaded()


def test_what_was_deleted_can_be_brought_back_where_it_was(visit: Visit) -> None:
    page = with_board(visit)
    visit.say("Delete the sign-up task")
    visit.wait_for("succeeded", "succeeded")
    gone = page.get_by_role("list", name="Deleted just now")
    assert "Deleted task “Patient sign-up”" in gone.inner_text()
    assert visit.shown() == visit.reloaded()
    gone.get_by_role("button", name="Undo").click()
    visit.wait(lambda: len(titles(page)) == 3)
    assert gone.count() == 0
    assert visit.shown() == visit.reloaded()


def test_a_subtask_stands_within_its_task(visit: Visit) -> None:
    page = with_board(visit)
    visit.say("Create a subtask of the sign-up task: verify the email")
    visit.wait_for("succeeded", "succeeded")
    levels = page.locator(".task").evaluate_all(
        "(all) => all.map((one) => one.getAttribute('aria-level'))"
    )
    assert levels == ["1", "2", "1", "1"], titles(page)
    assert visit.shown() == visit.reloaded()


# -- finding ---------------------------------------------------------------------------------------


def test_tasks_are_filtered_by_words_status_and_priority(visit: Visit) -> None:
    page = with_board(visit)
    visit.say("Mark the sign-up task as in progress")
    visit.wait_for("succeeded", "succeeded")
    page.locator("#task-filter > summary").click()
    words = page.get_by_role("searchbox", name="Words of a task")
    words.fill("slot free")
    assert titles(page) == ["Doctors publish free slots"]
    assert page.locator('[data-slot="tasks-count"]').inner_text() == "1 of 3"
    words.fill("")
    page.get_by_label("Status", exact=True).select_option("In progress")
    assert titles(page) == ["Patient sign-up"]
    page.get_by_label("Priority", exact=True).select_option("High")
    assert page.get_by_text("No task is like that.").is_visible()
    visit.say("Create a task to write the docs")  # what comes is filtered, too
    visit.wait_for(*["succeeded"] * 3)
    assert titles(page) == []
    page.locator("#task-filter > summary").click()
    visit.wait(lambda: len(titles(page)) == 4)


# -- several people --------------------------------------------------------------------------------


def test_a_change_while_the_line_was_away_reaches_the_panels(
    browser: Browser, visit: Visit
) -> None:
    page = visit.live()
    visit.context.set_offline(True)
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    other = Visit(browser, visit.server, "alice")
    other.page.goto(f"{visit.server.url}/sessions/{visit.server.other_session}/")
    other.page.locator('#connection[data-state="live"]').wait_for()
    other.say("Create a task to write the docs")
    other.wait_for("succeeded")
    other.context.close()
    visit.context.set_offline(False)
    visit.wait(lambda: titles(page) == ["Write the docs"])


def test_a_viewer_opens_a_task_and_finds_nothing_to_change(browser: Browser, visit: Visit) -> None:
    with_board(visit)
    carol = Visit(browser, visit.server, "carol")
    page = carol.live()
    assert carol.shown() == carol.reloaded()
    page.locator(".task [data-open]").first.click()
    panels = page.locator("#panels")
    names = [button.inner_text() for button in panels.locator("button:not([data-open])").all()]
    assert names == ["Copy for a coding agent"]
    assert panels.locator(".detail :is(input, select, textarea), .grip").count() == 0
    carol.context.close()
