"""What a person thinks of an answer, a step and the display of progress: said and kept, in Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page

from tests.support.browser import Visit

pytestmark = pytest.mark.browser


def group(page: Page, question: str) -> Locator:
    return page.get_by_role("group", name=question)


def kept(visit: Visit) -> list[tuple[str, int, str]]:
    rows = visit.server.rows("SELECT target, value, comment FROM agent_feedback ORDER BY target")
    return [tuple(row) for row in rows]  # type: ignore[misc]  # three columns


def answered(visit: Visit) -> Page:
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    return page


def test_a_thumb_with_a_word_on_why_is_kept_and_shown_after_a_reload(visit: Visit) -> None:
    page = answered(visit)
    asked = group(page, "Was this helpful?")
    asked.get_by_role("button", name="No").click()
    asked.get_by_label("Comment").fill("Too short")
    asked.get_by_role("button", name="Save").click()
    visit.wait(lambda: kept(visit) == [("answer", -1, "Too short")])
    page.reload()
    assert asked.get_by_role("button", name="No", pressed=True).count() == 1
    assert asked.locator("summary").inner_text() == "Too short"


def test_a_step_and_the_display_of_progress_are_asked_about_too(visit: Visit) -> None:
    page = answered(visit)
    page.locator('[data-slot="run-details"] > summary').click()
    group(page, "Was this progress view clear?").get_by_role("button", name="Yes").click()
    page.locator(".plan > li > details > summary").first.click()
    group(page, "Was this step right?").get_by_role("button", name="Yes").click()
    visit.wait(lambda: kept(visit) == [("progress", 1, ""), ("s1", 1, "")])
    page.reload()
    pressed = page.locator('.thumb[aria-pressed="true"]')
    assert pressed.count() == 2


def test_one_may_think_otherwise_later(visit: Visit) -> None:
    page = answered(visit)
    asked = group(page, "Was this helpful?")
    asked.get_by_role("button", name="No").click()
    visit.wait(lambda: kept(visit) == [("answer", -1, "")])
    asked.get_by_role("button", name="Yes").click()
    visit.wait(lambda: kept(visit) == [("answer", 1, "")])
    assert asked.get_by_role("button", name="No", pressed=True).count() == 0


def test_what_could_not_be_kept_is_not_shown_as_kept(visit: Visit) -> None:
    page = answered(visit)
    page.route("**/feedback/", lambda route: route.abort())
    asked = group(page, "Was this helpful?")
    asked.get_by_role("button", name="Yes").click()
    page.locator("#alert").wait_for()
    assert "your feedback was not saved" in page.locator("#alert").inner_text()
    assert asked.get_by_role("button", name="Yes", pressed=True).count() == 0
    visit.troubles.clear()  # Chromium tells of the request itself


def test_another_person_s_opinion_is_not_mine(visit: Visit) -> None:
    page = answered(visit)
    group(page, "Was this helpful?").get_by_role("button", name="Yes").click()
    visit.wait(lambda: len(kept(visit)) == 1)
    assert visit.page.context.browser is not None
    carol = Visit(visit.page.context.browser, visit.server, "carol")
    carol.live()
    assert carol.page.locator('.thumb[aria-pressed="true"]').count() == 0
    carol.context.close()
