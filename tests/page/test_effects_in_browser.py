"""What a waiting plan shows of long and of deceptive texts, in Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import Visit

pytestmark = pytest.mark.browser

LONG = "the waiting room has " + "very " * 100 + "old chairs"


def test_a_long_text_is_folded_with_its_length_also_after_a_reload(visit: Visit) -> None:
    page = visit.live()
    page.get_by_label("Ask before changing anything").check()
    visit.say(f"Remember that {LONG}")
    visit.wait_for("waiting")
    for _ in range(2):
        effect = page.locator(".effect")
        expect(effect).to_have_count(1)
        summary = effect.locator("summary")
        expect(summary).to_contain_text("characters")
        text = effect.locator("ins")
        expect(text).to_be_hidden()
        summary.focus()
        page.keyboard.press("Enter")
        expect(text).to_be_visible()
        assert text.inner_text().count("very ") == 100
        page.reload()
        visit.wait_for("waiting")
