"""What a page measures of itself reaches `/metrics`; a page that does not measure loads nothing for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Visit
from tests.support.scraping import SETTINGS, Samples, by, scrape, total
from tests.support.server import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.own_server, pytest.mark.own_context]

SCRIPTS = """() => performance.getEntriesByType("resource").map(({ name }) => name)
  .filter((name) => name.endsWith("/measuring.js")).length"""

# Works for 120 ms in a task of its own, and returns some time after it.
LONG_TASK = """() => new Promise((done) => setTimeout(() => {
  const end = performance.now() + 120;
  while (performance.now() < end);
  setTimeout(done, 200);
}))"""


@contextmanager
def visited(browser: Browser, server: ServerProcess) -> Iterator[Visit]:
    visit = Visit(browser, server)
    yield visit
    visit.context.close()
    assert visit.troubles == []


def reported(visit: Visit, server: ServerProcess, number: int = 1) -> Samples:
    """Returns the numbers once so many reports have come."""
    visit.wait(lambda: total(scrape(server), "samurai_page_reports_total") == number)
    return scrape(server)


def test_a_page_that_is_left_reports_what_it_measured(
    browser: Browser, make_server: Callable[..., ServerProcess]
) -> None:
    server = make_server(**SETTINGS, SAMURAI_METRICS_PAGES="100")
    with visited(browser, server) as visit:
        page = visit.live()
        visit.wait(lambda: page.evaluate(SCRIPTS) == 1)
        visit.say("Create a task to write the docs")
        visit.wait_for("succeeded")
        page.evaluate(LONG_TASK)
        assert total(scrape(server), "samurai_page_reports_total") == 0
        page.goto(f"{server.url}/model/")
        samples = reported(visit, server)
    assert 2 <= total(samples, "samurai_page_paint_delay_seconds_count") <= 20
    assert 0 < total(samples, "samurai_page_paint_delay_seconds_sum") < 30
    assert total(samples, "samurai_page_silence_seconds_count") == 1
    assert 0 < total(samples, "samurai_page_silence_seconds_sum") < 30
    assert total(samples, "samurai_page_long_task_seconds_count") >= 1
    assert by(samples, "samurai_page_fallbacks_total", "transport") == {}
    assert by(samples, "samurai_reconnects_total", "transport") == {}


def test_a_page_without_websockets_reports_the_fallback(
    browser: Browser, make_server: Callable[..., ServerProcess]
) -> None:
    server = make_server(**SETTINGS, SAMURAI_METRICS_PAGES="100")
    with visited(browser, server) as visit:
        visit.page.route_web_socket("**/ws/**", lambda socket: socket.close(code=1011))
        page = visit.live()
        assert page.locator("#connection").get_attribute("title") == "Connected over SSE"
        visit.say("Create a task to write the docs")
        visit.wait_for("succeeded")
        page.goto(f"{server.url}/model/")
        samples = reported(visit, server)
    assert by(samples, "samurai_page_fallbacks_total", "transport") == {"sse": 1}
    assert by(samples, "samurai_reconnects_total", "transport") == {"sse": 1}


@pytest.mark.parametrize(
    "env", [{}, {**SETTINGS, "SAMURAI_METRICS_PAGES": "0"}], ids=["no token", "no pages"]
)
def test_other_pages_load_nothing_and_report_nothing(
    browser: Browser, make_server: Callable[..., ServerProcess], env: dict[str, str]
) -> None:
    server = make_server(**env)
    with visited(browser, server) as visit:
        asked: list[str] = []
        visit.page.on("request", lambda request: asked.append(request.url))
        page = visit.live()
        visit.say("Create a task to write the docs")
        visit.wait_for("succeeded")
        page.goto(f"{server.url}/model/")
        page.wait_for_load_state("networkidle")
    assert asked
    assert [url for url in asked if "measur" in url] == []
