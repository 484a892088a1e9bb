"""Tasks beside the transcript, in Chromium: ticked off, and moved by keys, dragging and buttons."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.support.browser import Visit
from tests.support.panels import levels, opened, titles, with_board

pytestmark = pytest.mark.browser


def test_a_task_is_ticked_off_and_opened_again(visit: Visit) -> None:
    page = with_board(visit)
    page.get_by_role("button", name="Pending: mark “Patient sign-up” as completed").click()
    visit.wait(lambda: titles(page)[-1] == "Patient sign-up")
    assert page.locator('[data-slot="tasks-count"]').inner_text() == "2 open"
    page.get_by_role("button", name="Completed: mark “Patient sign-up” as pending").click()
    visit.wait(lambda: titles(page)[0] == "Patient sign-up")
    assert visit.shown() == visit.reloaded()


def test_tasks_are_moved_by_keys_and_it_is_said(visit: Visit) -> None:
    page = with_board(visit)
    first, second, third = titles(page)
    page.locator(".task [data-open]").first.focus()
    page.keyboard.press("Alt+ArrowDown")
    visit.wait(lambda: titles(page) == [second, first, third])
    told = f"Moved “{first}” to position 2 of 3."
    visit.wait(lambda: page.locator("#status").inner_text() == told)
    assert page.evaluate("document.activeElement.textContent") == first
    page.keyboard.press("Alt+ArrowRight")
    visit.wait(lambda: levels(page) == ["1", "2", "1"])
    visit.wait(
        lambda: (
            page.locator("#status").inner_text()
            == f"Moved “{first}” to position 1 of 1 in “{second}”."
        )
    )
    page.keyboard.press("Alt+ArrowLeft")
    visit.wait(lambda: levels(page) == ["1", "1", "1"])
    assert titles(page) == [second, first, third]
    page.keyboard.press("Alt+ArrowUp")
    visit.wait(lambda: titles(page) == [first, second, third])
    told = f"Moved “{first}” to position 1 of 3."
    visit.wait(
        lambda: page.locator("#status").inner_text() == told
    )  # the answer comes after the event
    page.keyboard.press("Alt+ArrowUp")
    told = f"“{first}” can't be moved further in that direction."
    visit.wait(lambda: page.locator("#status").inner_text() == told)
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == second
    assert visit.shown() == visit.reloaded()


def test_tasks_are_moved_by_dragging(browser: Browser, visit: Visit) -> None:
    page = with_board(visit)
    first, second, third = titles(page)
    changes: list[str] = []
    page.on("request", lambda request: changes.append(request.method))
    drag(page, third, first, at=0.1)
    visit.wait(lambda: titles(page) == [third, first, second])
    assert changes
    drag(page, third, second, at=0.9)
    visit.wait(lambda: titles(page) == [first, second, third])
    drag(page, second, first, at=0.5)
    visit.wait(lambda: levels(page) == ["1", "2", "1"])
    changes.clear()
    drag(page, first, second, at=0.5)  # into a part of itself: nothing happens
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert changes == []
    assert levels(page) == ["1", "2", "1"]
    assert visit.shown() == visit.reloaded()


def test_a_task_that_is_dropped_while_the_script_is_loaded_is_moved_when_it_is_there(
    visit: Visit,
) -> None:
    page = with_board(visit)
    first, second, third = titles(page)
    held: list[Route] = []
    page.route("**/panels/reorder.js*", lambda route: held.append(route))
    drag(page, third, first, at=0.1)
    visit.wait(lambda: bool(held))
    assert titles(page) == [first, second, third]
    for route in held:
        route.continue_()
    visit.wait(lambda: titles(page) == [third, first, second])


def test_tasks_are_moved_by_buttons_too(visit: Visit) -> None:
    page = with_board(visit)
    first, second, third = titles(page)
    detail = opened(page, second)
    detail.get_by_role("button", name="Up", exact=True).click()
    visit.wait(lambda: titles(page) == [second, first, third])
    detail.get_by_role("button", name="Down", exact=True).click()
    visit.wait(lambda: titles(page) == [first, second, third])
    detail.get_by_role("button", name="Make a subtask").click()
    visit.wait(lambda: levels(page) == ["1", "2", "1"])
    detail.get_by_role("button", name="Move out").click()
    visit.wait(lambda: levels(page) == ["1", "1", "1"])


def drag(page: Page, title: str, onto: str, *, at: float) -> None:
    """`at`: how far down on the other task, from 0 to 1."""
    row, target = (page.locator(".task").filter(has_text=one) for one in (title, onto))
    box = target.bounding_box()
    assert box is not None
    row.hover()
    row.locator(".grip").drag_to(target, target_position={"x": 40, "y": box["height"] * at})
