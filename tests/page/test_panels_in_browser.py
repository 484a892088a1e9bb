"""Tasks and memories beside the transcript, in Chromium: what changed, finding, opening, arranging."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Route

from tests.support.browser import Visit
from tests.support.panels import levels, opened, titles, with_board

pytestmark = pytest.mark.browser

# -- what changed ----------------------------------------------------------------------------------


def test_what_the_latest_message_changed_is_marked_and_undone_there(visit: Visit) -> None:
    page = with_board(visit)
    assert page.locator(".task[data-fresh]").count() == 3
    visit.say("Mark the sign-up task as in progress")
    visit.wait_for("succeeded", "succeeded")
    marked = page.locator(".task[data-fresh]")
    assert marked.locator('[data-slot="task-brief"]').all_inner_texts() == [
        "Changed: status in progress"
    ]
    assert visit.shown() == visit.reloaded()
    marked.get_by_role("button", name="Undo").click()
    visit.wait(lambda: marked.get_attribute("data-status") == "pending")
    assert visit.shown() == visit.reloaded()


def test_what_was_deleted_can_be_brought_back_where_it_was(visit: Visit) -> None:
    page = with_board(visit)
    visit.say("Delete the sign-up task")
    visit.wait_for("succeeded", "succeeded")
    gone = page.get_by_role("list", name="Recently deleted tasks")
    assert "Deleted task “Patient sign-up”" in gone.inner_text()
    assert visit.shown() == visit.reloaded()
    gone.get_by_role("button", name="Undo").click()
    visit.wait(lambda: len(titles(page)) == 3)
    assert gone.count() == 0
    assert visit.shown() == visit.reloaded()


def test_a_subtask_stands_within_its_task(visit: Visit) -> None:
    page = with_board(visit)
    visit.say("Create a subtask of the sign-up task: verify the email")
    visit.wait_for("succeeded", "succeeded")
    assert levels(page) == ["1", "2", "1", "1"]
    assert visit.shown() == visit.reloaded()


# -- finding ---------------------------------------------------------------------------------------


def test_tasks_are_filtered_by_words_status_and_priority(visit: Visit) -> None:
    page = with_board(visit)
    visit.say("Mark the sign-up task as in progress")
    visit.wait_for("succeeded", "succeeded")
    page.locator("#task-filter > summary").click()
    words = page.get_by_role("searchbox", name="Search tasks")
    words.fill("slot free")  # perhaps before the filter is loaded
    visit.wait(lambda: titles(page) == ["Doctors publish free slots"])
    assert page.locator('[data-slot="tasks-count"]').inner_text() == "1 of 3"
    for number, shown in (("#3", ["Patients book a slot"]), ("#33", [])):
        words.fill(number)
        assert titles(page) == shown
    words.fill("")
    page.get_by_label("Status", exact=True).select_option("In progress")
    assert titles(page) == ["Patient sign-up"]
    page.get_by_label("Priority", exact=True).select_option("High")
    assert page.get_by_text("No matching tasks.").is_visible()
    visit.say("Create a task to write the docs")  # what comes is filtered, too
    visit.wait_for(*["succeeded"] * 3)
    assert titles(page) == []
    page.locator("#task-filter > summary").click()
    visit.wait(lambda: len(titles(page)) == 4)


def test_what_is_typed_into_a_filter_that_is_still_loading_counts(visit: Visit) -> None:
    page = with_board(visit)
    held: list[Route] = []
    page.route("**/panels/search.js*", lambda route: held.append(route))
    page.locator("#task-filter > summary").click()
    page.get_by_role("searchbox", name="Search tasks").fill("slot free")
    page.get_by_label("Priority", exact=True).focus()
    assert len(titles(page)) == 3
    visit.wait(lambda: bool(held))
    held.pop().continue_()
    visit.wait(lambda: titles(page) == ["Doctors publish free slots"])
    assert page.evaluate("document.activeElement.name") == "priority"  # where the person is


# -- several people --------------------------------------------------------------------------------


def test_a_change_while_the_line_was_away_reaches_the_panels(
    browser: Browser, visit: Visit
) -> None:
    page = visit.live()
    visit.context.set_offline(True)
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    other = Visit(browser, visit.server, "alice")
    other.page.goto(f"{visit.server.url}/sessions/{visit.server.other_session}/")
    other.page.locator('#connection[data-state="live"]').wait_for()
    other.say("Create a task to write the docs")
    other.wait_for("succeeded")
    other.context.close()
    visit.context.set_offline(False)
    visit.wait(lambda: titles(page) == ["Write the docs"])


def test_a_viewer_opens_a_task_and_finds_nothing_to_change(browser: Browser, visit: Visit) -> None:
    with_board(visit)
    carol = Visit(browser, visit.server, "carol")
    page = carol.live()
    assert carol.shown() == carol.reloaded()
    page.locator(".task [data-open]").first.click()
    panels = page.locator("#panels")
    panels.locator(".task .detail").wait_for()
    names = panels.locator("button:not([data-open])").all_inner_texts()
    assert names == ["Copy as Markdown", "Copy for a coding agent"]
    assert panels.locator(".detail :is(input, select, textarea), .grip").count() == 0
    carol.context.close()


# -- opening ---------------------------------------------------------------------------------------


def test_a_task_is_edited_in_its_place_and_everybody_sees_it(
    browser: Browser, visit: Visit
) -> None:
    page = with_board(visit)
    carol = Visit(browser, visit.server, "carol")
    carol.live()
    detail = opened(page, "Patient sign-up")
    detail.get_by_label("Title").fill("Sign up with a phone")
    detail.get_by_label("Title").press("Enter")
    detail.get_by_label("Status").select_option("In progress")
    detail.get_by_label("Priority").select_option("High")
    detail.get_by_label("Description").fill("By text message.")
    page.keyboard.press("Escape")
    row = carol.page.locator(".task").first
    carol.wait(lambda: "in progress · high priority" in row.inner_text())
    assert "Sign up with a phone" in row.inner_text()
    told = "SELECT description FROM agent_task"
    visit.wait(lambda: ("By text message.",) in visit.server.rows(told))
    visit.wait(lambda: visit.shown() == visit.reloaded())
    carol.wait_for_log()
    assert carol.shown() == carol.reloaded()
    carol.context.close()


def test_what_one_is_writing_stays_while_anothers_change_comes_in(
    browser: Browser, visit: Visit
) -> None:
    page = with_board(visit)
    detail = opened(page, "Patient sign-up")
    title = detail.get_by_label("Title")
    title.fill("Mine")  # written, and not left yet
    other = Visit(browser, visit.server)
    theirs = opened(other.live(), "Patient sign-up")
    theirs.get_by_label("Title").fill("Theirs")
    theirs.get_by_label("Title").press("Enter")
    theirs.get_by_label("Priority").select_option("High")
    visit.wait(lambda: "Theirs" in titles(page))
    visit.wait(lambda: detail.get_by_label("Priority").input_value() == "high")
    assert title.input_value() == "Mine"
    other.context.close()
    title.press("Enter")
    detail.get_by_text("Changed to “Theirs” by someone else.").wait_for()
    assert "Theirs" in titles(page)
    title.fill("Mine, as both say")
    title.press("Enter")
    visit.wait(lambda: "Mine, as both say" in titles(page))


def change_behind(visit: Visit, **fields: str) -> Locator:
    """Opens the first task and changes it as a program does, without the page learning of it."""
    page = with_board(visit)
    page.route("**/board/", lambda route: route.abort())
    with page.expect_response("**/api/tasks/*/"):
        detail = opened(page, "Patient sign-up")
    key = page.locator(".task").first.get_attribute("data-key")
    answer = page.evaluate(
        """async ([path, body]) => {
          const { src } = document.querySelector('[src$="/session.js"]');
          const { request } = await import(new URL("support/rest.js", src));
          return (await request("PATCH", path, { body })).status;
        }""",
        [f"/api/tasks/{key}/", fields],
    )
    assert answer == 200
    return detail


def test_a_change_to_something_else_in_between_is_no_conflict(visit: Visit) -> None:
    detail = change_behind(visit, priority="low")
    detail.get_by_label("Title").fill("Sign up")
    detail.get_by_label("Title").press("Enter")
    visit.wait(lambda: "Sign up" in titles(visit.page))
    rows = visit.server.rows("SELECT title, priority FROM agent_task ORDER BY position")
    assert rows[0] == ("Sign up", "low")
    visit.troubles.clear()  # Chromium tells of the first attempt's status


def test_who_would_write_over_anothers_words_is_told_of_them(visit: Visit) -> None:
    detail = change_behind(visit, title="Theirs")
    detail.get_by_label("Title").fill("Mine")
    detail.get_by_label("Title").press("Enter")
    told = detail.get_by_text("Changed to “Theirs” by someone else.")
    told.wait_for()
    assert detail.get_by_label("Title").input_value() == "Mine"
    assert ("Theirs",) in visit.server.rows("SELECT title FROM agent_task")
    visit.troubles.clear()  # likewise


def test_what_is_saved_before_the_version_came_overwrites_nobody(visit: Visit) -> None:
    page = with_board(visit)
    held: list[Route] = []
    page.route("**/api/tasks/*/", lambda route: held.append(route), times=1)
    detail = opened(page, "Patient sign-up")
    detail.get_by_label("Title").fill("Mine")
    detail.get_by_label("Title").press("Enter")
    visit.wait(lambda: bool(held))
    visit.server.change("UPDATE agent_task SET title = 'Theirs' WHERE title = 'Patient sign-up'")
    held[0].continue_()
    detail.get_by_text("Changed to “Theirs” by someone else.").wait_for()
    assert ("Theirs",) in visit.server.rows("SELECT title FROM agent_task")


def test_what_cannot_be_saved_is_told_beside_it(visit: Visit) -> None:
    page = with_board(visit)
    detail = opened(page, "Patient sign-up")
    detail.get_by_label("Title").fill("   ")
    detail.get_by_label("Title").press("Enter")
    told = detail.locator(".reason")
    told.wait_for()
    assert "blank" in told.inner_text()
    visit.troubles.clear()  # Chromium tells of the refusal's status


def test_a_specification_is_read_and_copied(visit: Visit) -> None:
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = with_board(visit)
    detail = opened(page, "Patient sign-up")
    detail.get_by_text("Specification").click()
    visit.wait(lambda: "# Patient sign-up" in detail.locator("pre").inner_text())
    detail.get_by_role("button", name="Copy for a coding agent").click()
    visit.wait(lambda: page.locator("#status").inner_text() == "Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("# Patient sign-up")
    assert "## Project" in copied


def test_what_a_task_is_planned_with_is_edited_and_ticked_in_place(visit: Visit) -> None:
    page = with_board(visit)
    detail = opened(page, "Patient sign-up")
    note = page.locator(".task").first.locator('[data-slot="task-note"]')
    values = {
        "Due": "2099-12-04",
        "Estimate in hours": "1.5",
        "Assignee": "alice",
        "Labels": "ui, api",
        "Acceptance criteria": "Works on a phone\nHas a test",
    }
    for label, value in values.items():
        detail.get_by_label(label, exact=False).first.fill(value)
        page.keyboard.press("Tab")
    planned = "due 2099-12-04 · 1.5 h · alice · {}/2 criteria · ui, api"
    visit.wait(lambda: note.text_content() == planned.format(0))
    box = detail.get_by_role("checkbox", name="Has a test")
    box.check()
    visit.wait(lambda: note.text_content() == planned.format(1))
    assert visit.server.rows("SELECT due, labels FROM agent_task ORDER BY number")[0] == (
        "2099-12-04",
        " ui api ",
    )
    detail.get_by_label("Estimate in hours").fill("")
    page.keyboard.press("Tab")
    detail.get_by_label("Due").fill("")
    page.keyboard.press("Tab")
    visit.wait(lambda: note.text_content() == "alice · 1/2 criteria · ui, api")
    detail.get_by_label("Due").fill("2020-12-04")
    page.keyboard.press("Tab")
    visit.wait(lambda: str(note.text_content()).startswith("overdue, due 2020-12-04 · alice"))
    page.keyboard.press("Escape")
    assert visit.shown() == visit.reloaded()


def test_what_waits_and_what_is_ready_is_shown_and_filtered(visit: Visit) -> None:
    page = with_board(visit)
    first, second, third = titles(page)
    visit.say(f"“{second}” depends on “{first}”")
    visit.wait_for("succeeded", "succeeded")
    note = page.locator(".task").nth(1).locator('[data-slot="task-note"]')
    visit.wait(lambda: note.text_content() == f"waits for “{first}”")
    page.locator("#task-filter > summary").click()
    page.get_by_role("combobox", name="Status").select_option("ready")
    visit.wait(lambda: page.locator(".task:visible").count() == 2)
    visit.say(f"Cancel “{first}”")
    visit.wait_for("succeeded", "succeeded", "succeeded")
    waiting = page.locator(".task", has_text=second).locator('[data-slot="task-note"]')
    visit.wait(lambda: waiting.text_content() == "ready")
    page.get_by_role("combobox", name="Status").select_option("")
    visit.wait(lambda: titles(page) == [second, third, first])
    page.locator("#task-filter > summary").click()
    assert visit.shown() == visit.reloaded()


def test_a_deleted_task_leaves_its_undo_and_the_focus_goes_on(visit: Visit) -> None:
    page = with_board(visit)
    opened(page, "Patient sign-up").get_by_role("button", name="Delete").click()
    visit.wait(lambda: len(titles(page)) == 2)
    focused = "document.activeElement.textContent"
    visit.wait(lambda: page.evaluate(focused) == "Doctors publish free slots")
    page.get_by_role("list", name="Recently deleted tasks").get_by_role(
        "button", name="Undo"
    ).click()
    visit.wait(lambda: len(titles(page)) == 3)
    assert visit.shown() == visit.reloaded()


def test_a_memory_is_revised_read_back_and_forgotten(visit: Visit) -> None:
    page = visit.live()
    visit.say("Remember that we decided to use Django.")
    visit.wait_for("succeeded")
    memory = page.locator(".memory")
    title = memory.locator('[data-slot="memory-title"]').inner_text()
    detail = opened(page, title)
    detail.get_by_label("Content").fill("We use Flask.")
    page.keyboard.press("Tab")
    note = memory.locator('[data-slot="memory-note"]')
    visit.wait(lambda: note.text_content() == "We use Flask.")
    detail.get_by_text("History").click()
    visit.wait(lambda: detail.locator(".revisions > li").count() == 2)
    detail.get_by_role("button", name="Use this version").click()
    visit.wait(lambda: note.text_content() != "We use Flask.")
    visit.wait(lambda: detail.locator(".revisions > li").count() == 3)
    detail.get_by_role("button", name="Delete").click()
    gone = page.get_by_role("list", name="Recently deleted memories")
    gone.wait_for()
    assert memory.count() == 0
    assert visit.shown() == visit.reloaded()
    gone.get_by_role("button", name="Undo").click()
    memory.wait_for()


def test_memory_is_searched_and_what_was_meant_is_marked(visit: Visit) -> None:
    page = visit.live()
    visit.say("Remember that we decided to use Django.")
    visit.wait_for("succeeded")
    visit.say("Remember that I prefer writing tests first.")
    visit.wait_for("succeeded", "succeeded")
    assert page.locator(".memory").count() == 2
    page.locator("#memory-search > summary").click()
    search = page.get_by_role("searchbox", name="Search memory")
    search.fill("testing")  # another form of the word
    visit.wait(lambda: page.locator(".memory").count() == 1)
    marks = page.locator(".memory mark").all_inner_texts()
    assert marks
    assert all(mark.lower().startswith("test") for mark in marks)
    search.fill("kubernetes")
    page.get_by_text("No matching memories.").wait_for()
    search.fill("")
    visit.wait(lambda: page.locator(".memory").count() == 2)
    page.locator("#memory-search > summary").click()
    visit.wait(lambda: page.locator("mark").count() == 0)
    assert visit.shown() == visit.reloaded()
