"""Tools of another package on the page, in Chromium: their sub-steps, and their switches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from tests.support.accessibility import check
from tests.support.browser import Visit
from tests.support.example_app import AS_APP, Board, opened_board, planning, step
from tests.support.model_server import ModelServer
from tests.support.server import ServerProcess
from tests.support.shared_server import SharedServer, begun
from tests.support.slow_plan import settings_of

pytestmark = pytest.mark.browser


@dataclass
class Publishing:
    """A person at the page of a server that has the example package."""

    visit: Visit
    board: Board


@pytest.fixture
def server(
    scripted_model: ModelServer, share_server: Callable[..., SharedServer]
) -> Iterator[ServerProcess]:
    with begun(share_server(**settings_of(scripted_model), **AS_APP)) as server:
        yield server


@pytest.fixture
def publishing(visit: Visit, scripted_model: ModelServer) -> Iterator[Publishing]:
    with opened_board() as board:
        tasks = [{"title": title} for title in ("Login", "Slots", "Booking <b>")]
        scripted_model.handler = planning(
            {
                "Create": [step("s1", "create_tasks", tasks=tasks)],
                "Publish": [step("s1", "publish_tasks", url=board.url)],
            }
        )
        yield Publishing(visit, board)


def test_sub_steps_below_a_step_are_the_same_live_and_after_a_reload(
    publishing: Publishing,
) -> None:
    visit, board = publishing.visit, publishing.board
    page = visit.live()
    visit.say("Create three tasks")
    visit.wait_for("succeeded")
    board.gate.clear()
    visit.say("Publish the tasks")
    visit.wait_for("succeeded", "waiting")
    page.get_by_role("button", name="Approve").last.click()
    part = page.locator('.plan .parts li[data-state="running"]')
    expect(part.locator('[data-slot="part-details"]')).to_have_text("1 of 3 tasks")
    expect(part.locator('[data-slot="part-message"]')).to_have_text("Publishing tasks")
    expect(part.locator('[data-slot="part-sign"]')).to_have_text("📮")
    assert part.get_attribute("data-color") == "phase-completion"
    expect(part.locator(".clock")).to_have_text(re.compile(r"^([2-9]|\d\d) s$"))
    # Somebody else opens the page now.
    other = visit.open()
    other.goto(page.url)
    late = other.locator('.plan .parts li[data-state="running"]')
    expect(late.locator('[data-slot="part-details"]')).to_have_text("1 of 3 tasks")
    board.gate.set()
    visit.wait_for("succeeded", "succeeded")
    page.locator('[data-slot="run-details"] > summary').last.click()
    done = page.locator('.plan .parts li[data-state="finished"]').last
    expect(done.locator('[data-slot="part-details"]')).to_have_text("3 of 3 tasks")
    assert visit.reloaded() == visit.shown()
    expect(other.locator('.exchange[data-status="succeeded"]')).to_have_count(2)
    other.locator('[data-slot="run-details"] > summary').last.click()
    expect(other.locator('.parts [data-slot="part-details"]').last).to_have_text("3 of 3 tasks")


def test_an_edited_plan_is_not_offered_a_tool_that_is_switched_off(publishing: Publishing) -> None:
    visit = publishing.visit
    visit.server.change(
        "INSERT INTO agent_switchedofftool (project_id, tool, created_at) VALUES "
        f"('{visit.server.project.replace('-', '')}', 'delete_task', '2026-01-01')"
    )
    page = visit.live()
    visit.say("Publish the tasks")
    visit.wait_for("waiting")
    page.get_by_role("button", name="Edit…").click()
    select = page.locator('[data-slot="editor-tool"]')
    expect(select.locator('option[value="publish_tasks"]')).to_be_attached()
    expect(select.locator('option[value="delete_task"]')).not_to_be_attached()


@pytest.mark.axe
def test_the_owner_switches_a_tool_with_the_keyboard(publishing: Publishing) -> None:
    visit, page = publishing.visit, publishing.visit.page
    visit.go()
    page.goto(f"{visit.url}/projects/{visit.server.project}/")
    page.get_by_role("link", name="What a plan may use").click()
    row = page.locator("#publish_tasks")
    expect(row).to_contain_text("Sends the titles of the pending tasks to a web address.")
    expect(row).to_contain_text("Acts outside")
    expect(row).to_contain_text("at most 30 s, 2 retries")
    expect(row).to_contain_text("from our_tools")
    switch = page.get_by_role("switch", name="publish_tasks")
    expect(switch).to_be_checked()
    switch.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("switch", name="publish_tasks")).not_to_be_checked()
    expect(row).to_contain_text("Switched off by alice")
    assert page.url.endswith("/tools/#publish_tasks")
    check(page, "tools")
    page.set_viewport_size({"width": 390, "height": 844})
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(wide)
