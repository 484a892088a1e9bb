"""A step that composes, in Chromium: its draft, its value, and the arguments that a person approves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.browser import Visit
from tests.support.model_server import ModelServer
from tests.support.server import ServerProcess
from tests.support.slow_composition import VALUE, SlowComposition

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Watched:
    visit: Visit
    slow: SlowComposition

    def check_reload(self) -> None:
        self.visit.wait(lambda: self.visit.shown() == self.visit.reloaded())


@pytest.fixture
def server(scripted_server: ServerProcess) -> ServerProcess:
    return scripted_server


@pytest.fixture
def watched(visit: Visit, scripted_model: ModelServer) -> Iterator[Watched]:
    slow = scripted_model.handler = SlowComposition()
    yield Watched(visit, slow)
    slow.half.open()


def test_a_composed_value_is_seen_while_it_is_written_and_again_before_it_leaves_the_project(
    watched: Watched,
) -> None:
    visit = watched.visit
    page = visit.live()
    visit.say("Make a project “Copy” that describes this one")
    draft = page.locator(".draft")
    visit.wait(lambda: draft.count() == 1 and "book online" in (draft.text_content() or ""))
    assert draft.locator("[data-slot=draft-flag]").inner_text() == "Draft"
    assert "composing a value" in draft.inner_text()
    watched.check_reload()

    watched.slow.half.open()
    visit.wait_for("waiting")
    assert page.locator(".draft").count() == 0
    shown = page.locator(".effect:visible [data-slot=field-new]").all_text_contents()
    assert shown == ["Copy", VALUE]
    step = page.locator(".plan > li").nth(1)
    assert step.get_attribute("data-status") == "succeeded"
    assert step.get_by_text("new team").is_hidden()  # folded
    step.locator("summary").first.click()
    assert step.locator("[data-slot=step-tool]").inner_text() == "compose"
    assert step.get_by_text("for a new team").is_visible()
    assert VALUE in step.locator("[data-slot=step-returned]").text_content()
    assert step.locator("[data-slot=step-returned] b").count() == 0  # text, and never HTML
    step.locator("summary").first.click()
    watched.check_reload()

    page.get_by_role("button", name="Approve").click()
    visit.wait_for("succeeded")
    watched.check_reload()


def test_the_editor_shows_what_a_composition_is_asked_for(watched: Watched) -> None:
    visit = watched.visit
    watched.slow.half.open()
    page = visit.live()
    visit.say("Make a project “Copy” that describes this one")
    visit.wait_for("waiting")
    page.get_by_role("button", name="Edit…").click()
    row = page.locator(".editor-step").nth(1)
    row.locator(".unfold").click()
    assert row.locator("[data-slot=edit-tool]").inner_text() == "compose"
    assert row.get_by_label("instruction").input_value().startswith("Describe the project")
    assert "tasks of step 1" in row.inner_text()
    last = page.locator(".editor-step").nth(2)
    last.locator(".unfold").click()
    last.get_by_label("description", exact=False).last.fill("In my words")
    page.get_by_role("button", name="Save changes").click()
    visit.wait(lambda: "In my words" in page.locator(".effects:visible").inner_text())
    page.get_by_role("button", name="Approve").click()
    visit.wait_for("succeeded")
