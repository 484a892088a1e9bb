"""Static files in Chromium: kept for good, and what an open page of another version does."""

from __future__ import annotations

import re

import pytest

from tests.support.browser import Visit

pytestmark = pytest.mark.browser


@pytest.mark.own_context  # with an empty cache
def test_a_second_visit_asks_for_no_script_or_style(visit: Visit) -> None:
    fetched = """() => performance.getEntriesByType("resource")
      .filter(({ name, transferSize }) => /\\.(js|css)$/.test(name) && transferSize > 0)
      .map(({ name }) => name)"""
    page = visit.live()
    first = page.evaluate(fetched)
    assert len(first) > 20
    assert all(re.search(r"/static/[0-9a-f]{12}/chat/", name) for name in first)
    visit.live()
    assert page.evaluate(fetched) == []


@pytest.mark.own_context
def test_a_page_of_an_older_version_is_loaded_anew_when_a_new_script_does_not_fit(
    visit: Visit,
) -> None:
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    page.locator("#message").fill("What I was writing")
    page.route(
        "**/copying.js",
        lambda route: route.fulfill(
            content_type="text/javascript", body='import { newer } from "../support/dom.js";'
        ),
    )
    with page.expect_navigation():
        page.locator("[data-copy-answer]").click()
    page.locator('#connection[data-state="live"]').wait_for()
    assert page.locator("#message").input_value() == "What I was writing"
    visit.troubles.clear()  # Chromium tells of the script
