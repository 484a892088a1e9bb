"""A run that works, in Chromium: what it says while nothing comes, and what of it stays in view."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page

from agent.event_log import events
from agent.event_log.events import Event
from agent.event_log.times import stamp
from tests.support import story_events
from tests.support.browser import Visit
from tests.support.live_page import Live
from tests.support.story_events import FIRST, phase, plan

pytestmark = [pytest.mark.browser, pytest.mark.own_context]

# Whether all of these are in view and not covered.
SEEN = """(selectors) => selectors.every((selector) => {
  const log = document.getElementById("log").getBoundingClientRect();
  return [...document.querySelectorAll(selector)].some((node) => {
    const box = node.getBoundingClientRect();
    const at = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    const isInside = box.top >= log.top - 1 && box.bottom <= log.bottom + 1;
    return isInside && (node.contains(at) || at?.contains(node));
  });
})"""
HEAD = ['[data-slot="run-line"]', ".stop"]
RUNNING = '.plan > [data-status="running"] summary > span'
SIZES = ((1400, 900), (390, 844), (700, 450))
STEPS = [
    {"id": f"s{number}", "description": f"Create {number}", "arguments": {"title": f"T{number}"}}
    for number in range(1, 15)
]


def moment(ago: float) -> str:
    return stamp(datetime.now(UTC) - timedelta(seconds=ago))


def step(id: str, status: str, began: float, ended: float | None = None) -> Event:
    """`began`, `ended`: so many seconds ago."""
    finished_at = None if ended is None else moment(ended)
    return events.Step(
        FIRST, id=id, status=status, started_at=moment(began), finished_at=finished_at
    )


def draft(**more: Any) -> dict[str, Any]:
    text = {"message": "Waiting for slow-1", "details": "", "thoughts": "", "steps": []}
    return {
        "type": "draft",
        "run": str(FIRST),
        "after": 0,
        "phase": "analyzing",
        "model": "slow-1",
        "started_at": moment(0),
        "prompt_tokens": 9,
        "tokens": 0,
        "attempt": 1,
        "attempts": 3,
        "reason": "",
        "gives_up_at": moment(-120),
        "again_at": None,
        "usual_ms": 5000,
        "thoughts": "",
        "thought_at": None,
        "wrote_at": None,
        "summary": "",
        "steps": [],
        "text": {**text, "usual": "usually about 4 to 9 seconds", **more.pop("text", {})},
        **more,
    }


def answer_top(page: Page) -> float:
    box = page.locator(".prose:visible").last.bounding_box()
    assert box is not None
    return box["y"]


def test_head_running_step_and_stop_stay_in_view_and_the_answer_in_its_place(visit: Visit) -> None:
    live = Live(visit)
    page = live.page
    live.begin()
    for name in ("context", "analyzing", "planning", "validation"):
        live.tell(phase(FIRST, name, name, "x" * 90, phase="started"))
        live.tell(phase(FIRST, name, name, "x" * 90, phase="finished", duration_ms=90))
    live.tell(plan(FIRST, 1, STEPS), phase(FIRST, "execution", "Running", phase="started"))
    rows = page.locator(".phases > [data-state=finished]:visible")
    boxes = [row.bounding_box() or {"y": 0} for row in rows.all()]
    assert len(boxes) == 4
    assert max(box["y"] for box in boxes) - min(box["y"] for box in boxes) < 4  # one row
    for number, one in enumerate(STEPS):
        live.tell(step(one["id"], "running", 1))
        for width, height in SIZES if number in (0, 7, 13) else ():
            page.set_viewport_size({"width": width, "height": height})
            visit.wait(lambda: page.evaluate(SEEN, [*HEAD, RUNNING]))
        live.tell(step(one["id"], "succeeded", 1, 0))
    live.tell(phase(FIRST, "execution", "Ran", phase="finished", duration_ms=90))
    live.tell(phase(FIRST, "completion", "Writing", phase="started"))
    live.tell(events.Token(FIRST, offset=0, text="It is done."))
    page.set_viewport_size({"width": 1400, "height": 900})
    visit.wait(lambda: page.evaluate(SEEN, HEAD))
    before = answer_top(page)
    live.tell(events.Token(FIRST, offset=11, text="\n\nMore." * 40))
    page.set_viewport_size({"width": 700, "height": 450})
    visit.wait(lambda: page.evaluate(SEEN, HEAD))
    live.tell(events.Token(FIRST, offset=0, text="It is done."))
    page.set_viewport_size({"width": 1400, "height": 900})
    visit.wait(lambda: page.evaluate(SEEN, HEAD))
    assert answer_top(page) == before
    live.tell(story_events.complete(FIRST, "It is done.", "<p>It is done.</p>", 10))
    assert abs(answer_top(page) - before) <= 2


def test_while_nothing_comes_there_is_a_new_sentence_at_2_10_and_30_seconds(visit: Visit) -> None:
    visit.page.clock.install()
    live = Live(visit)
    page, said = live.page, live.page.locator(".wait-line")
    live.begin()
    live.tell(phase(FIRST, "analyzing", "Analyzing", phase="started"))
    live.aside(**draft())
    visit.wait(lambda: page.locator(".draft").count() == 1)

    def pass_(seconds: int) -> str:
        """Lets so many seconds pass; the connection has signs of life meanwhile."""
        for _ in range(seconds):
            live.aside(type="heartbeat", timestamp=moment(0))
            page.clock.run_for(1000)
        return said.inner_text()

    assert said.inner_text() == ""
    first = pass_(2)
    assert first.startswith("No reply from slow-1 since ")
    assert first.endswith("usually about 4 to 9 seconds")
    second = pass_(8)
    assert second.startswith("No reply from slow-1 for 10 s, since ")
    assert "given up at" in second
    assert pass_(20).startswith("No reply from slow-1 for 30 s, since ")
    assert pass_(30).startswith("No reply from slow-1 for 1 min 0 s, since ")

    text = {"message": "slow-1 failed, attempt 2 of 3 follows"}
    live.aside(**draft(attempt=2, reason="It is busy.", again_at=moment(-5), text=text))
    visit.wait(lambda: said.inner_text().startswith("slow-1 failed, attempt 2 of 3 follows at "))
    assert said.inner_text().endswith(": It is busy.")

    live.tell(phase(FIRST, "analyzing", "Analyzed", phase="finished"))
    one = {"id": "a", "tool": "check_site", "arguments": {"url": "https://x.org"}}
    live.tell(plan(FIRST, 1, [one]), phase(FIRST, "execution", "Running", phase="started"))
    usual = {"low_ms": 4000, "median_ms": 5000, "high_ms": 9000}
    live.tell(step("a", "running", 0))
    live.tell(phase(FIRST, "execution", "Check", phase="started", step_id="a", usual=usual))
    visit.wait(lambda: said.inner_text() == "check_site: https://x.org")
    row = page.locator('[data-slot="step-call"]')
    assert row.inner_text() == "check_site: https://x.org"
    assert pass_(2).startswith("check_site: https://x.org: no report since ")
    assert pass_(4).endswith("usually about 4 to 9 seconds")
    assert page.locator(".usual").inner_text() == "usually about 4 to 9 seconds"
    live.tell(phase(FIRST, "execution", "Checked", "3 of 9 pages", step_id="a"))
    visit.wait(lambda: said.inner_text() == "check_site: https://x.org")
    assert page.locator('[data-slot="step-note"]').inner_text() == "Checked · 3 of 9 pages"
    visit.wait(lambda: page.locator(".usual").count() == 0)


def test_parallel_steps_are_lanes_and_what_a_step_made_is_marked_in_the_panel(visit: Visit) -> None:
    live = Live(visit)
    live.begin()
    live.tell(plan(FIRST, 1, STEPS[:3]), phase(FIRST, "execution", "Running", phase="started"))
    live.tell(step("s1", "running", 10))
    lanes = live.page.locator(".lane rect")
    assert lanes.count() == 0
    live.tell(step("s2", "running", 5))
    visit.wait(lambda: lanes.count() == 2)
    live.tell(step("s1", "succeeded", 10, 0), step("s2", "succeeded", 5, 0))
    visit.wait(lambda: lanes.nth(1).get_attribute("x") == "500")
    assert [lanes.nth(at).get_attribute("width") for at in (0, 1)] == ["1000", "500"]

    made = story_events.task(story_events.uid(90), "T3", 1)
    body = {"object": "task", "id": story_events.uid(90), "action": "created", "before": None}
    live.tell(step("s3", "running", 0))
    live.tell(events.Change(FIRST, **body, after=made, by="alice", step="s3"))
    row = live.page.locator("#panels .task")
    visit.wait(lambda: row.get_attribute("data-made") == "Step 3: Create 3")
    live.tell(story_events.complete(FIRST, "Hi", "<p>Hi</p>", 10))
    visit.wait(lambda: lanes.count() == 0)
