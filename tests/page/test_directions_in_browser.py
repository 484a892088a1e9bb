"""Texts from right to left, in Chromium: laid out live as after a reload."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page

from agent.event_log import events
from agent.event_log.events import Event
from agent.event_log.times import stamp
from tests.support import story_events
from tests.support.browser import Visit
from tests.support.fake_socket import FakeSocket, seen
from tests.support.story_events import FIRST, said

pytestmark = pytest.mark.browser

HEBREW = "לכתוב את המסמכים"
ARABIC = "اكتب الوثائق"
# Of each block with a direction of its own and a text: where it is, its direction, where its text begins.
LAID_OUT = """() => [...document.querySelectorAll("#entries [dir], #panels [dir], #title")]
  .filter((one) => one.textContent.trim() && one.checkVisibility())
  .map((one) => {
    const { direction, textAlign } = getComputedStyle(one);
    const range = document.createRange();
    range.selectNodeContents(one);
    const { left, right } = range.getBoundingClientRect();
    return [one.dataset.slot ?? one.id, one.textContent, direction, textAlign, left, right];
  })"""
DIRECTION = "(one) => getComputedStyle(one).direction"


def tell(visit: Visit, socket: FakeSocket, first: int, *told: Event) -> int:
    for seq, event in enumerate(told, first):
        socket.send(replace(event, timestamp=stamp(datetime.now(UTC))).frame(seq))
    last = first + len(told) - 1
    visit.wait(lambda: seen(visit.page) == last)
    return last + 1


def direction(page: Page, slot: str) -> Any:
    return page.locator(f'#entries [data-slot="{slot}"]').last.evaluate(DIRECTION)


@pytest.mark.parametrize(
    "text",
    [
        f"Create a task “{HEBREW}”",
        f"{HEBREW}: Create a task to write the docs",
        f"1. {ARABIC}\n2. one",
        "No word of it is from right to left",
    ],
)
def test_a_page_shows_live_what_it_shows_after_a_reload(visit: Visit, text: str) -> None:
    page = visit.live()
    visit.say(text)
    visit.wait_for("succeeded")
    title, name = page.locator("#title"), page.locator('.side [aria-current="page"] .name')
    visit.wait(lambda: name.text_content() == title.text_content())
    assert name.evaluate(DIRECTION) == title.evaluate(DIRECTION)
    page.locator('[data-slot="run-details"] > summary').last.click()
    live = page.evaluate(LAID_OUT)
    other = visit.open()
    other.goto(visit.address)
    other.locator('#connection[data-state="live"]').wait_for()
    assert live == other.evaluate(LAID_OUT)
    assert visit.shown() == visit.reloaded()


@pytest.mark.parametrize("text", [HEBREW, ARABIC, f"1. {HEBREW}", f"“{ARABIC}” (now)"])
def test_what_arrives_live_has_its_direction(visit: Visit, text: str) -> None:
    socket = FakeSocket(visit.page)
    page = visit.live()
    steps = [{"id": "s1", "description": text, "tool": "create_task"}]
    seq = tell(
        visit,
        socket,
        1,
        said(FIRST, text, 1),
        events.Run(FIRST, "running"),
        story_events.plan(FIRST, 1, steps, summary=f"{text}."),
    )
    for slot in ("said-content", "step-description"):
        assert direction(page, slot) == "rtl", slot
    # The first piece of an answer says nothing of its direction.
    seq = tell(visit, socket, seq, events.Token(FIRST, offset=0, text="1. "))
    assert direction(page, "run-text") == "ltr"
    seq = tell(visit, socket, seq, events.Token(FIRST, offset=3, text=text))
    assert direction(page, "run-text") == "rtl"
    html = f"<p>{text}</p><ul><li>{text}</li></ul><pre><code>a = 1</code></pre>"
    tell(visit, socket, seq, story_events.complete(FIRST, text, html, 10))
    assert direction(page, "run-html") == "rtl"
    assert page.locator(".prose pre").last.evaluate(DIRECTION) == "ltr"
    assert page.locator("#title").evaluate(DIRECTION) == "rtl"


def test_each_paragraph_of_an_answer_has_the_direction_of_its_text(visit: Visit) -> None:
    socket = FakeSocket(visit.page)
    page = visit.live()
    html = f"<p>In English:</p><p>{HEBREW}.</p><ul><li>{ARABIC}</li></ul>"
    tell(
        visit,
        socket,
        1,
        said(FIRST, "Hi", 1),
        events.Run(FIRST, "running"),
        story_events.complete(FIRST, "In English", html, 10),
    )
    edges = page.locator(".prose p").evaluate_all(
        """(all) => all.map((one) => {
          const range = document.createRange();
          range.selectNodeContents(one);
          const [box, text] = [one.getBoundingClientRect(), range.getBoundingClientRect()];
          return [text.left - box.left < 2, box.right - text.right < 2];
        })"""
    )
    assert edges == [[True, False], [False, True]]
    assert page.locator(".prose li").evaluate("(one) => getComputedStyle(one).textAlign") == "left"


def test_titles_and_fields_have_the_direction_of_their_text(visit: Visit) -> None:
    page = visit.live()
    visit.say(f"Create a task “{HEBREW}”")
    visit.wait_for("succeeded")
    field = page.locator("#message")
    for text, way in ((ARABIC, "rtl"), ("write", "ltr"), (f"1) {HEBREW}", "rtl")):
        field.fill(text)
        assert field.evaluate(DIRECTION) == way
    assert page.locator('[data-slot="task-title"]').first.evaluate(DIRECTION) == "rtl"
    page.locator(".task [data-open]").first.click()
    assert page.locator('.detail [name="title"]').evaluate(DIRECTION) == "rtl"
    description = page.locator('.detail [name="description"]')
    description.fill(HEBREW)
    assert description.evaluate(DIRECTION) == "rtl"


def test_a_project_has_the_direction_of_its_name(visit: Visit) -> None:
    page = visit.live()
    page.get_by_text("New project…").click()
    name = page.locator('.new-project [name="name"]')
    name.fill(HEBREW)
    assert name.evaluate(DIRECTION) == "rtl"
    page.get_by_role("button", name="Create project").click()
    link = page.get_by_role("link", name=HEBREW)
    link.wait_for()
    assert link.evaluate(DIRECTION) == "rtl"
    link.click()
    heading = page.get_by_role("heading", level=1)
    assert heading.inner_text() == HEBREW
    assert heading.evaluate(DIRECTION) == "rtl"
