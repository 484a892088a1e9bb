"""Texts that are too long are refused with their length, and stay where they were typed. None is cut."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.support.browser import Visit

pytestmark = pytest.mark.browser


def alert(page: Page) -> str:
    page.locator("#alert").wait_for()
    return page.locator("#alert").inner_text()


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("x" * 100_001, "100,001"),
        ("👍🏽" * 50_001, "100,002"),
        (" " * 50_000 + "x" * 50_004, "100,004"),
    ],
)
def test_a_message_that_is_too_long_is_refused_with_its_length(
    visit: Visit, text: str, length: str
) -> None:
    page = visit.live()
    visit.say(text)
    assert alert(page) == f"The message is too long: {length} of 100,000 characters."
    assert page.locator("#message").input_value() == text
    assert page.locator("#outbox > *, .exchange").count() == 0


def test_a_message_of_the_greatest_length_is_sent(visit: Visit) -> None:
    visit.live()
    visit.say("👍" * 100_000 + "\n")
    visit.wait(lambda: visit.page.locator(".exchange").count() == 1)
    assert visit.page.locator("#message").input_value() == ""


def test_a_pasted_title_is_not_cut(visit: Visit) -> None:
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    page.locator(".task [data-open]").click()
    title = page.locator(".detail").get_by_label("Title")
    title.fill("x" * 1250)
    title.press("Tab")
    note = page.locator(".detail .reason")
    note.wait_for()
    assert note.inner_text() == "This text is too long: 1,250 of 200 characters."
    assert title.input_value() == "x" * 1250
    visit.troubles.clear()  # Chromium tells of the refusal's status


def test_a_pasted_memory_is_not_cut(visit: Visit) -> None:
    page = visit.live()
    visit.say("Remember that we use Django")
    visit.wait_for("succeeded")
    page.locator(".memory [data-open]").click()
    content = page.get_by_label("Content")
    content.fill("x" * 12_345)
    content.press("Tab")
    note = page.locator(".detail .reason")
    note.wait_for()
    assert note.inner_text() == "This text is too long: 12,345 of 10,000 characters."
    assert content.input_value() == "x" * 12_345
    visit.troubles.clear()


@pytest.fixture
def waiting(visit: Visit) -> Visit:
    visit.live()
    visit.say("I need: 1. booking 2. reminders 3. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "waiting")
    return visit


def test_a_step_of_an_edited_plan_tells_how_much_it_is_too_long(waiting: Visit) -> None:
    page = waiting.page
    page.get_by_role("button", name="Edit…").click()
    field = page.get_by_label("Step description").first
    field.fill("x" * 2345)
    page.get_by_role("button", name="Save changes").click()
    problem = page.locator('[data-slot="edit-problem"]:visible')
    problem.wait_for()
    assert problem.inner_text() == "the description is too long: 2,345 of 2,000 characters"
    assert field.input_value() == "x" * 2345


def test_a_title_in_an_edited_plan_tells_how_much_it_is_too_long(waiting: Visit) -> None:
    page = waiting.page
    page.get_by_role("button", name="Edit…").click()
    page.get_by_label("Add a step").select_option("create_task")
    page.get_by_role("button", name="Add step").click()
    page.get_by_label("title *").fill("x" * 1250)
    page.get_by_role("button", name="Save changes").click()
    problem = page.locator('[data-slot="edit-problem"]:visible')
    problem.wait_for()
    assert "1,250 of 200 characters" in problem.inner_text()


def test_a_reason_that_is_too_long_stays_in_its_field(waiting: Visit) -> None:
    page = waiting.page
    page.locator("summary:visible", has_text="Reject…").click()
    field = page.get_by_role("textbox", name="What should change?")
    field.fill("x" * 12_345)
    page.get_by_role("button", name="Reject", exact=True).click()
    assert "12,345 of 10,000 characters" in alert(page)
    assert field.input_value() == "x" * 12_345
    assert page.get_by_role("button", name="Approve").is_enabled()


def test_a_message_that_is_too_long_as_a_reason_stays_too(waiting: Visit) -> None:
    page = waiting.page
    waiting.say("x" * 12_345)
    page.get_by_role("button", name="Change the plan").click()
    assert alert(page) == "The reason is too long: 12,345 of 10,000 characters."
    assert page.locator("#message").input_value() == "x" * 12_345


def test_the_name_of_a_project_is_not_cut(visit: Visit) -> None:
    page = visit.live()
    page.get_by_text("New project…").click()
    page.locator('.new-project [name="name"]').fill("x" * 1250)
    page.get_by_role("button", name="Create project").click()
    page.get_by_text("This text is too long: 1,250 of 200 characters.").wait_for()
    assert page.locator("#id_name").input_value() == "x" * 1250
    visit.troubles.clear()


def test_no_field_cuts_what_is_pasted(waiting: Visit) -> None:
    page = waiting.page
    page.get_by_role("button", name="Edit…").click()
    page.locator(".editor-step").first.wait_for()
    page.locator(".task [data-open]").first.click()
    page.locator(".task .detail").wait_for()
    assert page.locator("[maxlength]").count() == 0
    templates = "[...document.querySelectorAll('template')].map((one) => one.innerHTML).join()"
    assert "maxlength" not in page.evaluate(templates)


@pytest.mark.parametrize(
    "text",
    ["    code\n    more", "\tcode", "\n\n  two lines down", "    1. a\n\n        b"],
)
def test_the_blanks_before_a_message_are_kept(visit: Visit, text: str) -> None:
    page = visit.live()
    visit.say(f"{text} \n")
    visit.wait(lambda: page.locator("[data-run][data-over]").count() == 1)
    said = '[data-slot="said-content"]'
    assert page.locator(said).first.evaluate("(one) => one.textContent") == text
    page.reload()
    assert page.locator(said).first.evaluate("(one) => one.textContent") == text


def test_blanks_alone_are_no_message(visit: Visit) -> None:
    page = visit.live()
    visit.say("  \n\t ")
    assert page.locator("#outbox > *, .exchange").count() == 0
    assert page.locator("#alert").is_hidden()


def test_a_title_is_cut_between_what_a_reader_sees_as_characters(visit: Visit) -> None:
    page = visit.live()
    family = "👨‍👩‍👧‍👦"
    visit.say("Create a task to plan a day " + family * 10)
    visit.wait_for("succeeded")
    title = "Create a task to plan a day " + family * 4 + "…"
    assert page.locator("#title").inner_text() == title
    assert page.title().startswith(title)
    page.reload()
    assert page.locator("#title").inner_text() == title
