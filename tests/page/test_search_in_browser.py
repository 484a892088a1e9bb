"""The search dialog in Chromium: by keys alone, with hostile titles, and while typing fast."""

from __future__ import annotations

import json

import httpx2
import pytest
from playwright.sync_api import Route

from tests.support.api_client import headers_of
from tests.support.browser import Visit

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="document.title=1"> payments'


def test_results_are_found_and_opened_by_keys_and_a_late_answer_changes_nothing(
    visit: Visit,
) -> None:
    api = f"{visit.server.url}/api/projects/{visit.server.project}"
    for kind, fields in (
        ("tasks", {"title": HOSTILE}),
        ("memories", {"title": "Payments", "content": HOSTILE}),
    ):
        made = httpx2.post(f"{api}/{kind}/", json=fields, headers=headers_of(visit.server))
        assert made.status_code == 201
    page = visit.live()
    scripts = "performance.getEntriesByType('resource').map(({name}) => name)"
    assert not any(
        "/chat/support/search.js" in name or "/chat/search.css" in name
        for name in page.evaluate(scripts)
    )
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Search")
    field.wait_for()

    held: list[Route] = []
    page.route("**/api/search/?q=pay", lambda route: held.append(route))
    page.keyboard.type("pay")
    visit.wait(lambda: len(held) == 1)
    page.keyboard.type("m")
    options = page.locator('dialog.search [role="option"]')
    options.nth(1).wait_for()
    with page.expect_response("**/api/search/?q=pay") as late:
        held[0].fulfill(body=json.dumps({"results": []}), content_type="application/json")
    late.value.finished()
    page.evaluate("new Promise(requestAnimationFrame)")
    assert options.count() == 2
    assert options.first.locator("b").inner_text() == f"#1 {HOSTILE}"
    assert page.locator("dialog.search img").count() == 0

    page.keyboard.type("e")  # nothing is opened that was found for an earlier text
    page.keyboard.press("Enter")
    assert page.url == visit.address
    with page.expect_response("**/api/search/?q=paym"):
        page.keyboard.press("Backspace")
    options.nth(1).wait_for()

    active = lambda: field.get_attribute("aria-activedescendant")  # noqa: E731
    assert active() == options.first.get_attribute("id")
    page.keyboard.press("ArrowDown")
    assert active() == options.nth(1).get_attribute("id")
    page.keyboard.press("ArrowDown")
    assert active() == options.first.get_attribute("id")
    page.keyboard.press("Escape")
    field.wait_for(state="hidden")
    page.get_by_role("button", name="Search", exact=True).click()
    field.wait_for()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/memories/**")
    assert page.title() != "1"

    page.keyboard.press("Meta+k")
    page.get_by_role("combobox", name="Search").fill("zzz")
    page.get_by_text("No matches.").wait_for()


def test_every_head_has_the_button(visit: Visit) -> None:
    server = visit.server
    project = f"/projects/{server.project}/"
    for path in (project, f"{project}tools/", "/waiting/", "/tokens/", "/model/"):
        visit.page.goto(f"{visit.url}{path}")
        visit.page.get_by_role("button", name="Search", exact=True).wait_for()


@pytest.mark.own_context  # with an empty cache
def test_what_is_typed_while_the_search_is_loaded_is_searched(visit: Visit) -> None:
    page = visit.live()
    held: list[Route] = []
    page.route("**/support/search.js", lambda route: held.append(route))
    page.locator("#message").focus()
    page.keyboard.press("Control+k")
    visit.wait(lambda: len(held) == 1)
    page.keyboard.type("Clinic")
    assert page.locator("#message").input_value() == ""
    held[0].continue_()
    field = page.get_by_role("combobox", name="Search")
    field.wait_for()
    visit.wait(lambda: field.input_value() == "Clinic")
    page.get_by_role("option", name="Clinic booking").first.wait_for()
    page.keyboard.press("Escape")
    page.keyboard.type("x")
    assert page.locator("#message").input_value() == "x"
