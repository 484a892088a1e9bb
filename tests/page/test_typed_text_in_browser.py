"""What a person typed belongs to that person and that tab, whoever signs in with the same browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.support.browser import Visit
from tests.support.signing_in import (
    live,
    look_at,
    look_until,
    messages,
    sign_in,
    sign_in_there,
    sign_out,
    signed_out,
    take_over,
    user_of,
)

pytestmark = pytest.mark.browser


def written(page: Page) -> str:
    return page.locator("#message").input_value()


def pending(page: Page) -> list[str]:
    return page.locator("#outbox .said p").all_inner_texts()


def write_and_send(page: Page, text: str) -> None:
    page.locator("#message").fill(text)
    page.locator("#message").press("Enter")


def open_session(visit: Visit) -> Page:
    page = visit.open()
    page.goto(visit.address)
    live(page)
    return page


def duplicated(visit: Visit, page: Page) -> Page:
    """A new window of a page starts with a copy of its session storage, like a duplicated tab."""
    with visit.context.expect_page() as opened:
        page.evaluate("void window.open(location.href)")
    live(opened.value)
    return opened.value


def over_websocket(visit: Visit) -> None:
    """Blocks nothing."""


def over_stream(visit: Visit) -> None:
    visit.context.route_web_socket("**/ws/**", lambda socket: socket.close(code=1011))


def by_polling(visit: Visit) -> None:
    over_stream(visit)
    visit.context.route(
        "**/api/sessions/*/events/**",
        lambda route: (
            route.abort()
            if "event-stream" in route.request.headers.get("accept", "")
            else route.continue_()
        ),
    )


_alters = pytest.mark.own_context
TRANSPORTS = pytest.mark.parametrize(
    "block",
    [
        over_websocket,
        pytest.param(over_stream, marks=_alters),
        pytest.param(by_polling, marks=_alters),
    ],
)


# -- messages that wait ----------------------------------------------------------------------------


@TRANSPORTS
def test_a_message_that_waits_is_sent_by_its_author_only_and_once(
    visit: Visit, block: Callable[[Visit], None]
) -> None:
    block(visit)
    page = visit.live()
    signed_out(visit).close()
    write_and_send(page, "What is open?")
    assert pending(page) == ["What is open?"]
    page.get_by_role("link", name="Sign in").click()
    sign_in(page, "dave")
    live(page)
    take_over(page)
    assert (pending(page), written(page)) == ([], "")
    visit.say("What did we decide?")
    visit.wait_for("succeeded")
    assert messages(visit) == [("dave", "What did we decide?")]
    sign_out(page)
    sign_in(page, "alice")
    visit.wait_for("succeeded", "succeeded")
    visit.wait(lambda: pending(page) == [])
    page.reload()
    live(page)
    assert pending(page) == []
    assert messages(visit) == [("dave", "What did we decide?"), ("alice", "What is open?")]
    visit.troubles.clear()  # Chromium tells of the answers by which the page learns it


@TRANSPORTS
def test_a_page_of_another_person_shows_nothing_of_it_when_it_is_looked_at(
    visit: Visit, block: Callable[[Visit], None]
) -> None:
    block(visit)
    page = visit.live()
    other = signed_out(visit)
    write_and_send(page, "What is open?")
    page.locator("#message").fill("half a thought")
    sign_in_there(visit, other, "dave")
    look_until(visit, page, lambda: user_of(page) == "dave")
    live(page)
    for one in (page, other):
        take_over(one)
    assert (pending(page), written(page)) == ([], "")
    assert (pending(other), written(other)) == ([], "")
    assert messages(visit) == []
    sign_out(other)
    sign_in(other, "alice")
    look_until(visit, page, lambda: user_of(page) == "alice")
    visit.wait(lambda: messages(visit) == [("alice", "What is open?")])
    live(page)
    visit.wait(lambda: pending(page) == [])
    assert written(page) == "half a thought"
    visit.troubles.clear()


def test_a_login_that_replaces_another_one_takes_the_open_pages_along(visit: Visit) -> None:
    """Dave's login is put over Alice's, as by a sign-in link: her socket is open and stays hers."""
    page = visit.live()
    page.locator("#message").fill("half a thought")
    dave = visit.server.cast["dave"]["cookie"]
    visit.context.add_cookies([{"name": "sessionid", "value": dave, "url": visit.url}])
    with page.expect_navigation():
        # Playwright's own `check` would look at the new page, and click there again.
        page.get_by_label("Ask before changing anything").evaluate("(box) => box.click()")
    live(page)
    assert user_of(page) == "dave"
    take_over(page)
    assert written(page) == ""
    assert not page.get_by_label("Ask before changing anything").is_checked()
    assert visit.server.rows("SELECT DISTINCT approval FROM agent_chatsession") == [("auto",)]
    visit.troubles.clear()


@TRANSPORTS
def test_who_signs_in_again_in_another_tab_finds_the_page_live_and_the_message_sent(
    visit: Visit, block: Callable[[Visit], None]
) -> None:
    block(visit)
    page = visit.live()
    other = signed_out(visit)
    write_and_send(page, "Create a task to write the docs")
    sign_in(other, "alice")
    live(other)
    look_at(page)
    visit.wait_for("succeeded")
    live(page)
    assert pending(page) == []
    assert messages(visit) == [("alice", "Create a task to write the docs")]
    assert page.get_by_role("link", name="Sign in", exact=True).is_hidden()
    visit.troubles.clear()


def test_a_message_alone_makes_a_signed_out_page_look_for_a_new_login(visit: Visit) -> None:
    page = visit.live()
    other = signed_out(visit)
    sign_in(other, "alice")
    live(other)
    write_and_send(page, "What is open?")
    visit.wait_for("succeeded")
    assert messages(visit) == [("alice", "What is open?")]


def test_a_duplicated_tab_sends_what_waits_once(visit: Visit) -> None:
    page = visit.live()
    other = signed_out(visit)
    write_and_send(page, "What is open?")
    sign_in(other, "alice")
    live(other)
    twin = duplicated(visit, page)
    look_at(page)
    visit.wait_for("succeeded")
    visit.wait(lambda: pending(page) == pending(twin) == [])
    assert messages(visit) == [("alice", "What is open?")]


def test_what_waits_in_a_closed_tab_is_sent_by_the_next_one(visit: Visit) -> None:
    page = visit.live()
    other = signed_out(visit)
    write_and_send(page, "What is open?")
    page.close()
    sign_in_there(visit, other, "dave")
    sign_out(other)
    sign_in(other, "alice")
    live(other)
    other.goto(visit.address)
    other.locator('.exchange[data-status="succeeded"]').wait_for()
    assert pending(other) == []
    assert messages(visit) == [("alice", "What is open?")]


# -- drafts ----------------------------------------------------------------------------------------


def test_a_draft_is_its_authors(visit: Visit) -> None:
    page = visit.live()
    page.locator("#message").fill("half a thought")
    sign_out(page)
    sign_in_there(visit, page, "dave")
    take_over(page)
    assert written(page) == ""
    page.locator("#message").fill("d")
    page.locator("#message").fill("")
    sign_out(page)
    sign_in(page, "alice")
    live(page)
    page.goto(visit.address)
    assert written(page) == "half a thought"


def test_a_letter_typed_and_deleted_in_another_tab_leaves_a_draft_alone(visit: Visit) -> None:
    page = visit.live()
    page.locator("#message").fill("a long draft")
    other = open_session(visit)
    take_over(other)
    assert written(other) == ""
    other.locator("#message").press("x")
    other.locator("#message").press("Backspace")
    page.reload()
    assert written(page) == "a long draft"


def test_a_duplicated_tab_has_a_draft_of_its_own(visit: Visit) -> None:
    page = visit.live()
    page.locator("#message").fill("a long draft")
    twin = duplicated(visit, page)
    assert written(twin) == "a long draft"
    visit.wait(lambda: tab_of(twin) != tab_of(page))
    twin.locator("#message").fill("")
    page.reload()
    assert written(page) == "a long draft"
    twin.reload()
    take_over(twin)
    assert written(twin) == ""


def tab_of(page: Page) -> str:
    name: str = page.evaluate("sessionStorage['samurai.tab']")
    return name


def test_the_latest_draft_of_the_closed_tabs_comes_back(visit: Visit) -> None:
    kept, *closed = visit.live(), open_session(visit), open_session(visit)
    texts = ["of an open tab", "of the first", "of the second"]
    for page, text in zip([kept, *closed], texts, strict=True):
        page.locator("#message").fill(text)
        page.wait_for_timeout(2)  # a draft is dated to the millisecond
    for page in closed:
        page.close()
    first, second = open_session(visit), open_session(visit)
    visit.wait(lambda: [written(first), written(second)].count("") == 0)
    assert {written(first), written(second)} == {"of the first", "of the second"}
    assert written(kept) == "of an open tab"
    first.reload()
    assert written(first) != ""


def test_everything_that_the_browser_keeps_is_of_one_person(visit: Visit) -> None:
    visit.context.grant_permissions(["notifications"])
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    page.locator(".exchange summary").first.click()
    page.locator("#message").fill("half a thought")
    page.get_by_role("button", name="Notify me").click()
    user = visit.server.rows("SELECT id FROM auth_user WHERE username = 'alice'")[0][0]
    visit.wait(lambda: len(page.evaluate("Object.keys(localStorage)")) == 3)
    names = [key.split(".") for key in page.evaluate("Object.keys(localStorage)")]
    assert {name[1] for name in names} == {"draft", "notify", "opened"}
    assert all(str(user) in name[2:] for name in names)
    assert page.evaluate("Object.keys(sessionStorage)") == ["samurai.tab"]


# -- forms -----------------------------------------------------------------------------------------


def test_forms_of_a_page_that_was_open_before_the_login_are_accepted(visit: Visit) -> None:
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    other = signed_out(visit)
    sign_in(other, "alice")
    live(other)
    look_at(page)
    live(page)
    page.locator(".undo:visible").first.click()
    page.locator(".note").wait_for()
    assert page.locator(".task").count() == 0
    page.get_by_label("Ask before changing anything").check()
    visit.wait(lambda: ("required",) in visit.server.rows("SELECT approval FROM agent_chatsession"))
    page.get_by_role("button", name="New session").click()
    page.wait_for_url(lambda url: "/sessions/" in url and visit.server.session not in url)


def test_a_form_of_another_persons_page_changes_nothing(visit: Visit) -> None:
    page = visit.page
    # A page that asks for nothing by itself: the board's page would be loaded again, as dave's.
    page.goto(f"{visit.url}/projects/{visit.server.project}/tasks/new/")
    page.get_by_label("Title").fill("Write the docs")
    other = visit.open()
    other.goto(visit.address)
    sign_out(other)
    sign_in_there(visit, other, "dave")
    before = visit.server.rows("SELECT count(*) FROM agent_task")
    page.get_by_role("button", name="Add task").click()
    page.get_by_role("heading", name="Somebody else has signed in").wait_for()
    assert visit.server.rows("SELECT count(*) FROM agent_task") == before
    visit.troubles.clear()  # Chromium tells of the refusal's status


def test_a_sign_in_page_that_was_left_open_signs_in(visit: Visit) -> None:
    page = visit.live()
    other = signed_out(visit)
    page.goto(f"{visit.url}/accounts/sign-in/")
    sign_in_there(visit, other, "dave")
    sign_in(page, "alice")
    live(page)
    assert user_of(page) == "alice"
    look_until(visit, other, lambda: user_of(other) == "alice")
    visit.troubles.clear()  # Chromium tells of the refusals by which the page learns it


def test_a_part_that_is_loaded_after_the_login_ended_is_no_sign_in_page(visit: Visit) -> None:
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    signed_out(visit)
    page.evaluate("location.hash = '#event-999'")
    page.locator("#alert").wait_for()
    assert page.locator("main input[name=password]").count() == 0
    visit.troubles.clear()
