"""One task opened in the panel while others save it too: nobody's text is lost without a word."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.support.browser import Visit
from tests.support.panels import opened, titles, with_board

pytestmark = pytest.mark.browser

TOLD = "Changed to “Their description.” by someone else. Your text is kept; edit it to save."


def save_elsewhere(visit: Visit, page: Page, description: str) -> None:
    """Saves the description of the first task in another tab."""
    key = page.locator(".task").first.get_attribute("data-key")
    other = visit.open()
    other.goto(f"{visit.server.url}/sessions/{visit.server.other_session}/")
    answer = other.evaluate(
        """async ([path, body]) => {
          const { src } = document.querySelector('[src$="/session.js"]');
          const { request } = await import(new URL("support/rest.js", src));
          return (await request("PATCH", path, { body })).status;
        }""",
        [f"/api/tasks/{key}/", {"description": description}],
    )
    assert answer == 200
    other.close()


def description(visit: Visit) -> str:
    rows = visit.server.rows("SELECT description FROM agent_task ORDER BY number")
    text: str = rows[0][0]
    return text


def write_beside_another(visit: Visit) -> Page:
    """Writes a description and stays in the field while another tab saves one."""
    page = with_board(visit)
    detail = opened(page, "Patient sign-up")
    detail.get_by_label("Description").fill("My description.")
    with page.expect_response("**/api/tasks/*/"):  # the page learns of it at once
        save_elsewhere(visit, page, "Their description.")
    return page


def test_a_text_does_not_overwrite_what_another_tab_saved_while_it_was_written(
    visit: Visit,
) -> None:
    page = write_beside_another(visit)
    detail = page.locator(".detail")
    field = detail.get_by_label("Description")
    page.keyboard.press("Tab")
    detail.get_by_text(TOLD).wait_for()
    assert field.input_value() == "My description."
    assert description(visit) == "Their description."
    field.fill("What both say.")
    page.keyboard.press("Tab")
    visit.wait(lambda: description(visit) == "What both say.")
    visit.troubles.clear()  # Chromium tells of the 412 that comes if Tab was faster than the reload


def test_a_refused_text_is_not_saved_by_closing_and_is_there_when_it_is_opened_again(
    visit: Visit,
) -> None:
    page = write_beside_another(visit)
    page.keyboard.press("Escape")
    visit.wait(lambda: page.locator("#status").inner_text() == TOLD)
    assert description(visit) == "Their description."
    detail = opened(page, "Patient sign-up")
    field = detail.get_by_label("Description")
    assert field.input_value() == "My description."
    page.keyboard.press("Escape")
    visit.wait(lambda: page.locator(".detail").count() == 0)
    detail = opened(page, "Patient sign-up")
    detail.get_by_label("Title").fill("Sign up")
    detail.get_by_label("Title").press("Enter")
    visit.wait(lambda: "Sign up" in titles(page))
    assert description(visit) == "Their description."
    visit.troubles.clear()  # likewise


def test_a_change_that_was_taken_back_meanwhile_is_no_conflict(visit: Visit) -> None:
    page = with_board(visit)
    detail = opened(page, "Patient sign-up")
    before = description(visit)
    detail.get_by_label("Description").fill("My description.")
    with page.expect_response("**/api/tasks/*/"):
        save_elsewhere(visit, page, "Their description.")
    with page.expect_response("**/api/tasks/*/"):
        save_elsewhere(visit, page, before)
    page.keyboard.press("Tab")
    visit.wait(lambda: description(visit) == "My description.")
    visit.troubles.clear()  # likewise


def test_the_reason_of_a_refused_field_stands_beside_it_until_it_is_saved(visit: Visit) -> None:
    page = with_board(visit)
    detail = opened(page, "Patient sign-up")
    refused = {
        "Assignee": ("nobody", "is no member of this project"),
        "Labels": ("x" * 31, "31 of 30 characters"),
        "Due": ("0001-01-01", "The due date must be from 2000-01-01"),
        "Estimate in hours": ("10001", "10000"),
        "Title": (" ", "blank"),
    }
    for label, (value, reason) in refused.items():
        field = detail.get_by_label(label, exact=True)
        before = field.input_value()
        field.fill(value)
        page.keyboard.press("Tab")
        told = detail.locator(".reason")
        told.wait_for()
        assert reason in told.inner_text(), label
        assert field.get_attribute("aria-invalid") == "true"
        assert field.get_attribute("aria-describedby") == told.get_attribute("id")
        field.fill(before)
        page.keyboard.press("Tab")
        visit.wait(lambda told=told: told.count() == 0)  # type: ignore[misc]
        assert field.get_attribute("aria-invalid") is None
    visit.troubles.clear()  # Chromium tells of the refusals' status
