"""The page of a project, in Chromium: each of its controls does what the API's operation does."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import Visit
from tests.support.server import ServerProcess

pytestmark = pytest.mark.browser


@pytest.fixture
def page(visit: Visit) -> Page:
    visit.page.goto(f"{visit.url}/projects/{visit.server.project}/")
    return visit.page


def told(page: Page, text: str) -> None:
    page.get_by_role("status").filter(has_text=text).wait_for()


def test_the_owner_edits_the_project_in_place(visit: Visit, page: Page) -> None:
    page.get_by_text("Edit name and description").click()
    page.locator("main").get_by_label("Name", exact=True).fill("Clinic")
    description = page.get_by_role("textbox", name="Description").and_(page.locator("main *"))
    description.fill("Doctors publish slots.")
    page.get_by_role("button", name="Save project").click()
    told(page, "Saved.")
    assert page.locator("h1").inner_text() == "Clinic"
    assert page.locator(".brief").inner_text() == "Doctors publish slots."


def test_the_owner_manages_the_members(browser: Browser, visit: Visit, page: Page) -> None:
    page.get_by_text("Invite a person").click()
    page.get_by_label("Username").fill("alice")
    page.get_by_role("button", name="Invite").click()
    page.get_by_text("This user is the owner.").wait_for()
    visit.troubles.clear()  # Chromium tells of the refusal's status
    field = page.get_by_label("Username")
    assert field.get_attribute("aria-invalid") == "true"
    field.fill("bob")
    page.get_by_role("button", name="Invite").click()
    told(page, "Invited.")
    page.get_by_role("button", name="Withdraw the invitation of bob").wait_for()
    bob = Visit(browser, visit.server, "bob")
    bob.page.goto(page.locator(".members code").inner_text())
    bob.page.get_by_role("button", name="Join").click()
    told(bob.page, "You have joined the project.")
    bob.context.close()
    page.reload()
    page.get_by_label("Role of bob", exact=True).select_option("editor")
    page.get_by_role("button", name="Change role of bob").click()
    told(page, "Role changed.")
    assert page.get_by_label("Role of bob", exact=True).input_value() == "editor"
    page.get_by_role("button", name="Remove bob").click()
    told(page, "Member removed.")
    assert page.get_by_label("Role of bob", exact=True).count() == 0


def test_the_owner_deletes_the_project_by_its_name(visit: Visit, page: Page) -> None:
    page.get_by_role("link", name="Delete project…").click()
    page.locator("main", has_text="2 sessions").wait_for()
    page.get_by_label("Name of the project").fill("Clinic booking")
    page.get_by_role("button", name="Delete this project").click()
    page.get_by_role("heading", name="What are you building?").wait_for()
    assert visit.server.rows("SELECT * FROM agent_project") == []


def test_a_session_is_renamed_and_deleted_from_the_list_and_on_its_page(
    visit: Visit, page: Page
) -> None:
    page.get_by_label("Edit “New session”").first.click()
    page.get_by_label("Title").first.fill("Planning")
    page.get_by_role("button", name="Rename session").first.click()
    told(page, "Session renamed.")
    other = visit.open()
    page.locator("main").get_by_role("link", name="Planning").first.click()
    page.locator('#connection[data-state="live"]').wait_for()
    other.goto(page.url)
    other.locator('#connection[data-state="live"]').wait_for()
    page.get_by_role("button", name="Session menu").click()
    page.get_by_role("textbox", name="Title").fill("Booking")
    page.get_by_role("button", name="Rename session").click()
    page.locator("#title", has_text="Booking").wait_for()
    other.bring_to_front()
    other.locator("#title", has_text="Booking").wait_for()
    page.bring_to_front()
    page.get_by_role("button", name="Session menu").click()
    page.get_by_role("link", name="Delete session…").click()
    page.get_by_role("button", name="Delete this session").click()
    told(page, "Session deleted.")
    other.locator("#gone").wait_for()
    assert "This session was deleted" in other.locator("#gone").inner_text()
    assert other.locator("main").get_by_role("textbox").count() == 0
    other.close()
    assert visit.server.rows("SELECT count(*) FROM agent_chatsession") == [(1,)]


def test_a_token_is_created_and_revoked(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.url}/tokens/")
    page.locator("main").get_by_label("Name").fill("Nightly")
    page.get_by_role("button", name="Create token").click()
    page.get_by_role("heading", name="Your new key").wait_for()
    assert page.locator("#key").inner_text().startswith("samurai_")
    page.get_by_role("button", name="Revoke Nightly").click()
    told(page, "Token revoked.")
    assert page.get_by_text("Nightly").count() == 0


def test_a_task_and_a_memory_are_written_by_hand(visit: Visit, page: Page) -> None:
    page.get_by_role("link", name="New task").click()
    page.get_by_label("Title").fill("Booking")
    page.get_by_label("Acceptance criteria, one a line").fill("A mail is sent")
    page.get_by_role("button", name="Add task").click()
    told(page, "Task added.")
    page.get_by_role("link", name="Booking", exact=True).click()
    page.get_by_label("A mail is sent").check()
    page.get_by_role("button", name="Save task").click()
    told(page, "Saved.")
    assert page.get_by_label("A mail is sent").is_checked()
    page.get_by_text("Delete task…").click()
    page.get_by_role("button", name="Delete task").click()
    told(page, "Task deleted.")
    page.get_by_role("link", name="New memory").click()
    page.get_by_label("Title").fill("Stack")
    page.get_by_label("Content").fill("Flask")
    page.get_by_role("button", name="Add memory").click()
    told(page, "Memory added.")
    page.get_by_label("Content").fill("Django")
    page.get_by_role("button", name="Save memory").click()
    told(page, "Saved.")
    page.get_by_role("button", name="Use this version, number 1").click()
    told(page, "Saved.")
    assert page.get_by_label("Content").input_value() == "Flask"
    page.get_by_text("Delete memory…").click()
    page.get_by_role("button", name="Delete memory").click()
    told(page, "Memory deleted.")
    page.get_by_role("button", name="Undo the last change").click()
    told(page, "The last change was undone.")
    assert page.get_by_label("Content").input_value() == "Flask"


def test_all_of_it_works_without_a_script(browser: Browser, server: ServerProcess) -> None:
    visit = Visit(browser, server, java_script_enabled=False)
    page = visit.page
    page.goto(f"{visit.url}/projects/{server.project}/")
    page.get_by_text("Edit name and description").click()
    page.locator("main").get_by_label("Name", exact=True).fill("Clinic")
    page.get_by_role("button", name="Save project").click()
    told(page, "Saved.")
    for title in ("Booking", "Invoices"):
        page.get_by_role("link", name="New task").click()
        page.get_by_label("Title").fill(title)
        page.get_by_role("button", name="Add task").click()
        told(page, "Task added.")
    page.get_by_role("link", name="Invoices", exact=True).click()
    page.get_by_role("button", name="Move up").click()
    told(page, "Task moved by one place in its column.")
    page.get_by_label("Status").select_option("blocked")
    page.get_by_role("button", name="Save task").click()
    told(page, "Saved.")
    page.get_by_role("link", name="Back to the project").click()
    page.get_by_label("Words").fill("invo")
    page.get_by_role("button", name="Show", exact=True).click()
    page.locator(".card-task").wait_for()
    assert page.locator(".card-task a").all_inner_texts() == ["Invoices"]
    page.get_by_label("Edit “New session”").first.click()
    page.get_by_role("textbox", name="Title").first.fill("Planning")
    page.get_by_role("button", name="Rename session").first.click()
    told(page, "Session renamed.")
    visit.context.close()
