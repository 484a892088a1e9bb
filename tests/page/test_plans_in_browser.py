"""Deciding on a plan in Chromium: what it would change, approving by key, editing, and two at once."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute

from tests.support.browser import Visit

pytestmark = pytest.mark.browser

DELETE = "Delete the booking task and delete the invoices task"


@pytest.fixture
def asked(visit: Visit) -> Visit:
    """A plan of two steps waits, each of which deletes a task."""
    visit.live()
    visit.say("I need: 1. booking 2. reminders 3. invoices")
    visit.wait_for("succeeded")
    visit.say(DELETE)
    visit.wait_for("succeeded", "waiting")
    return visit


def edit(visit: Visit) -> Page:
    visit.page.get_by_role("button", name="Edit…").click()
    visit.page.locator(".editor-step").first.wait_for()
    return visit.page


def save(page: Page) -> None:
    page.get_by_role("button", name="Save changes").click()


def descriptions(page: Page) -> list[str]:
    return page.locator('.exchange:last-child [data-slot="step-description"]').all_inner_texts()


def effects(page: Page) -> list[str]:
    return page.locator('.effect:visible [data-slot="effect-text"]').all_inner_texts()


def titles(page: Page) -> list[str]:
    return page.locator('.task [data-slot="task-title"]').all_inner_texts()


def test_what_the_plan_would_change_is_seen_before_it_does(asked: Visit) -> None:
    page = asked.page
    assert effects(page) == ["Delete task #1 “Booking”", "Delete task #3 “Invoices”"]
    assert "Expires" in page.locator(".terms:visible").inner_text()
    assert len(titles(page)) == 3


def test_a_screen_reader_hears_what_the_plan_that_waits_would_do(asked: Visit) -> None:
    said = "Waiting for your approval: deletes 2 tasks"
    status = asked.page.get_by_role("status").and_(asked.page.locator("#status"))
    asked.wait(lambda: status.inner_text() == said)
    asked.live()
    asked.wait(lambda: status.inner_text() == said)


def test_one_key_approves_where_nobody_types(asked: Visit) -> None:
    page = asked.page
    page.locator("#message").press_sequentially("a")
    assert page.locator("#message").input_value() == "a"
    page.locator("#message").press("Escape")
    assert page.locator(".approval:visible").evaluate("(one) => one === document.activeElement")
    assert page.locator(".approval:visible").count() == 1
    page.keyboard.press("a")
    asked.wait_for("succeeded", "succeeded")
    assert titles(page) == ["Reminders"]
    assert "Approved by alice" in asked.reloaded()


def test_a_step_is_dropped_and_the_rest_is_carried_out(asked: Visit) -> None:
    page = edit(asked)
    page.get_by_role("button", name="Remove step 2").click()
    save(page)
    asked.wait(lambda: effects(page) == ["Delete task #1 “Booking”"])
    asked.wait_for_log()
    assert page.locator(".editor").count() == 0
    assert asked.shown() == asked.reloaded()
    page.get_by_role("button", name="Approve").click()
    asked.wait_for("succeeded", "succeeded")
    assert titles(page) == ["Reminders", "Invoices"]


def drag(page: Page) -> None:
    """Drags the first step onto the last."""
    grip = page.locator(".handle").first.bounding_box()
    goal = page.locator(".editor-step header b").last.bounding_box()
    assert grip is not None
    assert goal is not None
    page.mouse.move(grip["x"] + 5, grip["y"] + 5)
    page.mouse.down()
    page.mouse.move(goal["x"] + 5, goal["y"] + 5, steps=5)
    page.mouse.up()


def test_steps_are_reordered_by_buttons_and_by_dragging(asked: Visit) -> None:
    asked.page.set_viewport_size({"width": 1280, "height": 1400})  # all of it can be seen
    page = edit(asked)
    page.get_by_role("button", name="Down step 1").click()
    rows = page.locator('[data-slot="edit-line"]')
    swapped = ["Delete “Invoices”", "Delete “Booking”"]

    def shown() -> list[str]:
        return rows.all_inner_texts()

    assert shown() == swapped
    drag(page)
    asked.wait(lambda: shown() == swapped[::-1])
    page.get_by_role("button", name="Up step 2").click()
    save(page)
    asked.wait(lambda: descriptions(page) == swapped)


def test_a_long_plan_is_edited_as_one_short_list(visit: Visit) -> None:
    page = visit.live()
    numbers = range(1, 20)
    visit.say("I need: " + " ".join(f"{number}. part{number}" for number in numbers))
    visit.wait_for("succeeded")
    visit.say(", ".join(f"delete task #{number}" for number in numbers))
    visit.wait_for("succeeded", "waiting")
    edit(visit)
    assert page.locator(".editor :is(input, select, textarea)").count() < 12
    save_button = page.get_by_role("button", name="Save changes")
    for size in ({"width": 1400, "height": 900}, {"width": 390, "height": 844}):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        assert page.locator(".editor").evaluate("(form) => form.scrollHeight") < 1_600
        for number in (1, 19):
            row = page.locator(".editor-step").nth(number - 1)
            row.get_by_role("button", expanded=False).or_(
                row.get_by_role("button", expanded=True)
            ).focus()
            page.keyboard.press("Enter")
            if row.locator(".editor-body").count() == 0:  # the first was unfolded already
                page.keyboard.press("Enter")
            assert page.locator(".editor-body").count() == 1
            assert row.get_by_label("Step description").input_value() == f"Delete “Part{number}”"
            for seen in (save_button, row.locator(".unfold")):
                place = seen.bounding_box()
                assert place is not None
                assert 0 < place["y"] < size["height"]
    page.get_by_label("Step description").fill("Delete the last one")
    save_button.click()
    visit.wait(lambda: descriptions(page)[-1] == "Delete the last one")


def test_arguments_are_changed_in_a_form_of_the_tool(asked: Visit) -> None:
    page = edit(asked)
    page.get_by_label("task *").first.select_option("#2 Reminders")
    save(page)
    asked.wait(lambda: effects(page)[:1] == ["Delete task #2 “Reminders”"])


def test_which_tasks_a_step_is_about_is_chosen_by_their_titles(visit: Visit) -> None:
    page = visit.live()
    visit.say("I need: 1. booking 2. reminders 3. invoices")
    visit.wait_for("succeeded")
    visit.say("Delete all tasks")
    visit.wait_for("succeeded", "waiting")
    edit(visit)
    reminders = page.get_by_role("checkbox", name="Reminders")
    assert reminders.is_checked()
    reminders.uncheck()
    save(page)
    visit.wait(lambda: effects(page) == ["Delete task #1 “Booking”", "Delete task #3 “Invoices”"])


def test_a_step_is_added_after_another(asked: Visit) -> None:
    page = edit(asked)
    page.get_by_label("Add a step").select_option("create task")
    page.get_by_role("button", name="Add step").click()
    added = page.locator(".editor-step").last
    added.get_by_label("Step description").fill("Create “Docs”")
    added.get_by_label("title *").fill("Docs")
    added.get_by_label("step 1").check()
    save(page)
    asked.wait(lambda: "Create task “Docs”" in effects(page))
    assert (
        "after step 1"
        in page.locator('.exchange:last-child [data-slot="step-note"]').last.inner_text()
    )


def test_a_list_of_tasks_is_edited_item_by_item(asked: Visit) -> None:
    page = edit(asked)
    page.get_by_label("Add a step").select_option("create tasks")
    page.get_by_role("button", name="Add step").click()
    for title in ("Docs", "Tests"):
        page.get_by_role("button", name="Add item").click()
        page.get_by_label("title *").last.fill(title)
    page.get_by_role("button", name="Remove item 1").click()
    save(page)
    asked.wait(lambda: effects(page)[2:] == ["Create task “Tests”"])


def test_what_is_wrong_is_shown_at_its_step_and_nothing_is_lost(asked: Visit) -> None:
    page = edit(asked)
    page.get_by_label("Add a step").select_option("create task")
    page.get_by_role("button", name="Add step").click()
    added = page.locator(".editor-step").last
    added.get_by_label("title *").fill(" ")
    save(page)
    problem = page.locator(".problem:visible")
    problem.wait_for()
    assert problem.inner_text().startswith("title: ")
    assert added.locator(".problem").is_visible()
    added.get_by_label("title *").fill("Docs")
    save(page)
    asked.wait(lambda: "Create task “Docs”" in effects(page))


def test_leaving_the_editor_changes_nothing(asked: Visit) -> None:
    page = edit(asked)
    page.get_by_role("button", name="Remove step 2").click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    assert effects(page) == ["Delete task #1 “Booking”", "Delete task #3 “Invoices”"]


class Held:
    """A second tab of the same person, to which frames come when the test lets them."""

    def __init__(self, visit: Visit) -> None:
        self.page = visit.open()
        self.holding = False
        self.held: list[str | bytes] = []
        self.page.route_web_socket(lambda url: "/ws/" in url, self._open)
        self.page.goto(visit.address)
        self.page.locator('#connection[data-state="live"]').wait_for()

    def _open(self, route: WebSocketRoute) -> None:
        self.route = route
        route.connect_to_server().on_message(self._pass)

    def _pass(self, frame: str | bytes) -> None:
        if self.holding:
            self.held.append(frame)
        else:
            self.route.send(frame)

    def release(self) -> None:
        self.holding = False
        for frame in self.held:
            self.route.send(frame)


def test_of_two_who_approve_at_once_the_second_is_told_who_was_first(asked: Visit) -> None:
    other = Held(asked)
    other.holding = True
    asked.page.get_by_role("button", name="Approve").click()
    asked.wait_for("succeeded", "succeeded")
    other.page.get_by_role("button", name="Approve").click()
    asked.wait(lambda: any('"rejected"' in str(frame) for frame in other.held))
    other.release()
    alert = other.page.locator("#alert")
    alert.wait_for()
    assert alert.inner_text().startswith("Approved by alice. Your choice had no effect.")
    assert titles(asked.page) == ["Reminders"]


def test_who_edits_a_plan_that_somebody_else_edits_keeps_the_edits(asked: Visit) -> None:
    other = Held(asked)
    other.page.get_by_role("button", name="Edit…").click()
    other.page.get_by_role("button", name="Remove step 1").click()
    page = edit(asked)
    page.get_by_role("button", name="Remove step 2").click()
    save(page)
    told = other.page.locator('.editor [role="alert"]:visible')
    told.wait_for()
    assert told.inner_text().startswith("Someone else edited this plan.")
    save(other.page)
    asked.wait(lambda: effects(page) == ["Delete task #3 “Invoices”"])


def test_who_edits_a_plan_that_somebody_decides_on_is_told(asked: Visit) -> None:
    other = Held(asked)
    other.page.get_by_role("button", name="Edit…").click()
    other.page.locator(".editor").wait_for()
    asked.page.get_by_role("button", name="Approve").click()
    alert = other.page.locator("#alert")
    alert.wait_for()
    assert alert.inner_text() == "Approved by alice. Your changes to the plan were not saved."
    assert other.page.locator(".editor").count() == 0


def test_an_editor_that_is_still_loaded_does_not_open_for_a_plan_that_was_decided_on(
    asked: Visit,
) -> None:
    page = asked.page
    held: list[Route] = []
    page.route("**/editor/plan_editor.js*", lambda route: held.append(route))
    page.get_by_role("button", name="Edit…").click()
    asked.wait(lambda: bool(held))
    other = asked.open()
    other.goto(asked.address)
    other.get_by_role("button", name="Approve").click()
    asked.wait_for("succeeded", "succeeded")
    held[0].continue_()
    alert = page.locator("#alert")
    alert.wait_for()
    assert alert.inner_text() == "Approved by alice. The plan can no longer be edited."
    assert page.locator(".editor").count() == 0


def test_nothing_empty_is_below_a_plan_that_waits(visit: Visit) -> None:
    page = visit.live()
    visit.say("Remember that we decided to use Django with PostgreSQL and to deploy every Friday.")
    visit.wait_for("succeeded")
    visit.say("I need: 1. booking with Django 2. invoices with PostgreSQL")
    visit.wait_for("succeeded", "succeeded")
    visit.say("Delete the booking task and delete the invoices task")
    visit.wait_for("succeeded", "succeeded", "waiting")
    left = page.evaluate(
        """() => {
          const { scrollHeight, scrollTop, firstElementChild } = document.getElementById("log");
          const { top } = document.getElementById("log").getBoundingClientRect();
          return scrollHeight - (firstElementChild.getBoundingClientRect().bottom - top + scrollTop);
        }"""
    )
    assert left < 100
