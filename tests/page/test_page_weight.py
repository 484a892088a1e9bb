"""What the session page costs to load: its bytes, its requests, and how they are sent."""

from __future__ import annotations

import gzip
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Route

from agent.models import ChatSession
from tests.support.browser import Visit

MOST = 150_000  # bytes of script and style together, before compression


@pytest.mark.browser
def test_script_and_style_of_the_session_page_stay_small(visit: Visit) -> None:
    loaded: dict[str, int] = {}
    visit.page.on(
        "response",
        lambda one: (
            loaded.update({one.url: len(one.body())})
            if one.request.resource_type in ("script", "stylesheet")
            else None
        ),
    )
    visit.live()
    assert any(url.endswith("session.css") for url in loaded)
    assert sum(loaded.values()) < MOST


@pytest.mark.browser
@pytest.mark.own_context  # with an empty cache
def test_every_script_is_named_at_once_and_none_in_vain(visit: Visit) -> None:
    page = visit.live()
    named = page.locator("link[rel=modulepreload]").evaluate_all(
        "(all) => all.map(({href}) => href)"
    )
    loaded = page.evaluate(
        """() => performance.getEntriesByType("resource").map(({ name }) => name)
          .filter((name) => name.endsWith(".js"))"""
    )
    assert len(named) > 10
    assert sorted(named) == sorted(name for name in loaded if not name.endswith("/session.js"))


@pytest.mark.browser
def test_what_is_pressed_while_its_script_is_loaded_is_done_when_it_is_there(visit: Visit) -> None:
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    held: list[Route] = []
    page.route(re.compile(r"/(reorder|slash_commands)\.js$"), lambda route: held.append(route))
    page.locator(".task [data-tick]").click()
    page.locator("#message").press_sequentially("/sto")
    page.keyboard.press("Enter")
    visit.wait(lambda: len(held) == 2)
    assert page.locator("#message").input_value() == "/sto"
    slash, reorder = sorted(held, key=lambda route: "reorder" in route.request.url)
    reorder.continue_()
    page.locator('.task[data-status="completed"]').wait_for()
    slash.continue_()  # what one action alerts, the next one clears
    visit.wait(lambda: page.locator("#alert").inner_text() == "Nothing is running.")
    page.route("**/copying.js", lambda route: route.abort())
    page.locator("[data-copy-answer]").click()
    visit.wait(lambda: "could not be reached" in page.locator("#alert").inner_text())
    visit.troubles.clear()  # Chromium tells of the script


def test_pages_scripts_and_styles_are_compressed_and_data_is_not(
    client: Client, alice: User, session: ChatSession
) -> None:
    client.force_login(alice)
    page = reverse("session", args=[session.pk])
    for address in (page, "/static/chat/session.js", "/static/chat/session.css"):
        plain = client.get(address)
        packed = client.get(address, headers={"accept-encoding": "gzip"})
        assert packed["Content-Encoding"] == "gzip"
        assert len(packed.content) < 0.6 * len(plain.content)
        assert len(gzip.decompress(packed.content)) == len(plain.content)
    data = client.get(f"/api/sessions/{session.pk}/events/", headers={"accept-encoding": "gzip"})
    assert "Content-Encoding" not in data
