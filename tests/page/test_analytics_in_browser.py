"""The analytics in Chromium: after real runs, in the reader's time zone, for everybody, on any screen."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.support.accessibility import PHONE, check
from tests.support.browser import Visit

pytestmark = pytest.mark.browser


def analytics(visit: Visit) -> str:
    return f"{visit.url}/projects/{visit.server.project}/analytics/"


@pytest.mark.axe
def test_the_analytics_break_no_rule_and_fit_on_a_phone(visit: Visit) -> None:
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    page.goto(analytics(visit))
    page.get_by_role("heading", name="Where the time goes").wait_for()
    assert page.get_by_role("row", name="create_task").count() == 1
    page.get_by_text("Figures as a table").first.click()
    check(page, "analytics")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def with_zone(visit: Visit, zone: str) -> None:
    """Has the browser say that the reader is in a time zone."""
    options = f"() => ({{ timeZone: '{zone}' }})"
    visit.page.add_init_script(f"Intl.DateTimeFormat.prototype.resolvedOptions = {options}")


def test_the_days_are_those_of_the_reader(visit: Visit) -> None:
    with_zone(visit, "Asia/Tokyo")
    visit.page.goto(analytics(visit))
    visit.page.get_by_text("The days are those of Asia/Tokyo").wait_for()


def test_a_zone_that_the_server_does_not_know_is_told_once(visit: Visit) -> None:
    with_zone(visit, "Mars/Base")
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url))
    visit.page.goto(analytics(visit))
    visit.wait(lambda: asked.count(analytics(visit)) == 2)
    visit.page.get_by_text("The days are those of UTC").wait_for()
    visit.page.wait_for_load_state("networkidle")
    assert asked.count(analytics(visit)) == 2


def test_whether_the_progress_was_helpful_is_said_without_a_script(visit: Visit) -> None:
    visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    ((run,),) = visit.server.rows("SELECT id FROM agent_run")
    visit.page.goto(f"{visit.url}/runs/{UUID(run)}/")
    asked = visit.page.get_by_role("group", name="Was the progress helpful?")
    asked.get_by_role("button", name="No").click()
    asked.get_by_role("button", name="No", pressed=True).wait_for()
    assert visit.server.rows("SELECT target, value FROM agent_feedback") == [("progress", -1)]
