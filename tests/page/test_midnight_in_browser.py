"""A page that is left open when the day ends: what was today gets its day. Chromium's zone is Tokyo."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page

from agent.event_log import events
from tests.support import story_events
from tests.support.browser import Visit
from tests.support.fake_socket import FakeSocket, seen
from tests.support.story_events import FIRST, said

pytestmark = [pytest.mark.browser, pytest.mark.own_context]  # its clock is stopped

OPENED = datetime(2026, 3, 4, 14, 58, tzinfo=UTC)  # 23:58 in Tokyo
BEFORE_MIDNIGHT = datetime(2026, 3, 4, 14, 59, 50, tzinfo=UTC)
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def said_at(page: Page) -> str:
    return page.locator('[data-slot="said-at"]').first.inner_text()


@pytest.fixture
def evening(visit: Visit) -> Visit:
    """A message of 18:30, shown shortly before midnight, where time passes only if the test lets it."""
    visit.page.clock.install(time=OPENED)
    socket = FakeSocket(visit.page)
    visit.live()
    told = (said(FIRST, "Hi", 1), events.Run(FIRST, "running"))
    for seq, event in enumerate(told, 1):
        socket.send(replace(event, timestamp=story_events.after(0)).frame(seq))
    visit.wait(lambda: seen(visit.page) == 2)
    visit.page.clock.pause_at(BEFORE_MIDNIGHT)
    assert said_at(visit.page) == "18:30"
    return visit


def test_at_midnight_a_time_gets_its_day(evening: Visit) -> None:
    page = evening.page
    page.clock.fast_forward(5_000)
    assert said_at(page) == "18:30"
    page.clock.fast_forward(10_000)
    evening.wait(lambda: said_at(page) == "Mar 4, 18:30")


def test_a_second_midnight_changes_nothing_more(evening: Visit) -> None:
    page = evening.page
    for _ in range(2):
        page.clock.fast_forward("24:00:00")
    evening.wait(lambda: said_at(page) == "Mar 4, 18:30")


def test_a_computer_that_slept_over_midnight_shows_the_day_when_it_wakes(evening: Visit) -> None:
    page = evening.page
    page.clock.set_system_time(datetime(2026, 3, 5, 1, tzinfo=UTC))  # no timer has run
    assert said_at(page) == "18:30"
    page.evaluate(HIDE, arg=False)
    assert said_at(page) == "Mar 4, 18:30"


def test_the_project_page_renews_its_days_too(visit: Visit) -> None:
    page = visit.live()
    visit.say("What is open?")
    visit.wait_for("succeeded")
    page.clock.install(time=datetime.now(UTC))
    page.goto(f"{visit.url}/projects/{visit.server.project}/")
    time = page.locator(".sessions time").first
    assert ":" in time.inner_text()
    page.clock.fast_forward("24:00:00")
    visit.wait(lambda: ":" not in time.inner_text())
