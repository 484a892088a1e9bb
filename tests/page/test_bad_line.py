"""The session page on a bad line: nothing is lost, nothing comes twice, and the page says what is up."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.support.browser import STATUSES, Visit
from tests.support.proxy import BadLine
from tests.support.server import ServerProcess

pytestmark = pytest.mark.browser

EVENTS = "**/api/sessions/*/events/**"


def transport(page: Page) -> str:
    """Returns what a live page says about its transport."""
    text = page.locator('#connection[data-state="live"]').get_attribute("title")
    assert text is not None
    return text


def without_websocket(visit: Visit) -> None:
    visit.page.route_web_socket("**/ws/**", lambda socket: socket.close(code=1011))


def without_stream(route: Route) -> None:
    """Lets requests for JSON through, and no streams."""
    if "event-stream" in route.request.headers.get("accept", ""):
        route.abort()
    else:
        route.continue_()


def look_around(page: Page) -> None:
    """As a browser that says the network is back: a page tries better transports again."""
    page.evaluate("window.dispatchEvent(new Event('online'))")


# -- falling back ----------------------------------------------------------------------------------


def test_where_no_websocket_gets_through_the_same_is_seen_over_sse(visit: Visit) -> None:
    without_websocket(visit)
    page = visit.live()
    assert transport(page) == "Connected over SSE"
    whole_job(visit)
    assert transport(page) == "Connected over SSE"


def test_where_no_stream_gets_through_either_the_page_polls(visit: Visit) -> None:
    without_websocket(visit)
    visit.page.route(EVENTS, without_stream)
    page = visit.live()
    assert transport(page) == "Connected by polling"
    whole_job(visit)
    assert transport(page) == "Connected by polling"


def whole_job(visit: Visit) -> None:
    """Sends, is refused, approves, stops; another person's page, on a good line, shows the same."""
    page = visit.page
    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    page.get_by_role("button", name="Approve").click()
    visit.wait_for("succeeded", "succeeded")
    visit.say("I need: 1. reminders 2. search")
    visit.wait_for(*["succeeded"] * 3)
    visit.say("Delete the reminders task and delete the search task")
    visit.wait_for(*["succeeded"] * 3, "waiting")
    page.get_by_role("button", name="Stop").click()
    visit.wait_for(*["succeeded"] * 3, "cancelled")
    assert page.locator("#outbox > *").count() == 0
    visit.wait(lambda: visit.shown() == visit.reloaded())


def test_another_sessions_change_reaches_a_page_that_polls(browser: Browser, visit: Visit) -> None:
    without_websocket(visit)
    visit.page.route(EVENTS, without_stream)
    page = visit.live()
    other = Visit(browser, visit.server)
    other.page.goto(f"{visit.server.url}/sessions/{visit.server.other_session}/")
    other.say("Create a task to write the docs")
    page.locator(".task").wait_for()
    other.context.close()


def test_the_page_goes_back_to_the_better_transport_when_it_works_again(visit: Visit) -> None:
    blocked = {"websocket": True, "stream": True}
    visit.page.route_web_socket(
        "**/ws/**",
        lambda socket: (
            socket.close(code=1011) if blocked["websocket"] else socket.connect_to_server()
        ),
    )
    visit.page.route(
        EVENTS, lambda route: without_stream(route) if blocked["stream"] else route.continue_()
    )
    page = visit.live()
    assert transport(page) == "Connected by polling"
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    blocked["stream"] = False
    look_around(page)
    visit.wait(lambda: transport(page) == "Connected over SSE")
    visit.say("Create a task to read the docs")
    visit.wait_for("succeeded", "succeeded")
    blocked["websocket"] = False  # and found by itself, this time
    visit.wait(lambda: transport(page) == "Connected over WebSocket")
    visit.say("Create a task to love the docs")
    visit.wait_for(*["succeeded"] * 3)
    assert visit.shown() == visit.reloaded()


def test_a_refusal_without_a_websocket_comes_back_into_the_field(visit: Visit) -> None:
    without_websocket(visit)
    page = visit.live()
    page.locator("textarea").first.fill("half \0 a thought")
    page.keyboard.press("Enter")
    page.locator("#alert").wait_for()
    assert page.locator("textarea").first.input_value() == "half \0 a thought"
    assert page.locator("#outbox > *").count() == 0
    visit.troubles.clear()  # Chromium tells of the refusal's status


def test_signing_out_elsewhere_ends_a_stream_for_good(visit: Visit) -> None:
    without_websocket(visit)
    page = visit.live()
    other = visit.open()
    other.goto(visit.address)
    other.get_by_role("button", name="Sign out").click()
    page.locator('#connection[data-state="signed-out"]').wait_for()
    visit.troubles.clear()  # Chromium tells of the answer by which the page learns it


# -- a line that is lost ---------------------------------------------------------------------------


def test_a_lost_line_says_when_it_tries_again_and_tries_at_once_when_told(
    browser: Browser, server: ServerProcess
) -> None:
    with BadLine("127.0.0.1", server.port, seed=0) as line:
        visit = Visit(browser, server, url=f"http://127.0.0.1:{line.port}")
        page = visit.live()
        line.cut()
        banner = page.locator("#lost")
        banner.wait_for()
        visit.wait(lambda: "Next try in" in banner.inner_text())
        assert page.locator("#status").inner_text() == "Disconnected."
        visit.say("Create a task to write the docs")
        assert "Not sent yet" in page.locator("#outbox").inner_text()
        line.mend()
        page.get_by_role("button", name="Try now").click()
        visit.wait_for("succeeded")
        assert banner.is_hidden()
        assert page.locator(".said p").all_inner_texts() == ["Create a task to write the docs"]
        visit.context.close()
    assert visit.troubles == []


@pytest.mark.parametrize("seed", range(5))
def test_every_message_and_answer_comes_exactly_once_through_a_bad_line(
    browser: Browser, server: ServerProcess, seed: int
) -> None:
    said = [f"Create a task to write chapter {number}" for number in range(1, 13)]
    with BadLine("127.0.0.1", server.port, seed) as line:
        visit = Visit(browser, server, url=f"http://127.0.0.1:{line.port}")
        page = visit.live()
        line.is_bad = True
        for text in said:
            visit.say(text)
            page.wait_for_timeout(150)
        visit.wait(lambda: page.evaluate(STATUSES) == ["succeeded"] * 12)
        line.is_bad = False  # a page needs all of its parts once
        check(visit, page, said)
        page.reload()
        visit.read_from_the_beginning()
        check(visit, page, said)
        visit.context.close()
    assert line.did["cut"] > 1
    assert visit.troubles == []
    asked = server.rows("SELECT content FROM agent_message WHERE role = 'user'")
    assert sorted(content for (content,) in asked) == sorted(said)


def check(visit: Visit, page: Page, said: list[str]) -> None:
    visit.wait_for_log()
    assert sorted(page.locator("#entries .said p").all_text_contents()) == sorted(said)
    visit.wait(lambda: page.locator("#outbox > *").count() == 0)
    answers = page.locator('[data-slot="run-html"]').all_text_contents()
    assert all(answers)
    titles = page.locator('[data-slot="task-title"]').all_inner_texts()
    assert sorted(titles) == sorted(f"Write chapter {number}" for number in range(1, 13))
    for title in titles:
        assert sum(f"“{title}”" in answer for answer in answers) == 1
    assert visit.shown() == visit.reloaded()
