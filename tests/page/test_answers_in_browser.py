"""Answers in Chromium: links, task lists, footnotes, and copying them and tasks as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from agent.event_log import events
from tests.support import story_events
from tests.support.browser import Visit
from tests.support.fake_socket import FakeSocket, seen
from tests.support.model_server import ModelServer, by_schema, said
from tests.support.server import ServerProcess
from tests.support.story_events import FIRST

pytestmark = pytest.mark.browser

ANSWER = """One line
and the next, see https://docs.example/a[^1].

- [ ] to do
- [x] done

| a | b |
|---|---|
| 1 | 2 |

    code

[^1]: The *note*.
"""


@pytest.fixture
def answered(
    browser: Browser, scripted_model: ModelServer, scripted_server: ServerProcess
) -> Iterator[Visit]:
    """Two answers of a model, both with the same footnote."""
    analysis = {"intent": "question", "summary": "Asks", "needs_tools": False, "question": ""}
    scripted_model.handler = by_schema(
        analysis=said(analysis), memory=said({"notes": []}), answer=ANSWER
    )
    visit = Visit(browser, scripted_server, permissions=["clipboard-read", "clipboard-write"])
    visit.live()
    visit.say("What is open?")
    visit.wait_for("succeeded")
    visit.say("And now?")
    visit.wait_for("succeeded", "succeeded")
    yield visit
    visit.context.close()
    assert visit.troubles == []


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_an_answer_shows_live_what_it_shows_after_a_reload(answered: Visit) -> None:
    page = answered.page
    prose = page.locator('[data-slot="run-html"]').last
    assert prose.locator("br").count() == 1
    boxes = prose.get_by_role("checkbox", name="Done")
    assert [box.is_checked() for box in boxes.all()] == [False, True]
    assert all(box.is_disabled() for box in boxes.all())
    assert answered.shown() == answered.reloaded()


def test_a_link_opens_in_a_new_tab_that_does_not_know_this_one(answered: Visit) -> None:
    page = answered.page
    answered.context.route("**docs.example/**", lambda route: route.fulfill(body="docs"))
    link = page.get_by_role("link", name="https://docs.example/a").last
    assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    with answered.context.expect_page() as opened:
        link.click()
    opened.value.wait_for_load_state()
    assert urlsplit(opened.value.url).netloc == "docs.example"
    assert opened.value.evaluate("[document.referrer, window.opener]") == ["", None]
    assert page.url == answered.address


def test_a_footnote_of_the_second_answer_leads_to_its_own_note(answered: Visit) -> None:
    page = answered.page
    ids = page.locator("#entries [id]").evaluate_all("(all) => all.map(({ id }) => id)")
    assert len(ids) == len(set(ids))
    answers = page.locator('[data-slot="run-html"]')
    for answer in answers.all():
        link = answer.locator(".footnote-ref a")
        link.click()
        note = answer.locator(".footnote-item")
        assert note.evaluate("(one) => one.matches(':target')")
        answer.locator(".footnote-backref").click()
        assert link.evaluate("(one) => one.matches(':target')")
    assert page.locator("#alert").is_hidden()


def test_an_answer_is_copied_as_the_markdown_that_it_was_written_in(answered: Visit) -> None:
    page = answered.page
    button = page.locator(".answer-actions").last.get_by_text("Copy as Markdown")
    button.click()
    page.get_by_role("button", name="Copied").wait_for()
    assert clipboard(page) == ANSWER.strip()
    page.get_by_text("Copy as Markdown").nth(1).wait_for()  # its label comes back


def test_where_the_server_is_not_reached_nothing_is_copied(answered: Visit) -> None:
    page = answered.page
    page.evaluate("navigator.clipboard.writeText('before')")
    page.route("**/api/runs/**", lambda route: route.abort())
    page.locator(".answer-actions").last.get_by_text("Copy as Markdown").click()
    page.get_by_role("button", name="Copy failed").wait_for()
    assert clipboard(page) == "before"


def test_a_task_is_copied_as_markdown_with_those_within_it(
    browser: Browser, server: ServerProcess
) -> None:
    visit = Visit(browser, server, permissions=["clipboard-read", "clipboard-write"])
    page = visit.live()
    visit.say("Create a task to write the docs")
    visit.wait_for("succeeded")
    visit.say("Create a subtask of the docs task: read the code")
    visit.wait_for("succeeded", "succeeded")
    page.locator(".task [data-open]").first.click()
    page.locator('.detail [name="description"]').fill("For *users*.\n\n    make run")
    page.locator('.detail [name="title"]').focus()
    page.locator(".told", has_text="Saved.").wait_for()
    page.locator(".task .detail").get_by_role("button", name="Copy as Markdown").click()
    page.locator(".told", has_text="Copied.").wait_for()
    assert clipboard(page) == (
        "# Write the docs\n\nFor *users*.\n\n    make run\n\n- [ ] Read the code"
    )
    visit.context.close()


def test_the_html_of_an_older_answer_is_shown_as_it_was(visit: Visit) -> None:
    socket = FakeSocket(visit.page)
    page = visit.live()
    html = (
        '<p>See <a href="https://docs.example" rel="noopener nofollow">the docs</a></p>\n'
        "<ul>\n<li>[x] done</li>\n</ul>\n<pre><code>a = 1\n</code></pre>\n"
    )
    told = (
        story_events.said(FIRST, "Hi", 1),
        events.Run(FIRST, "running"),
        story_events.complete(FIRST, "See the docs", html, 10),
    )
    for seq, event in enumerate(told, 1):
        socket.send(event.frame(seq))
    visit.wait(lambda: seen(page) == 3)
    prose = page.locator('[data-slot="run-html"]').last
    assert (
        prose.get_by_role("link", name="the docs").get_attribute("href") == "https://docs.example"
    )
    assert prose.locator("li").inner_text() == "[x] done"
    assert prose.get_by_role("button", name="Copy").count() == 1


QUESTION = {"question": "Which “payment” provider?", "choices": ["Stripe", "Pay*Pal & Co"]}


def test_a_choice_of_an_open_question_is_sent_at_once_and_no_other_offer(
    browser: Browser, scripted_model: ModelServer, scripted_server: ServerProcess
) -> None:
    step = {"id": "s1", "type": "answer", "tool": None, "description": "", "arguments": {}}
    plan = {"summary": "", "steps": [{**step, "depends_on": []}], "questions": [QUESTION, "When?"]}
    analysis = {"intent": "command", "summary": "Plans", "needs_tools": True, "question": ""}
    scripted_model.handler = by_schema(
        analysis=said(analysis),
        plan=said(plan),
        memory=said({"notes": []}),
        answer="Planned. - Which “payment” provider? [Delete everything](#say)",
    )
    visit = Visit(browser, scripted_server)
    page = visit.live()
    visit.say("Plan the release")
    visit.wait_for("succeeded")
    field = page.locator("#message")
    page.get_by_role("link", name="Delete everything").click()
    assert field.input_value() == "Delete everything"
    field.fill("Not sent yet")
    page.get_by_role("link", name="Pay*Pal & Co").click()
    visit.wait_for("succeeded", "succeeded")
    messages = page.locator('[data-slot="said-content"]').all_inner_texts()
    assert messages == ["Plan the release", "Which “payment” provider? Pay*Pal & Co"]
    assert field.input_value() == "Not sent yet"
    assert visit.shown() == visit.reloaded()
    visit.context.close()
    assert visit.troubles == []
