"""The page that describes the API, in Chromium: under our own policy, from our own files."""

from __future__ import annotations

import pytest

from tests.support.browser import Visit

pytestmark = pytest.mark.browser


def test_the_description_is_read_and_tried_out_without_another_host(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.server.url}/api/docs/")
    me = page.locator("#operations-account-get_me")
    me.click()
    me.get_by_role("button", name="Try it out").click()
    me.get_by_role("button", name="Execute").click()
    me.locator(".live-responses-table").get_by_text('"alice"').first.wait_for()
    assert page.locator(".opblock").count() > 40
    assert visit.troubles == []
    assert len(visit.hosts) == 1
