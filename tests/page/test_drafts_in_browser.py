"""What the page shows while a model writes the plan, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.browser import Visit
from tests.support.model_server import ModelServer
from tests.support.server import ServerProcess
from tests.support.slow_plan import STEPS, THOUGHT, SlowPlan

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Watched:
    visit: Visit
    slow: SlowPlan

    def wait_for(self, text: str) -> None:
        """Waits until the draft has `text`, also in what is folded."""
        draft = self.visit.page.locator(".draft")
        self.visit.wait(lambda: draft.count() == 1 and text in (draft.text_content() or ""))

    def check_reload(self) -> None:
        """A page that is opened now shows the same. Tokens are counted a moment later than they come."""
        self.visit.wait(lambda: self.visit.shown() == self.visit.reloaded())


@pytest.fixture
def server(scripted_server: ServerProcess) -> ServerProcess:
    return scripted_server


@pytest.fixture
def watched(visit: Visit, scripted_model: ModelServer) -> Iterator[Watched]:
    slow = scripted_model.handler = SlowPlan()
    yield Watched(visit, slow)
    slow.open()


def test_the_page_shows_what_is_awaited_thought_and_written_and_then_the_plan_only(
    watched: Watched,
) -> None:
    visit, slow = watched.visit, watched.slow
    page = visit.live()
    visit.say("Make two tasks")
    watched.wait_for("Waiting for slow-model")
    draft = page.locator(".draft")
    assert "tokens sent" in draft.inner_text()
    assert "Draft" not in draft.inner_text()
    assert draft.locator(".thoughts").is_hidden()
    watched.check_reload()

    slow.asked.open()
    watched.wait_for(THOUGHT)
    assert draft.locator("[data-slot=draft-title]").inner_text() == "Thinking"
    assert draft.get_by_text(THOUGHT).is_hidden()  # folded
    draft.locator(".thoughts summary").click()
    assert draft.get_by_text(THOUGHT).is_visible()
    draft.locator(".thoughts summary").click()
    watched.check_reload()

    slow.thought.open()
    watched.wait_for(STEPS[0]["description"])
    assert draft.locator("[data-slot=draft-flag]").inner_text() == "Draft"
    assert draft.locator("[data-slot=draft-summary]").inner_text() == "Two tasks"
    assert draft.locator("[data-slot=draft-title]").inner_text().startswith("Thought for")
    assert draft.locator("li").count() == 1
    assert draft.locator("dd").inner_text() == "Sign-up"
    watched.check_reload()

    slow.half.open()
    visit.wait_for("succeeded")
    assert page.locator(".draft").count() == 0
    page.locator('[data-slot="run-details"] > summary').click()
    assert page.locator(".plan > li").count() == 2
    assert THOUGHT not in (page.locator("#entries").text_content() or "")
    watched.check_reload()


def test_a_draft_is_text_and_never_html(watched: Watched) -> None:
    visit, slow = watched.visit, watched.slow
    slow.asked.open()
    slow.thought.open()
    visit.live()
    visit.say("Make two tasks")
    watched.wait_for("<b>now</b>")
    draft = visit.page.locator(".draft")
    assert THOUGHT in (draft.text_content() or "")  # which has a tag
    assert (
        draft.locator("[data-slot=draft-description] *, [data-slot=draft-thoughts] *").count() == 0
    )


def test_only_what_is_awaited_is_announced(watched: Watched) -> None:
    visit, slow = watched.visit, watched.slow
    page = visit.live()
    visit.say("Make two tasks")
    watched.wait_for("Waiting for slow-model")
    spoken = page.locator(".draft [aria-live=polite]")
    assert spoken.inner_text() == "Waiting for slow-model"
    slow.asked.open()
    slow.thought.open()
    watched.wait_for("Two tasks")
    assert spoken.inner_text() == "slow-model is writing the plan"
    assert spoken.count() == 1


def test_a_cancelled_run_shows_no_draft(watched: Watched) -> None:
    visit, slow = watched.visit, watched.slow
    slow.asked.open()
    slow.thought.open()
    page = visit.live()
    visit.say("Make two tasks")
    watched.wait_for("Two tasks")
    page.get_by_role("button", name="Stop").click()
    visit.wait_for("cancelled")
    assert page.locator(".draft").count() == 0
    watched.check_reload()
