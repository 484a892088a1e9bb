"""The session page in Chromium, with a real server: what a person sees while it happens."""

from __future__ import annotations

import contextlib
import signal
import sqlite3

import pytest
from playwright.sync_api import Browser

from agent.event_log.phases import Phase
from tests.support.browser import Visit
from tests.support.conversation import MESSAGES
from tests.support.model_server import (
    Gate,
    ModelServer,
    by_schema,
    chunk,
    events,
    held,
    said,
    stream,
)
from tests.support.server import ServerProcess

pytestmark = pytest.mark.browser


def test_a_conversation_is_seen_live_and_a_reload_shows_the_same(visit: Visit) -> None:
    page = visit.live()
    for number, text in enumerate(MESSAGES, 1):
        visit.say(text)
        visit.wait_for(*["succeeded"] * number)
        assert page.locator("#outbox > *").count() == 0
        visit.wait(lambda: visit.shown() == visit.reloaded())
    titles = page.locator('[data-slot="task-title"]').all_inner_texts()
    assert len(titles) == 4
    assert any("login flow" in title for title in titles)
    assert not any("SMS" in title for title in titles)
    assert page.locator(".memory").count() == 3
    assert "Django" in page.locator(".exchange").nth(2).locator(".prose").last.inner_text()
    assert page.locator("h1").inner_text().startswith("We're building")


def test_every_phase_is_one_line_with_time_and_duration(visit: Visit) -> None:
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    visit.wait(lambda: page.locator('[data-slot="run-details"][open]').count() == 0)
    page.locator('[data-slot="run-details"] > summary').click()
    lines = page.locator(".phases > li")
    keys = lines.evaluate_all("(all) => all.map((one) => one.dataset.key)")
    assert sorted(keys) == sorted(Phase)
    assert lines.evaluate_all("(all) => all.every((one) => one.dataset.state === 'finished')")
    assert page.locator(".plan > li").count() == 1
    for part in ("phase-at", "phase-took"):
        texts = page.locator(f'[data-slot="{part}"]').all_text_contents()
        assert all(text.strip() for text in texts)


def test_the_message_is_there_at_once_and_never_twice(visit: Visit) -> None:
    page = visit.live()
    visit.server.process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]  # it was started
    try:
        visit.say("Create a task to write the docs")
        bubble = page.locator("#outbox .said")
        bubble.wait_for()
        assert "write the docs" in bubble.inner_text()
        assert page.locator("textarea").first.input_value() == ""
    finally:
        visit.server.process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]  # likewise
    visit.wait_for("succeeded")
    assert page.locator(".said p").all_inner_texts() == ["Create a task to write the docs"]


@pytest.mark.own_server
def test_after_a_restart_of_the_server_the_page_goes_on_at_its_place(visit: Visit) -> None:
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    visit.server.stop(signal.SIGKILL)
    page.locator('#connection:not([data-state="live"])').wait_for()
    visit.say("Create a task to read the docs")  # kept until there is somebody to take it
    assert page.locator("#outbox .said").count() == 1
    visit.server.start()
    visit.wait_for("succeeded", "succeeded")
    assert page.locator("#outbox .said").count() == 0
    assert visit.shown() == visit.reloaded()
    assert len(visit.server.rows("SELECT 1 FROM agent_message WHERE role = 'user'")) == 2


@pytest.mark.own_server
def test_after_a_restore_from_a_copy_the_page_shows_what_is_there(visit: Visit) -> None:
    page, server = visit.live(), visit.server
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    with (
        contextlib.closing(sqlite3.connect(server.var / "db.sqlite3")) as source,
        contextlib.closing(sqlite3.connect(server.var / "copy.sqlite3")) as copy,
    ):
        source.backup(copy)
    visit.say("Create a task to read the docs")
    visit.wait_for("succeeded", "succeeded")
    server.stop(signal.SIGKILL)
    for rest in server.var.glob("db.sqlite3-*"):
        rest.unlink()
    (server.var / "copy.sqlite3").rename(server.var / "db.sqlite3")
    with page.expect_navigation():  # its cursor is beyond the log's end: it starts from the state
        server.start()
    visit.wait_for("succeeded")
    page.locator('#connection[data-state="live"]').wait_for()
    assert page.locator('[data-slot="task-title"]').all_inner_texts() == ["Write the docs"]
    assert visit.shown() == visit.reloaded()
    visit.say("Create a task to read the docs")
    visit.wait_for("succeeded", "succeeded")
    # Where the server was away for long, a stream is told of the cursor by a status, of which Chromium tells.
    gone = "Failed to load resource: the server responded with a status of 410 (Gone)"
    visit.troubles[:] = [one for one in visit.troubles if one != gone]


@pytest.mark.own_server
def test_an_unsent_message_survives_a_reload(visit: Visit) -> None:
    page = visit.live()
    visit.server.stop(signal.SIGKILL)
    page.locator('#connection:not([data-state="live"])').wait_for()
    visit.say("Create a task to write the docs")
    visit.server.start()
    page.reload()
    visit.wait_for("succeeded")
    assert page.locator(".said p").all_inner_texts() == ["Create a task to write the docs"]


def test_shift_enter_makes_a_line_and_the_field_grows(visit: Visit) -> None:
    page = visit.live()
    field = page.locator("textarea").first
    field.fill("one")
    low = field.bounding_box()
    for word in ("two", "three", "four"):
        page.keyboard.press("Shift+Enter")
        page.keyboard.type(word)
    high = field.bounding_box()
    assert low is not None
    assert high is not None
    assert high["height"] > low["height"] + 40
    assert field.input_value() == "one\ntwo\nthree\nfour"
    assert page.locator(".exchange, #outbox > *").count() == 0


def test_a_refused_message_is_told_and_comes_back_into_the_field(visit: Visit) -> None:
    page = visit.live()
    page.locator("textarea").first.fill("half \0 a thought")
    page.keyboard.press("Enter")
    alert = page.locator("#alert")
    alert.wait_for()
    assert alert.inner_text() == "The request contains characters that are not text."
    assert page.locator("textarea").first.input_value() == "half \0 a thought"
    assert page.locator("#outbox > *").count() == 0


def test_a_plan_that_deletes_much_waits_and_goes_on_by_a_click(visit: Visit) -> None:
    page = visit.live()
    visit.say("I need: 1. booking 2. reminders 3. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    assert visit.shown() == visit.reloaded()
    assert page.locator(".task").count() == 3
    page.get_by_role("button", name="Approve").click()
    visit.wait_for("succeeded", "succeeded")
    assert page.locator(".task").count() == 1
    visit.wait(lambda: visit.shown() == visit.reloaded())


def test_a_rejected_plan_is_made_anew_with_the_reason(visit: Visit) -> None:
    page = visit.live()
    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    page.locator(".approval:visible").get_by_text("Reject…").click()
    reason = page.locator(".approval:visible").get_by_label("What should change?")
    reason.press("Enter")  # says nothing, and does nothing
    reason.fill("Delete the booking task")
    reason.press("Enter")
    visit.wait_for("succeeded", "succeeded")
    assert page.locator('[data-slot="task-title"]').all_inner_texts() == ["Invoices"]
    visit.wait(lambda: visit.shown() == visit.reloaded())


def test_a_waiting_plan_is_stopped_and_says_by_whom(visit: Visit) -> None:
    page = visit.live()
    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    page.get_by_role("button", name="Stop").click()
    visit.wait_for("succeeded", "cancelled")
    assert "Cancelled by alice" in page.locator('[data-slot="run-line"]').last.inner_text()
    assert page.locator(".approval:visible").count() == 0
    assert visit.shown() == visit.reloaded()


def test_while_the_model_thinks_the_page_says_so_and_can_stop_it(
    browser: Browser, scripted_model: ModelServer, scripted_server: ServerProcess
) -> None:
    scripted_model.handler = by_schema(analysis=held(said({}), Gate()))
    visit = Visit(browser, scripted_server)
    page = visit.live()
    visit.say("Plan my app")
    line = page.locator('[data-slot="run-line"]')
    visit.wait(lambda: line.inner_text() == "Analyzing the request")
    running = page.locator('.phases > li[data-state="running"]')
    assert running.evaluate_all("(all) => all.map((one) => one.dataset.key)") == ["analyzing"]
    visit.wait(lambda: running.locator('[data-slot="phase-clock"]').inner_text() != "")
    assert page.locator("#status").inner_text() == "Analyzing the request"
    visit.wait(
        lambda: visit.shown() == visit.reloaded()
    )  # a draft counts the tokens a moment later
    page.get_by_role("button", name="Stop").click()
    visit.wait_for("cancelled")
    assert line.inner_text() == "Cancelled by alice"
    assert visit.shown() == visit.reloaded()
    visit.context.close()
    assert visit.troubles == []


def test_a_failed_run_is_tried_again_from_where_it_failed(
    browser: Browser, scripted_model: ModelServer, scripted_server: ServerProcess
) -> None:
    cut_off = events([chunk("Half an ")], done=False, cut=True)
    answers = iter([cut_off, stream("A whole answer.")])
    analysis = {"intent": "question", "summary": "Asks", "needs_tools": False, "question": ""}
    handler = by_schema(
        analysis=said(analysis), memory=said({"notes": []}), answer=lambda _: next(answers)
    )
    scripted_model.handler = handler
    visit = Visit(browser, scripted_server)
    page = visit.live()
    visit.say("Tell me")
    visit.wait_for("failed")
    assert page.get_by_text("Half an", exact=True).is_visible()
    assert page.locator('.run .phases [data-state="failed"]').first.is_visible()
    assert "Failed: " in page.locator('[data-slot="run-line"]').inner_text()
    page.get_by_role("button", name="Retry from where it stopped").click()
    visit.wait_for("failed", "succeeded")
    assert page.get_by_text("A whole answer.").is_visible()
    assert page.get_by_role("button", name="Retry from where it stopped").count() == 0
    assert [request.asked for request in scripted_model.requests].count("analysis") == 1
    visit.wait(lambda: visit.shown() == visit.reloaded())
    visit.context.close()
    assert visit.troubles == []


def test_a_message_behind_another_says_its_place_and_can_be_withdrawn(visit: Visit) -> None:
    page = visit.live()
    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    visit.say("What is open?")
    page.get_by_role("button", name="Send after this run").click()
    visit.wait_for("succeeded", "waiting", "queued")
    assert page.locator('[data-slot="run-line"]').last.inner_text() == "Queued (1 ahead)"
    page.get_by_role("button", name="Remove from queue").click()
    visit.wait_for("succeeded", "waiting", "cancelled")


def test_undo_takes_a_change_back_where_everybody_sees_it(visit: Visit) -> None:
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    page.locator('[data-slot="run-undo"]').click()
    page.locator(".note").wait_for()
    assert "Deleted task" in page.locator(".note").inner_text()
    assert page.locator(".task").count() == 0
    assert page.locator('[data-slot="run-undo"]:visible').count() == 0
    assert visit.shown() == visit.reloaded()


def test_another_sessions_change_reaches_the_panels(visit: Visit) -> None:
    page = visit.live()
    other = visit.open()
    other.goto(f"{visit.server.url}/sessions/{visit.server.other_session}/")
    other.locator('#connection[data-state="live"]').wait_for()
    other.locator("textarea").first.fill("Create a task to write the docs")
    other.keyboard.press("Enter")
    page.locator(".task").wait_for()
    assert page.locator(".exchange").count() == 0


def test_signing_out_elsewhere_ends_the_connection_for_good(visit: Visit) -> None:
    page = visit.live()
    other = visit.open()
    other.goto(visit.address)
    other.get_by_role("button", name="Sign out").click()
    page.locator('#connection[data-state="signed-out"]').wait_for()
    assert page.get_by_role("link", name="Sign in").is_visible()


def test_an_example_fills_the_field(visit: Visit) -> None:
    page = visit.live()
    page.locator("[data-example]").last.click()
    assert page.locator("textarea").first.input_value() == "What is open?"


def test_a_title_in_a_question_back_is_clicked_also_after_a_reload(visit: Visit) -> None:
    page = visit.live()
    visit.say("Tasks: Login page, Test the login")
    visit.wait_for("succeeded")
    visit.say("Mark the login task as done")
    visit.wait_for("succeeded", "succeeded")
    page.reload()
    page.locator(".prose").get_by_role("link", name="Test the login").click()
    assert page.locator("#message").input_value() == "Test the login"
    page.locator("#message").press("Enter")
    visit.wait_for("succeeded", "succeeded", "succeeded")
    done = page.locator('[data-status="completed"] [data-slot="task-title"]')
    assert done.all_inner_texts() == ["Test the login"]


def test_on_a_phone_nothing_is_cut_off_and_the_panels_open(
    browser: Browser, server: ServerProcess
) -> None:
    visit = Visit(browser, server, viewport={"width": 390, "height": 844})
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Tasks and memory").click()
    page.locator(".task").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Projects and sessions").click()
    page.get_by_role("link", name="Clinic booking").wait_for()
    visit.context.close()
    assert visit.troubles == []


def test_a_switch_in_the_browser_logs_every_frame_to_its_console(visit: Visit) -> None:
    page, told = visit.live(), []
    page.on("console", lambda one: told.append(one.text))
    visit.say("What is open?")
    visit.wait_for("succeeded")
    assert told == []
    page.evaluate("localStorage.setItem('samurai.debug', '1')")
    page.reload()
    page.locator('#connection[data-state="live"]').wait_for()
    visit.say("What is open?")
    visit.wait_for("succeeded", "succeeded")
    assert all(text.startswith("samurai") for text in told)
    assert len(told) > 18


def test_without_a_script_everything_can_be_read(browser: Browser, visit: Visit) -> None:
    visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    plain = Visit(browser, visit.server, java_script_enabled=False)
    page = plain.go()
    assert "Create a task to write the docs" in page.inner_text(".said")
    assert page.locator(".prose:visible").count() == 1
    assert page.locator(".task").count() == 1
    page.locator('[data-slot="run-details"] > summary').click()
    assert page.locator(".phases > li").count() == 8
    plain.context.close()


def test_a_viewer_watches_live(browser: Browser, visit: Visit) -> None:
    visit.live()
    carol = Visit(browser, visit.server, "carol")
    carol.live()
    visit.say("Create a task to write the docs")
    carol.wait_for("succeeded")
    assert carol.page.locator("textarea").count() == 0
    assert carol.shown() == carol.reloaded()
    carol.context.close()
    assert carol.troubles == []
