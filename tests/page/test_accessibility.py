"""The pages for everybody: axe-core's rules in every main state, the keyboard, a screen reader's status."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.support.accessibility import PHONE, check, violations
from tests.support.browser import Visit
from tests.support.model_server import Gate, ModelServer, by_schema, chunk, events, held, said
from tests.support.server import ServerProcess
from tests.support.slow_plan import SlowPlan

pytestmark = pytest.mark.browser
axe = pytest.mark.axe

# Waits for all animations that end.
SLID_IN = """() => Promise.all(document.getAnimations()
  .filter((one) => one.effect.getComputedTiming().endTime < Infinity)
  .map((one) => one.finished))"""


@axe
def test_an_empty_session_and_its_commands_break_no_rule(visit: Visit) -> None:
    page = visit.live()
    check(page, "empty")
    page.locator("#message").press_sequentially("/")
    page.get_by_role("listbox", name="Commands").wait_for()
    check(page, "commands")


@axe
def test_an_error_page_breaks_no_rule(visit: Visit) -> None:
    visit.page.goto(f"{visit.url}/nowhere/")
    check(visit.page, "not found")
    visit.troubles.clear()  # Chromium tells of the status


@axe
def test_a_session_at_work_breaks_no_rule(visit: Visit) -> None:
    page = visit.live()
    numbers = range(1, 15)
    visit.say("I need: " + " ".join(f"{number}. part{number}" for number in numbers))
    visit.wait_for("succeeded")
    check(page, "done")
    page.locator('[data-slot="run-details"] > summary').click()
    check(page, "details open")
    visit.say(", ".join(f"delete task #{number}" for number in numbers))
    visit.wait_for("succeeded", "waiting")
    assert page.locator(".approval:visible .count").inner_text() == "14 changes"
    effects = page.locator(".effects:visible")
    effects.focus()
    page.keyboard.press("End")
    visit.wait(lambda: effects.evaluate("(list) => list.scrollTop > 0"))
    visit.say("What is open?")
    page.get_by_role("button", name="Send after this run").wait_for()
    check(page, "dialog")
    page.get_by_role("button", name="Send after this run").click()
    visit.wait_for("succeeded", "waiting", "queued")
    page.locator(".approval:visible").get_by_text("Reject…").click()
    check(page, "approval and queued")
    page.get_by_role("button", name="Stop").click()
    visit.wait_for("succeeded", "cancelled", "succeeded")
    check(page, "cancelled")


@axe
def test_a_draft_breaks_no_rule(
    browser: Browser, scripted_model: ModelServer, scripted_server: ServerProcess
) -> None:
    slow = scripted_model.handler = SlowPlan()
    slow.asked.open()
    slow.thought.open()
    visit = Visit(browser, scripted_server)
    page = visit.live()
    visit.say("Make two tasks")
    page.locator(".draft dd").wait_for()
    page.locator(".thoughts summary").click()
    check(page, "draft")
    slow.open()
    visit.context.close()


@axe
def test_the_panels_break_no_rule(visit: Visit) -> None:
    page = visit.live()
    visit.say("I need: 1. booking 2. invoices. We decided to use Django.")
    visit.wait_for("succeeded")
    visit.say("Create a subtask of the booking task: pay")
    visit.wait_for("succeeded", "succeeded")
    visit.say("Remember that we use PostgreSQL, and delete the invoices task")
    visit.wait_for(*["succeeded"] * 3)
    for find in ("#task-filter", "#memory-search"):
        page.locator(f"{find} > summary").click()
    check(page, "finding")
    for row in (".task", ".memory"):
        page.locator(f"{row} [data-open]").first.click()
        page.locator(f"{row} .detail").wait_for()
        for box in page.locator(".detail details > summary").all():
            box.click()
        check(page, f"a {row} open")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search").fill("booking")
    page.locator('.search [role="option"]').first.wait_for()
    check(page, "search")
    page.keyboard.press("Escape")
    page.set_viewport_size(PHONE)
    for drawer in ("Tasks and memory", "Projects and sessions"):
        page.get_by_role("button", name=drawer).click()
        page.evaluate(SLID_IN)
        assert violations(page) == [], drawer
        page.keyboard.press("Escape")


@axe
def test_a_run_while_it_works_and_a_failed_one_break_no_rule(
    browser: Browser, scripted_model: ModelServer, scripted_server: ServerProcess
) -> None:
    scripted_model.handler = by_schema(analysis=held(said({}), Gate()))
    visit = Visit(browser, scripted_server)
    page = visit.live()
    visit.say("Plan my app")
    line = page.locator('[data-slot="run-line"]')
    visit.wait(lambda: line.inner_text() == "Analyzing the request")
    check(page, "running")
    page.get_by_role("button", name="Stop").click()
    visit.wait_for("cancelled")
    analysis = {"intent": "question", "summary": "Asks", "needs_tools": False, "question": ""}
    cut_off = events([chunk("Half an ")], done=False, cut=True)
    handler = by_schema(analysis=said(analysis), memory=said({"notes": []}), answer=cut_off)
    scripted_model.handler = handler
    visit.say("Tell me")
    visit.wait_for("cancelled", "failed")
    check(page, "failed")
    waiting = visit.open()
    waiting.goto(f"{visit.url}/waiting/")
    assert waiting.get_by_role("heading", name="A run failed").is_visible()
    check(waiting, "waiting")
    waiting.close()
    page.get_by_role("link", name="Details of this run").last.click()
    page.wait_for_url("**/runs/*/")  # to the end of the page: all its folds are there
    for fold in page.locator("details").all():
        fold.evaluate("(one) => one.open = true")
    assert "connection was lost" in page.locator(".call .bad").inner_text()
    assert page.get_by_label("message", exact=True).last.inner_text() == "Tell me"
    check(page, "page of the run")
    visit.context.close()


@axe
@pytest.mark.own_server
def test_a_lost_line_a_viewer_and_the_other_pages_break_no_rule(
    browser: Browser, visit: Visit
) -> None:
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    carol = Visit(browser, visit.server, "carol")
    check(carol.live(), "viewer")
    carol.page.locator(".task [data-open]").click()
    carol.page.locator(".task .detail").wait_for()
    check(carol.page, "viewer, task open")
    carol.context.close()
    project, session = f"/projects/{visit.server.project}/", f"/sessions/{visit.server.session}/"
    addresses = (
        *(project, f"{project}?group=label", f"{project}delete/", f"{project}tasks/new/"),
        *(f"{project}memories/new/", f"{session}settings/", f"{session}delete/", "/tokens/"),
        *("/account/data/", "/waiting/", "/sessions/nowhere/"),
    )
    for address in addresses:
        other = visit.open()
        other.on("console", lambda _: None)
        other.goto(visit.server.url + address)
        check(other, address)
        other.close()
    visit.troubles.clear()  # the page that is not there is a trouble of its own
    visit.server.stop()
    page.locator("#lost").wait_for()
    check(page, "lost")


# -- by keyboard only ------------------------------------------------------------------------------


def tab_to(page: Page, name: str, *, back: bool = False) -> None:
    """Goes on with Tab until what is focused has this name, as a person with a keyboard does."""
    for _ in range(80):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if focused(page).startswith(name):
            return
    raise AssertionError(f"{name} is not reached; the focus is at {focused(page)}")


def focused(page: Page) -> str:
    name: str = page.evaluate(
        """() => {
          const one = document.activeElement;
          return one.getAttribute("aria-label") ?? one.labels?.[0]?.innerText ?? one.innerText ?? "";
        }"""
    )
    return name.strip()


RING = """() => {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
  return outlineStyle !== "none" && parseFloat(outlineWidth) >= 1;
}"""


def test_the_whole_job_is_done_by_keyboard_alone(visit: Visit) -> None:
    page = visit.live()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the conversation"
    page.keyboard.press("Enter")
    page.keyboard.type("I need: 1. booking 2. invoices")
    page.keyboard.press("Enter")
    visit.wait_for("succeeded")
    page.keyboard.type("Delete the booking task and delete the invoices task")
    page.keyboard.press("Enter")
    visit.wait_for("succeeded", "waiting")
    tab_to(page, "Approve", back=True)
    assert page.evaluate(RING)
    page.keyboard.press("Enter")
    visit.wait_for("succeeded", "succeeded")
    tab_to(page, "Undo")
    page.keyboard.press("Enter")
    visit.wait(lambda: page.locator(".task").count() == 2)
    tab_to(page, "Booking")
    page.keyboard.press("Enter")
    page.locator(".detail").wait_for()
    tab_to(page, "Title")
    assert page.evaluate(RING)
    page.keyboard.press("Escape")
    assert focused(page) == "Booking"


AT_HEAD = """(end) => document.activeElement.localName === "summary"
  && document.activeElement.closest("[data-run]").dataset.status === end"""


def test_after_a_decision_by_keyboard_the_focus_is_at_the_head_of_the_run(visit: Visit) -> None:
    page = visit.live()
    visit.say("I need: 1. booking 2. invoices")
    before = ["succeeded"]
    visit.wait_for(*before)
    for keys in (["Stop"], ["Reject…", "Reject"], ["Approve"]):
        visit.say("Delete the booking task and delete the invoices task")
        visit.wait_for(*before, "waiting")
        tab_to(page, keys[0], back=True)
        page.keyboard.press("Enter")
        for key in keys[1:]:
            tab_to(page, key)
            page.keyboard.press("Enter")
        before.append("succeeded" if "Approve" in keys else "cancelled")
        visit.wait_for(*before)
        assert page.evaluate(AT_HEAD, before[-1]), keys
        assert page.evaluate(RING)
    tab_to(page, "Retry", back=True)
    page.keyboard.press("Enter")
    visit.wait_for(*before, "waiting")
    assert page.evaluate(AT_HEAD, "cancelled")


def test_everything_that_is_reached_by_tab_shows_that_it_is(visit: Visit) -> None:
    page = visit.live()
    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    visit.live()
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        assert page.evaluate(RING), focused(page)
        seen.add(focused(page))
    assert {"Message", "Send", "Booking"} <= seen


# -- what a screen reader says ---------------------------------------------------------------------


def test_the_status_speaks_at_the_borders_of_phases_and_not_with_every_token(visit: Visit) -> None:
    page = visit.live()
    page.evaluate(
        """() => {
          window.told = [];
          new MutationObserver(() => window.told.push(document.getElementById("status").textContent))
            .observe(document.getElementById("status"), { childList: true, characterData: true });
        }"""
    )
    visit.say("I need: 1. booking 2. invoices 3. reminders 4. search 5. sign-up")
    visit.wait_for("succeeded")
    told = page.evaluate("told")
    assert told[-1].startswith("Done in")
    assert len(told) <= 10, told  # the eight phases, and the end
    assert page.locator("#log").get_attribute("aria-live") == "off"
    assert page.locator("#status").get_attribute("role") == "status"


# -- small screens, still pages --------------------------------------------------------------------

TOO_WIDE = """() => [...document.querySelectorAll("body *")]
  .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1
    && ["auto", "scroll"].includes(getComputedStyle(one).overflowX) && one.localName !== "pre")
  .map((one) => one.className)"""


def test_at_320_pixels_nothing_goes_sideways_and_a_thumb_reaches_the_drawers(
    browser: Browser, server: ServerProcess
) -> None:
    visit = Visit(browser, server, viewport={"width": 320, "height": 640}, has_touch=True)
    page = visit.live()
    visit.say("I need: 1. patient sign-up with email verification 2. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete the sign-up task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    for details in page.locator('[data-slot="run-details"]:not([open]) > summary').all():
        details.click()
    assert narrow(page)
    drawers = {"Projects and sessions": "#side", "Tasks and memory": "#aside"}
    for name, drawer in drawers.items():
        button = page.get_by_role("button", name=name)
        place = button.bounding_box()
        assert place is not None
        assert place["y"] > 500
        assert place["height"] >= 44
        button.click()
        page.locator(drawer).get_by_role("button", name="Close").wait_for()
        for row in page.locator(f"{drawer} .task").all():
            row.locator("[data-open]").click()
            row.locator(".detail").wait_for()
            assert narrow(page)
        assert narrow(page)
        page.locator(drawer).get_by_role("button", name="Close").click()
        page.locator(drawer).wait_for(state="hidden")
    # A page of 1400 x 900 pixels at 200 % and 400 %.
    for width, height, room in ((700, 450, 200), (350, 225, 150)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.locator("#log").evaluate("(log) => log.clientHeight") >= room
    # What has no room is reached by the wheel over the conversation.
    for height in (256, 200):
        page.set_viewport_size({"width": 320, "height": height})
        field = page.locator("#message")
        page.mouse.move(160, 100)
        visit.wait(lambda field=field: reached(page, field))  # type: ignore[misc]
    visit.context.close()


def reached(page: Page, field: Locator) -> bool:
    page.mouse.wheel(0, 400)
    box, size = field.bounding_box(), page.viewport_size
    return bool(box and size and box["y"] >= 0 and box["y"] + box["height"] <= size["height"])


def narrow(page: Page) -> bool:
    assert page.evaluate(TOO_WIDE) == []
    return bool(page.evaluate("document.documentElement.scrollWidth <= 320"))


def test_who_wants_no_motion_sees_none(
    browser: Browser, scripted_model: ModelServer, scripted_server: ServerProcess
) -> None:
    gate = Gate()
    scripted_model.handler = by_schema(analysis=held(said({}), gate))
    moving = {}
    for wish in ("no-preference", "reduce"):
        visit = Visit(browser, scripted_server, reduced_motion=wish)
        page = visit.live()
        visit.say("Plan my app")
        visit.wait(lambda page=page: page.locator('[data-state="running"]').count() > 0)  # type: ignore[misc]
        moving[wish] = page.evaluate("document.getAnimations().length")
        visit.context.close()
    gate.open()
    assert moving["no-preference"] > 0
    assert moving["reduce"] == 0
