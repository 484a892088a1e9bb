"""A message that is sent into a run from the page, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.browser import Visit
from tests.support.model_server import ModelServer
from tests.support.server import ServerProcess
from tests.support.slow_plan import SlowPlan

pytestmark = pytest.mark.browser

MORE = "Sign-in can wait.\nStart with the sign-up."


@dataclass(frozen=True)
class Steered:
    visit: Visit
    slow: SlowPlan

    def check_reload(self) -> None:
        """A page that is opened now shows the same."""
        self.visit.wait(lambda: self.visit.shown() == self.visit.reloaded())


@pytest.fixture
def server(scripted_server: ServerProcess) -> ServerProcess:
    return scripted_server


@pytest.fixture
def steered(visit: Visit, scripted_model: ModelServer) -> Iterator[Steered]:
    """A run whose plan is being written."""
    slow = scripted_model.handler = SlowPlan()
    visit.live()
    visit.say("Make two tasks")
    visit.page.locator(".draft").wait_for()
    yield Steered(visit, slow)
    slow.open()


def test_a_message_is_sent_into_the_run_and_shown_there_with_what_becomes_of_it(
    steered: Steered,
) -> None:
    visit, page = steered.visit, steered.visit.page
    page.locator("#message").fill(MORE)
    page.locator("#message").press("Control+Enter")
    note = page.locator('.steering [data-slot="steered-note"]')
    note.wait_for()
    assert note.inner_text() == "Taken into this run. The plan changes after the running steps."
    assert page.locator('[data-slot="steered-content"]').inner_text() == MORE
    assert page.locator("#outbox > *").count() == 0
    assert page.locator("#message").input_value() == ""
    steered.check_reload()

    steered.slow.open()
    visit.wait_for("succeeded")
    assert note.inner_text() == "Taken up. The rest of the plan stays as it was."
    assert page.locator("#send-into").is_hidden()
    assert page.locator(".exchange").count() == 1
    steered.check_reload()


def test_the_choice_is_there_while_a_run_can_still_change_its_plan_and_reached_by_key(
    steered: Steered,
) -> None:
    visit, page = steered.visit, steered.visit.page
    send, into = page.locator("#send"), page.locator("#send-into")
    assert send.inner_text() == "Send next"
    page.locator("#message").fill("And a task for the docs")
    page.locator("#message").press("Tab")
    page.keyboard.press("Tab")
    assert into.evaluate("(one) => one === document.activeElement")
    send.click()
    visit.wait_for("running", "queued")  # as without the choice

    page.locator("#message").fill(MORE)
    into.click()
    page.locator(".steering li").wait_for()
    assert page.locator(".exchange").first.locator(".steering li").count() == 1
    steered.slow.open()
    visit.wait_for("succeeded", "succeeded")
    assert send.inner_text() == "Send"
    assert into.is_hidden()


def test_what_was_not_taken_up_before_the_end_is_shown_as_the_next_message(
    steered: Steered,
) -> None:
    visit, page = steered.visit, steered.visit.page
    page.locator("#message").fill(MORE)
    page.locator("#send-into").click()
    page.locator(".steering li").wait_for()
    page.get_by_role("button", name="Stop").first.click()
    steered.slow.open()
    visit.wait_for("cancelled", "succeeded")
    assert page.locator(".steering li").count() == 0
    said = page.locator(".exchange").last.locator('[data-slot="said"]')
    assert "Came too late for the earlier run" in said.inner_text()
    steered.check_reload()
