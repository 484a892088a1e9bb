"""The main job as a screen reader tells it: Guidepup's virtual one, in Chromium."""

from __future__ import annotations

import pytest

from tests.support.browser import Visit
from tests.support.services import screen_reader_path

pytestmark = [pytest.mark.browser, pytest.mark.screen_reader, pytest.mark.own_context]

START = """async (address) => {
  window.reader = (await import(address)).virtual;
  await reader.start({ container: document.querySelector("main") });
}"""
# Reads on until something begins like this, and activates it. Returns what was read.
FIND_AND_ACT = """async (wanted) => {
  const read = [];
  while (read.length < 2000) {
    await reader.next();
    read.push(await reader.lastSpokenPhrase());
    if (read.at(-1).startsWith(wanted)) {
      await reader.act();
      break;
    }
  }
  return read;
}"""


def test_a_screen_reader_tells_what_waits_approves_it_and_hears_the_end(visit: Visit) -> None:
    page = visit.live()
    script = screen_reader_path()
    assert script is not None
    address = f"{visit.url}/static/reader.js"
    page.route(address, lambda route: route.fulfill(path=script, content_type="text/javascript"))
    page.evaluate(START, address)
    visit.say("I need: 1. booking 2. reminders 3. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    waits = "polite: Waiting for your approval: deletes 2 tasks"
    visit.wait(lambda: page.evaluate("reader.lastSpokenPhrase()") == waits)
    assert page.evaluate("reader.spokenPhraseLog()").count(waits) == 1
    read = page.evaluate(FIND_AND_ACT, "button, Approve")
    asked = read[read.index("region, Plan approval") :]
    for phrase in ("Approve this plan?", "2 changes", "Delete task #1 “Booking”"):
        assert phrase in asked
    visit.wait_for("succeeded", "succeeded")
    visit.wait(lambda: "polite: Done in " in page.evaluate("reader.lastSpokenPhrase()"))
    page.evaluate("reader.stop()")
