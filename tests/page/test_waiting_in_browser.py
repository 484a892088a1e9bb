"""What waits for a person, in Chromium: the count in every tab, and decisions in one place."""

from __future__ import annotations

import pytest

from tests.support.browser import Visit

pytestmark = pytest.mark.browser


def test_the_count_is_right_in_every_tab_and_a_plan_is_decided_on_the_page(visit: Visit) -> None:
    session, project, waiting = visit.live(), visit.open(), visit.open()
    project.goto(f"{visit.url}/projects/{visit.server.project}/")
    waiting.goto(f"{visit.url}/waiting/")
    heads = [page.locator(".top .waits") for page in (session, project, waiting)]
    assert not any(head.is_visible() for head in heads)
    visit.say("I need: 1. booking 2. reminders 3. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    for page, head in zip((session, project, waiting), heads, strict=True):
        page.bring_to_front()
        visit.wait(lambda head=head: head.is_visible() and "1" in head.inner_text())  # type: ignore[misc]

    waiting.get_by_role("heading", name="Approve this plan?").wait_for()
    effects = waiting.locator('[data-slot="effect-text"]').all_inner_texts()
    assert effects == ["Delete task #1 “Booking”", "Delete task #3 “Invoices”"]
    reason = waiting.get_by_label("What should change?")
    reason.fill("Only the booking")
    waiting.reload()
    visit.wait(lambda: reason.input_value() == "Only the booking")
    waiting.get_by_role("button", name="Approve").click()
    waiting.get_by_text("Nothing waits for you").wait_for()
    session.bring_to_front()
    visit.wait_for("succeeded", "succeeded")
    for page, head in zip((session, project), heads[:2], strict=True):
        page.bring_to_front()
        visit.wait(lambda head=head: not head.is_visible())  # type: ignore[misc]


def test_what_is_typed_stays_when_the_list_changes(visit: Visit) -> None:
    visit.live()
    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    waiting = visit.open()
    waiting.goto(f"{visit.url}/waiting/")
    reason = waiting.get_by_label("What should change?")
    reason.fill("Keep the invoices")
    visit.page.bring_to_front()
    visit.page.get_by_role("button", name="Stop").click()
    visit.wait_for("succeeded", "cancelled")
    waiting.bring_to_front()
    waiting.get_by_text("This list has changed.").wait_for()
    assert reason.input_value() == "Keep the invoices"
    reason.press("Enter")
    waiting.get_by_role("alert").wait_for()
    assert "not waiting for approval" in waiting.get_by_role("alert").inner_text()
    assert waiting.get_by_label("What you typed").input_value() == "Keep the invoices"
    visit.troubles.clear()  # Chromium tells of the status
