"""Writing a message in Chromium: drafts, commands, sending again, and being told when it is done."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route

from tests.support.browser import Visit
from tests.support.signing_in import take_over

pytestmark = pytest.mark.browser


def written(page: Page) -> str:
    return page.locator("#message").input_value()


def test_a_draft_survives_a_reload_and_is_gone_when_sent(visit: Visit) -> None:
    page = visit.live()
    page.locator("#message").fill("half a thought")
    page.reload()
    assert written(page) == "half a thought"
    page.keyboard.press("Enter")
    page.locator("#message").press("Enter")
    visit.wait_for("succeeded")
    page.reload()
    assert written(page) == ""


def test_each_session_has_its_own_draft(visit: Visit) -> None:
    page = visit.live()
    page.locator("#message").fill("half a thought")
    page.goto(f"{visit.server.url}/sessions/{visit.server.other_session}/")
    take_over(page)
    assert written(page) == ""


def test_a_message_is_edited_and_sent_again_as_a_new_one(visit: Visit) -> None:
    page = visit.live()
    visit.say("Create a task to write the dogs")
    visit.wait_for("succeeded")
    page.locator(".said").hover()
    page.get_by_role("button", name="Edit this message").click()
    assert written(page) == "Create a task to write the dogs"
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded", "succeeded")
    titles = page.locator('[data-slot="task-title"]').all_inner_texts()
    assert titles == ["Write the dogs", "Write the docs"]


def test_the_latest_answer_is_made_anew(visit: Visit) -> None:
    page = visit.live()
    visit.say("What is open?")
    visit.wait_for("succeeded")
    visit.say("What did we decide?")
    visit.wait_for("succeeded", "succeeded")
    assert page.get_by_role("button", name="Regenerate").count() == 1
    page.get_by_role("button", name="Regenerate").click()
    visit.wait_for("succeeded", "succeeded", "succeeded")
    assert page.locator(".said:visible").count() == 2
    visit.wait(lambda: visit.shown() == visit.reloaded())


def test_a_slash_lists_commands_and_keys_choose_one(visit: Visit) -> None:
    page = visit.live()
    page.locator("#message").press_sequentially("/")
    listed = page.get_by_role("listbox", name="Commands").get_by_role("option")
    visit.wait(lambda: listed.count() > 8)
    page.keyboard.type("re")
    assert listed.all_inner_texts() == [
        "/remember\nRemember something",
        "/recall\nAsk about a decision",
    ]
    page.keyboard.press("ArrowDown")
    active = page.locator("#message").get_attribute("aria-activedescendant")
    assert active == "command-recall"
    page.keyboard.press("Enter")
    page.keyboard.type("the database")
    assert written(page) == "What did we decide about the database?"
    assert page.locator(".exchange").count() == 0
    page.keyboard.press("Enter")
    visit.wait_for("succeeded")


def test_escape_closes_the_list_and_a_path_is_a_message(visit: Visit) -> None:
    page = visit.live()
    page.locator("#message").press_sequentially("/t")
    page.get_by_role("listbox").wait_for()
    page.keyboard.press("Escape")
    assert page.get_by_role("listbox").count() == 0
    visit.say("/api/users answers with 500")
    visit.wait_for("succeeded")
    assert page.locator(".said p").all_inner_texts() == ["/api/users answers with 500"]


def test_a_typed_command_is_sent_as_the_sentence_that_it_stands_for(visit: Visit) -> None:
    page = visit.live()
    visit.say("/task write the docs")
    visit.wait_for("succeeded")
    assert page.locator(".said p").all_inner_texts() == ["Create a task to write the docs"]
    visit.say("/undo")
    page.locator(".note").wait_for()
    assert page.locator(".task").count() == 0
    visit.say("/stop")
    page.locator("#alert").wait_for()
    assert page.locator("#alert").inner_text() == "Nothing is running."


def test_a_session_may_ask_before_anything_is_changed(visit: Visit) -> None:
    page = visit.live()
    asks = page.get_by_label("Ask before changing anything")
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        asks.check()
    page.reload()
    assert asks.is_checked()
    page.locator('#connection[data-state="live"]').wait_for()
    visit.say("Create a task to write the docs")
    visit.wait_for("waiting")
    assert page.locator(".task").count() == 0
    page.get_by_role("button", name="Approve").click()
    visit.wait_for("succeeded")
    page.locator(".task").wait_for()


def test_a_message_that_overtakes_the_switch_asks_as_well(visit: Visit) -> None:
    page = visit.live()
    held: list[Route] = []

    def hold_changes(route: Route) -> None:
        if route.request.method == "PATCH":
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/sessions/*/", hold_changes)
    page.get_by_label("Ask before changing anything").check()
    visit.wait(lambda: len(held) == 1)
    visit.say("Create a task to write the docs")
    visit.wait_for("waiting")
    assert page.locator(".task").count() == 0
    held.pop().continue_()
    approval = "SELECT approval FROM agent_chatsession"
    visit.wait(lambda: ("required",) in visit.server.rows(approval))


def test_who_wrote_a_message_is_told_apart(visit: Visit) -> None:
    page = visit.live()
    visit.say("What is open?")
    visit.wait_for("succeeded")
    assert page.locator("[data-others]").count() == 0
    assert visit.context.browser is not None
    carol = Visit(visit.context.browser, visit.server, "carol")
    carol.live()
    assert carol.page.locator('[data-others] [data-slot="said-author"]').inner_text() == "alice"
    carol.context.close()


def test_the_tab_tells_what_is_going_on_to_who_looks_elsewhere(visit: Visit) -> None:
    page = visit.live()
    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    icon = page.locator('link[rel="icon"]')
    assert page.title().startswith("? ")
    assert "waiting" in (icon.get_attribute("href") or "")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.get_by_role("button", name="Approve").evaluate("(button) => button.click()")
    visit.wait_for("succeeded", "succeeded")
    visit.wait(lambda: page.title().startswith("✓ "))
    assert "done" in (icon.get_attribute("href") or "")
    page.evaluate("delete document.hidden")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert page.title().startswith("I need")


def test_who_wants_it_is_notified_of_a_plan_that_waits(visit: Visit) -> None:
    visit.context.grant_permissions(["notifications"])
    visit.page.add_init_script(
        """window.told = [];
        window.Notification = class extends EventTarget {
          static permission = "granted";
          static requestPermission = async () => "granted";
          constructor(title, options) { super(); window.told.push([title, options.body]); }
          close() {}
        };"""
    )
    page = visit.live()
    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    page.get_by_role("button", name="Notify me").click()
    page.locator('#notify[aria-pressed="true"]').wait_for()
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    assert page.evaluate("told") == [
        ["I need: 1. booking 2. invoices", "Waiting for your approval: deletes 2 tasks"]
    ]


def test_where_a_page_may_not_notify_the_event_is_shown_all_the_same(visit: Visit) -> None:
    user = visit.server.rows("SELECT id FROM auth_user WHERE username = 'alice'")[0][0]
    visit.page.add_init_script(
        f"""localStorage.setItem("samurai.notify.{user}", "1");
        window.Notification = class {{
          static permission = "granted";
          constructor() {{ throw new TypeError("Illegal constructor"); }}
        }};"""
    )
    page = visit.live()
    visit.say("I need: 1. booking 2. invoices")
    visit.wait_for("succeeded")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    assert page.locator("#entries .line").count() == 0
    assert page.get_by_role("button", name="Approve").is_visible()
