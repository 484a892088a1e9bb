"""A shared link and a replay when something fails: the model's server, the line, the link, the session."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route

from tests.support.browser import STATUSES, Visit, new_context
from tests.support.guests import expire
from tests.support.proxy import BadLine
from tests.support.replay import Replay
from tests.support.server import ServerProcess
from tests.support.shared_page import (
    delete_session,
    make_link,
    opened,
    wait_for_same,
    without_stream,
)

pytestmark = pytest.mark.browser

OVER = "This page is no longer shared: the link expired or was revoked, or the session was deleted."
SAID = [f"Create a task to write chapter {number}" for number in (1, 2)]
TRANSPORTS = ["Live", "over SSE", "by polling"]


@pytest.fixture
def nobody(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without an account."""
    context = new_context(browser)
    yield context
    context.close()


def limit_to(page: Page, transport: str) -> None:
    if transport != "Live":
        page.route_web_socket(re.compile("/socket/"), lambda socket: socket.close(code=1011))
    if transport == "by polling":
        page.route(re.compile("/events/"), without_stream)


# -- the model's server ----------------------------------------------------------------------------


@pytest.mark.own_server
def test_a_guest_sees_that_a_run_failed_and_not_why_and_a_member_replays_it(
    browser: Browser, make_server: Callable[..., ServerProcess], nobody: BrowserContext
) -> None:
    server = make_server(OPENAI_API_KEY="key", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    visit = Visit(browser, server)
    visit.live()
    page = opened(nobody, make_link(visit))
    visit.say("Create a task to write the docs")
    visit.wait_for("failed")
    wait_for_same(visit, page)
    assert page.evaluate(STATUSES) == ["failed"]
    assert "127.0.0.1:9" in visit.page.inner_text("#log")
    live = visit.shown(page)
    assert "Failed" in page.inner_text("#log")
    assert "127.0.0.1" not in page.content()
    assert page.get_by_role("button", name="Retry").count() == 0
    page.reload()
    page.locator('#connection[data-state="live"]').wait_for()
    assert visit.shown(page) == live
    replay = Replay(visit)
    replay.press("End")
    replay.page.get_by_text("End of the replay").wait_for()
    assert replay.page.locator('.exchange[data-status="failed"]').count() == 1
    assert "127.0.0.1:9" in replay.page.inner_text("#log")
    assert replay.page.get_by_role("button", name="Retry").count() == 0
    visit.context.close()
    assert visit.troubles == []


# -- the line --------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_after_a_cut_a_guest_has_everything_once_and_is_told_of_the_cut(
    visit: Visit, nobody: BrowserContext, transport: str
) -> None:
    visit.live()
    address = make_link(visit, "Show the tasks of the project")
    with BadLine("127.0.0.1", visit.server.port, seed=0) as line:
        page = nobody.new_page()
        limit_to(page, transport)
        page.goto(address.replace(f":{visit.server.port}/", f":{line.port}/"))
        connection = page.locator('#connection[data-state="live"]')
        connection.wait_for()
        if transport != "Live":
            page.locator(f'#connection[title="Connected {transport}"]').wait_for()
        visit.say(SAID[0])
        visit.wait(lambda: page.evaluate(STATUSES) == ["succeeded"])
        line.cut()
        page.locator("#lost", has_text="New events appear when you reconnect.").wait_for()
        assert connection.count() == 0
        visit.say(SAID[1])
        visit.wait_for("succeeded", "succeeded")
        assert page.evaluate(STATUSES) == ["succeeded"]
        line.mend()
        page.get_by_role("button", name="Try now").click()
        visit.wait(lambda: page.evaluate(STATUSES) == ["succeeded", "succeeded"])
        connection.wait_for()
        assert page.locator("#lost").is_hidden()
        visit.wait(lambda: page.locator(".task").count() == 2)
        assert page.locator(".said p").all_text_contents() == SAID
        wait_for_same(visit, page)
        shown = visit.shown(page)
        page.reload()
        connection.wait_for()
        assert visit.shown(page) == shown


def test_a_replay_whose_line_is_cut_loads_the_rest_when_it_is_back(visit: Visit) -> None:
    visit.server.fill("long_session", visit.server.session, 100)
    page = visit.page
    is_cut = True

    def pass_later(route: Route) -> None:
        if is_cut:
            route.abort()
        else:
            route.continue_()

    page.route(re.compile(r"/events/\?after=1000"), pass_later)
    replay = Replay(visit, at=900)
    page.get_by_text("loading the events is tried again").wait_for()
    replay.press("End")
    page.locator("#player", has_text="Loading…").wait_for()
    is_cut = False
    page.get_by_text("End of the replay").wait_for()
    assert replay.seq == 2100
    assert page.locator("#alert").is_hidden()
    assert page.locator(".said p").all_text_contents()[-1] == "Question 100"


def test_the_board_of_a_replay_says_that_it_cannot_be_loaded_and_comes_later(visit: Visit) -> None:
    visit.live()
    visit.say(SAID[0])
    visit.wait_for("succeeded")
    page = visit.page
    page.route(re.compile("/replay/board/"), lambda route: route.abort())
    page.goto(f"{visit.address}replay/")
    page.locator("#board-doubts", has_text="is tried again").wait_for()
    assert not page.locator("#panels").is_visible()
    page.unroute_all()
    page.locator("#panels[data-known]").wait_for()
    assert page.locator("#board-doubts").is_hidden()
    page.keyboard.press("End")
    page.get_by_text("Write chapter 1").last.wait_for()
    assert page.locator(".task").count() == 1


# -- the link --------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("end", ["expired", "session deleted"])
def test_an_open_page_stops_when_its_link_expires_or_its_session_is_deleted(
    visit: Visit, nobody: BrowserContext, transport: str, end: str
) -> None:
    visit.live()
    address = make_link(visit)
    page = nobody.new_page()
    limit_to(page, transport)
    page.goto(address)
    page.locator('#connection[data-state="live"]').wait_for()
    visit.say(SAID[0])
    visit.wait(lambda: page.evaluate(STATUSES) == ["succeeded"])
    if end == "expired":
        expire(visit.server, {"id": address.split("/")[-2]})
    else:
        delete_session(visit)
    page.locator("#gone", has_text=OVER).wait_for()
    assert page.locator("#connection").inner_text() == "No longer shared"
    assert page.locator("#lost").is_hidden()
    box = page.locator("#gone").bounding_box()
    assert box is not None
    assert box["x"] > 8  # at some distance from the edge
    assert page.locator(".said p").all_text_contents() == SAID[:1]
    page.reload()
    page.get_by_text("This link doesn't work").wait_for()


# -- the session -----------------------------------------------------------------------------------


def test_a_replay_of_a_session_that_was_deleted_plays_what_it_has_and_says_what_it_lacks(
    visit: Visit,
) -> None:
    visit.server.fill("long_session", visit.server.session, 100)
    page = visit.page
    held: list[Route] = []
    page.route(re.compile(r"/events/\?after=1000"), lambda route: held.append(route))
    replay = Replay(visit, at=900)
    visit.wait(lambda: bool(held))
    delete_session(visit)
    held[0].continue_()
    page.locator("#alert", has_text="was deleted").wait_for()
    replay.press("End")
    page.get_by_text("Event 1000 of 1000", exact=True).wait_for()
    assert page.get_by_text("End of the replay").is_visible()
    assert page.locator(".said p").all_text_contents()[-1] == "Question 48"
    page.reload()
    page.get_by_text("Page not found").wait_for()
    visit.troubles.clear()  # the responses with 404
