"""The view of the transcript, in Chromium: it follows the end while it is there, and stays otherwise."""

from __future__ import annotations

import pytest

from tests.support.browser import Visit

pytestmark = pytest.mark.browser

AT_END = """() => {
  const { scrollHeight, scrollTop, clientHeight } = document.getElementById("log");
  return scrollHeight - scrollTop - clientHeight < 60;
}"""


def test_the_end_is_followed_only_while_one_is_there(visit: Visit) -> None:
    page = visit.live()
    page.set_viewport_size({"width": 900, "height": 420})
    for number in range(1, 5):
        visit.say(f"Create a task to write chapter {number}")
        visit.wait_for(*["succeeded"] * number)
        visit.wait(lambda: bool(page.evaluate(AT_END)))
        visit.wait(page.locator("#latest").is_hidden)
    visit.say("Delete the chapter 1 task and delete the chapter 2 task")
    visit.wait_for(*["succeeded"] * 4, "waiting")
    visit.wait(lambda: bool(page.evaluate(AT_END)))
    page.evaluate("document.getElementById('log').scrollTop = 0")
    page.locator("#latest").wait_for()
    page.get_by_role("button", name="Approve").evaluate("(button) => button.click()")
    visit.wait_for(*["succeeded"] * 5)
    assert page.evaluate("document.getElementById('log').scrollTop") == 0
    page.locator("#latest").click()
    visit.wait(lambda: bool(page.evaluate(AT_END)))
    visit.wait(page.locator("#latest").is_hidden)


# Until the events of a scrolling, and of what it causes, have come.
SETTLED = """async () => {
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
}"""

# In the first case after a frame's layout, in the second within it; before the event of the scrolling.
SHRINK_AND_GROW = """(laterTask) => new Promise((done) => {
  const log = document.getElementById("log");
  const filler = document.createElement("div");
  filler.style.height = "900px";
  const grow = () => log.lastElementChild.append(filler);
  grow();
  requestAnimationFrame(() => requestAnimationFrame(async () => {
    filler.remove();
    if (laterTask) await new Promise(setTimeout);
    else await null;
    void log.scrollHeight;
    grow();
    done();
  }));
})"""


# The event of the scrolling comes after the change of size.
SCROLL_AND_SHRINK = """() => new Promise((done) => {
  const log = document.getElementById("log");
  const filler = document.createElement("div");
  filler.style.height = "1800px";
  log.lastElementChild.append(filler);
  requestAnimationFrame(() => requestAnimationFrame(() => {
    log.scrollTop = 0;
    filler.style.height = "900px";
    filler.append("shorter");
    done();
  }));
})"""


def test_a_person_who_scrolls_while_the_transcript_shrinks_stays_there(visit: Visit) -> None:
    page = visit.live()
    page.evaluate(SCROLL_AND_SHRINK)
    page.evaluate(SETTLED)
    page.locator("#latest").wait_for()
    assert page.evaluate("document.getElementById('log').scrollTop") == 0


@pytest.mark.parametrize("later_task", [True, False])
def test_changes_of_size_are_not_taken_for_a_person_who_scrolls(
    visit: Visit, later_task: bool
) -> None:
    page = visit.live()
    page.evaluate(SHRINK_AND_GROW, later_task)
    page.evaluate(SETTLED)
    visit.wait(lambda: bool(page.evaluate(AT_END)))
    assert page.locator("#latest").is_hidden()


# What is below the transcript gives its room up, the page is laid out, and the transcript grows.
WIDEN_AND_GROW = """() => new Promise((done) => {
  const log = document.getElementById("log");
  const below = document.createElement("div");
  below.style.height = "200px";
  below.style.flex = "none";
  const filler = document.createElement("div");
  filler.style.height = "1800px";
  log.lastElementChild.append(filler);
  log.after(below);
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const before = log.clientHeight;
    below.remove();
    const wider = log.clientHeight - before;
    filler.style.height = "2700px";
    done(wider);
  }));
})"""


def test_a_transcript_that_gets_more_room_is_not_taken_for_a_person_who_scrolls(
    visit: Visit,
) -> None:
    page = visit.live()
    assert page.evaluate(WIDEN_AND_GROW) > 100
    page.evaluate(SETTLED)
    visit.wait(lambda: bool(page.evaluate(AT_END)))
    assert page.locator("#latest").is_hidden()
