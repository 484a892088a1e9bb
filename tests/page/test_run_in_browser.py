"""A run inside its answer, in Chromium: how it looks in each state, and what a person leaves open."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from agent.event_log import events
from agent.pipeline.reading import READING
from tests.support import story_events
from tests.support.browser import Visit
from tests.support.live_page import Live
from tests.support.story_events import FIRST, phase, uid

pytestmark = pytest.mark.browser


def line(page: Page) -> str:
    return page.locator('[data-slot="run-line"]').last.inner_text()


def is_open(page: Page) -> bool:
    return bool(page.locator('[data-slot="run-details"]').last.evaluate("(one) => one.open"))


def test_a_run_stays_as_a_person_left_it(visit: Visit) -> None:
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    assert not is_open(page)
    page.locator('[data-slot="run-details"] > summary').click()
    page.reload()
    assert is_open(page)
    page.locator('[data-slot="run-details"] > summary').click()
    page.reload()
    assert not is_open(page)


def test_a_run_that_was_closed_at_work_is_not_opened_again(visit: Visit) -> None:
    live = Live(visit)
    live.begin()
    assert is_open(live.page)
    live.page.locator('[data-slot="run-details"] > summary').click()
    live.tell(phase(FIRST, "start", "x", phase="started"))
    assert not is_open(live.page)
    live.tell(story_events.complete(FIRST, "Hi", "<p>Hi</p>", 10))
    assert not is_open(live.page)


def test_what_is_read_before_the_plan_and_a_new_title_are_shown_live(visit: Visit) -> None:
    live, reading = Live(visit), "🔎 Reading “Booking” in full"
    live.begin()
    live.tell(phase(FIRST, READING, reading, phase="started", step_id="r1"))
    row = live.page.locator('.phases [data-step="reading"]')
    assert row.get_attribute("data-state") == "running"
    assert "Reading “Booking” in full" in row.inner_text()
    live.tell(phase(FIRST, READING, reading, "2 of 9 found", phase="finished", step_id="r1"))
    assert row.get_attribute("data-state") == "finished"
    assert "2 of 9 found" in row.inner_text()
    before = {"id": str(uid(7)), "title": "Old", "description": "x"}
    live.tell(
        story_events.change(FIRST, "session", "updated", before, {**before, "title": "Kickoff"}),
        story_events.change(FIRST, "project", "updated", before, {**before, "description": "y"}),
    )
    visit.wait(lambda: live.page.locator("#title").inner_text() == "Kickoff")
    changes = live.page.locator(".changes").inner_text()
    assert "Changed session “Kickoff”: title" in changes
    assert "Changed project “Old”: description" in changes


def test_a_step_shows_its_arguments_and_its_result_on_demand(visit: Visit) -> None:
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    page.locator('[data-slot="run-details"] > summary').click()
    given = page.get_by_label("Given")
    assert not given.is_visible()
    page.locator(".plan > li > details > summary").click()
    assert "title\nWrite the docs" in given.inner_text()
    assert "task id" in page.get_by_label("Returned").inner_text()


def test_a_phase_is_called_slow_when_it_takes_longer_than_its_history_explains(
    visit: Visit,
) -> None:
    live = Live(visit)
    live.begin()
    live.tell(phase(FIRST, "start", "x", phase="started", slow_after_ms=3_600_000))
    live.tell(phase(FIRST, "analyzing", "y", phase="started", slow_after_ms=1000))
    slow = live.page.locator(".phases small.slow:visible")
    visit.wait(lambda: slow.count() == 1)
    assert live.page.locator(".phases [data-slow]").get_attribute("data-step") == "analyzing"
    assert live.page.locator(".flag.slow").is_visible()
    live.tell(phase(FIRST, "analyzing", "y", phase="finished", duration_ms=1500))
    visit.wait(lambda: slow.count() == 0)


def test_the_time_that_is_left_counts_down(visit: Visit) -> None:
    live = Live(visit)
    live.begin()
    band = {"low_ms": 1_800_000, "median_ms": 2_000_000, "high_ms": 3_000_000}
    live.tell(phase(FIRST, "start", "x", phase="started", eta=band))
    left = live.page.locator('[data-slot="run-eta"]')
    # A slow page may show the first of these seconds late.
    seconds = re.compile(r"30 min 0 s to 50 min 0 s left|29 min (\d+) s to 49 min \1 s left")
    visit.wait(lambda: bool(seconds.fullmatch(left.inner_text())))
    first = left.inner_text()
    visit.wait(lambda: left.inner_text() not in ("", first))
    assert left.inner_text().startswith("29 min")
    late = {"low_ms": 100, "median_ms": 200, "high_ms": 500}
    live.tell(phase(FIRST, "start", "x", phase="finished", eta=late))
    visit.wait(lambda: left.inner_text() == "longer than usual")
    live.tell(story_events.complete(FIRST, "Hi", "<p>Hi</p>", 10))
    visit.wait(lambda: left.inner_text() == "")


def test_a_run_that_nobody_drives_says_so_until_it_goes_on(visit: Visit) -> None:
    live = Live(visit)
    live.begin()
    live.aside(type="interrupted", run=str(FIRST), interrupted=True)
    visit.wait(lambda: line(live.page).startswith("Interrupted"))
    mark = live.page.locator('[data-slot="run-mark"]')
    assert mark.get_attribute("data-mark") == "interrupted"
    live.aside(type="interrupted", run=str(FIRST), interrupted=False)
    visit.wait(lambda: line(live.page) == "Starting")


def test_each_state_has_a_mark_of_its_own(visit: Visit) -> None:
    page = visit.live()
    drawn = page.evaluate(
        """() => ["queued", "waiting", "running", "succeeded", "partly", "failed", "cancelled",
          "interrupted", "skipped", "pending"].map((name) =>
            document.getElementById(`mark-${name}`).innerHTML)"""
    )
    assert len(set(drawn)) == len(drawn)


def test_a_burst_of_events_is_drawn_once_before_the_browser_paints(visit: Visit) -> None:
    page = visit.live()
    before, after = page.evaluate(
        """async () => {
          const { src } = document.querySelector('[src$="/session.js"]');
          const queue = await import(new URL("transcript/render_queue.js", src));
          const count = () => document.querySelectorAll("#entries > .line").length;
          for (let number = 0; number < 5; number++) queue.enqueueLine(`x ${number}`);
          const before = count();
          await new Promise(requestAnimationFrame);
          return [before, count()];
        }"""
    )
    assert (before, after) == (0, 5)


def test_code_in_an_answer_is_copied_by_a_button(visit: Visit) -> None:
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    live = Live(visit)
    live.begin()
    live.tell(story_events.complete(FIRST, "x", "<pre><code>make run\n</code></pre>", 10))
    live.page.get_by_role("button", name="Copy", exact=True).click()
    visit.wait(lambda: live.page.get_by_text("Copied").count() > 0)
    assert live.page.evaluate("navigator.clipboard.readText()") == "make run"


def test_what_is_selected_in_a_growing_answer_stays_selected(visit: Visit) -> None:
    live = Live(visit)
    live.begin()
    live.tell(events.Token(FIRST, offset=0, text="Some words"))
    live.page.locator('[data-slot="run-text"]').evaluate(
        "(box) => getSelection().setBaseAndExtent(box.firstChild, 0, box.firstChild, 4)"
    )
    live.tell(events.Token(FIRST, offset=10, text=" and more"))
    assert live.page.locator('[data-slot="run-text"]').inner_text() == "Some words and more"
    assert live.page.evaluate("getSelection().toString()") == "Some"
