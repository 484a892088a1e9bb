"""Writing with an input method: the key that ends a composition belongs to it, and not to the page."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page

from tests.support.browser import Visit

pytestmark = pytest.mark.browser

# How browsers report the key that ends a composition.
KEYS: dict[str, dict[str, Any]] = {
    "while composing": {"isComposing": True, "keyCode": 229},
    "while composing, with its own code": {"isComposing": True, "keyCode": 13},
    "after its end, taken by the input method": {"ended": True, "keyCode": 229},
    "taken by the input method": {"keyCode": 229},
    "after its end": {"ended": True, "keyCode": 13},
}
PRESS = """(field, {key, how}) => {
  const { ended, ...options } = how;
  if (ended) field.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true }));
  field.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...options }));
}"""
ways = pytest.mark.parametrize("how", KEYS.values(), ids=KEYS)


def press(field: Locator, key: str, how: dict[str, Any]) -> None:
    field.evaluate(PRESS, {"key": key, "how": how})


def compose(page: Page, text: str) -> Any:
    """Begins a composition as an input method does."""
    session = page.context.new_cdp_session(page)
    session.send("Input.imeSetComposition", {"text": text, "selectionStart": 1, "selectionEnd": 1})
    return session


@ways
def test_the_enter_that_ends_a_composition_does_not_send(visit: Visit, how: dict[str, Any]) -> None:
    page = visit.live()
    field = page.locator("#message")
    field.fill("何が未完了ですか")
    press(field, "Enter", how)
    assert field.input_value() == "何が未完了ですか"
    assert page.locator("#outbox > *, .exchange").count() == 0
    page.wait_for_timeout(150)  # a person who means to send presses Enter again, later
    field.press("Enter")
    visit.wait_for("succeeded")
    assert page.locator(".said p").all_inner_texts() == ["何が未完了ですか"]


@ways
@pytest.mark.parametrize("key", ["Enter", "Tab", "Escape"])
def test_a_key_of_an_input_method_picks_no_command(
    visit: Visit, key: str, how: dict[str, Any]
) -> None:
    page = visit.live()
    field = page.locator("#message")
    commands = page.get_by_role("listbox", name="Commands")
    field.press_sequentially("/re")
    commands.wait_for()
    press(field, key, how)
    assert field.input_value() == "/re"
    assert commands.is_visible()
    assert field.evaluate("(one) => one === document.activeElement")


@ways
@pytest.mark.parametrize("key", ["Enter", "Escape"])
def test_no_listener_of_the_page_hears_such_a_key(
    visit: Visit, key: str, how: dict[str, Any]
) -> None:
    page = visit.live()
    page.evaluate(
        """() => {
          window.heard = [];
          for (const node of [document, document.getElementById("message")])
            node.addEventListener("keydown", ({ key }) => heard.push(key), { capture: true });
        }"""
    )
    press(page.locator("#message"), key, how)
    assert page.evaluate("heard") == []
    page.keyboard.press("Escape")
    page.locator("#message").press("ArrowLeft")
    assert page.evaluate("heard").count("ArrowLeft") == 2


@ways
def test_escape_leaves_a_composition_and_not_the_task(visit: Visit, how: dict[str, Any]) -> None:
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    page.locator(".task [data-open]").click()
    title = page.locator(".detail").get_by_label("Title")
    title.focus()
    press(title, "Escape", how)
    assert title.is_visible()
    page.wait_for_timeout(150)
    title.press("Escape")
    title.wait_for(state="detached")


def test_a_real_composition_is_ended_by_enter_and_sent_by_the_next_one(visit: Visit) -> None:
    page = visit.live()
    field = page.locator("#message")
    field.focus()
    compose(page, "何が")
    page.keyboard.press("Enter")
    assert page.locator("#outbox > *, .exchange").count() == 0
    field.fill("What is open?")
    page.wait_for_timeout(150)
    page.keyboard.press("Enter")
    visit.wait_for("succeeded")


def test_enter_right_after_a_composition_saves_no_plan(visit: Visit) -> None:
    page = visit.live()
    visit.say("I need: 1. booking 2. reminders 3. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    page.get_by_role("button", name="Edit…").click()
    field = page.get_by_label("Step description").first
    field.fill("")
    session = compose(page, "消")
    # The browser itself would send the form.
    page.evaluate(
        """() => addEventListener("compositionend", () => {
          const enter = new KeyboardEvent("keydown",
            { key: "Enter", keyCode: 13, bubbles: true, cancelable: true });
          window.wasPrevented = !document.activeElement.dispatchEvent(enter);
        })"""
    )
    session.send("Input.insertText", {"text": "消す"})
    visit.wait(lambda: field.input_value() == "消す")
    assert page.evaluate("wasPrevented")
    assert page.locator(".editor").count() == 1


def test_enter_sends_at_once_after_a_key_that_chose_a_word(visit: Visit) -> None:
    page = visit.live()
    field = page.locator("#message")
    field.fill("What is open?")
    field.dispatch_event("compositionend")
    field.dispatch_event("keyup", {"key": " "})
    field.press("Enter")
    visit.wait_for("succeeded")
