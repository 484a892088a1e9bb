"""What an approval shows of the objects that a plan would change: which ones they are."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.board import tasks
from agent.event_log import effect_texts
from agent.memory import memories
from agent.models import ChatSession, Memory, Project, Run, Task
from agent.runs.runs import MessageRequest
from tests.support.scripted_runs import create, log_of, make_tasks, outcome, result_of, use
from tests.support.tools import having

pytestmark = pytest.mark.django_db(transaction=True)

ASK_FIRST = MessageRequest("Do it", approval="required")
set_task = sync_to_async(tasks.update_task)


async def shown(session: ChatSession, user: User, *steps: dict[str, Any]) -> list[dict[str, Any]]:
    run = await outcome(session, user, ASK_FIRST, *steps)
    assert run.status == Run.Status.WAITING
    frame = next(e for e in await log_of(session) if e["type"] == "approval")
    effects: list[dict[str, Any]] = frame["text"]["effects"]
    return effects


async def test_tasks_of_one_title_are_told_apart_by_their_numbers(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, *["Send an invoice"] * 3)
    steps = [use("s1", "delete_task", task="#1"), use("s2", "delete_task", task="#3")]
    assert [one["text"] for one in await shown(session, alice, *steps)] == [
        "Delete task #1 “Send an invoice”",
        "Delete task #3 “Send an invoice”",
    ]


async def test_the_reason_names_the_task_that_the_message_does_not_ask_for(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Send an invoice", "Send an invoice")
    message = MessageRequest("Delete the invoice task")
    run = await outcome(session, alice, message, use("s1", "delete_task", task="#2"))
    reason = (await run.approvals.aget()).reason
    assert reason == ("Deletes #2 “Send an invoice”, which your message does not clearly ask for.")


@sync_to_async
def remember(project: Project, title: str, *contents: str) -> list[Memory]:
    """Two memories of one title differ in their kind; so may their contents."""
    return [
        memories.remember(project_id=project.pk, title=title, content=content, kind=kind)[0]
        for content, kind in zip(contents, ("decision", "note"), strict=True)
    ]


async def test_memories_of_one_title_are_told_apart_by_kind_and_content(
    session: ChatSession, alice: User, project: Project
) -> None:
    django, old = await remember(project, "Stack", "Django\nand Channels", "Flask " * 60)
    steps = [
        use("s1", "delete_memory", memory=str(django.pk)),
        use("s2", "update_memory", memory=str(old.pk), category="old"),
    ]
    first, second = await shown(session, alice, *steps)
    assert first["text"] == "Delete memory “Stack” (decision: Django and Channels)"
    assert second["text"].startswith("Change memory “Stack” (note: Flask Flask")
    assert second["text"].endswith("…)")


async def test_other_parents_and_dependencies_are_shown_before_and_after(
    session: ChatSession, alice: User, project: Project
) -> None:
    task, old, new, needed = await make_tasks(project, "Booking", "Old", "New", "Login")
    await set_task(task=task, parent=old, depends_on=[needed])
    steps = [
        create("s1", "Reminders"),
        use(
            "s2",
            "update_task",
            "s1",
            task="#1",
            parent="#3",
            depends_on=["#4", result_of("s1", "task_id")],
        ),
        use("s3", "update_task", "s2", task="#1", depends_on=[]),
    ]
    _, moved, freed = await shown(session, alice, *steps)
    assert moved["text"] == "Change task #1 “Booking”"
    assert moved["fields"] == [
        ["parent task", "#2 “Old”", "#3 “New”"],
        ["dependencies", "#4 “Login”", "#4 “Login”; “Reminders”"],
    ]
    assert freed["fields"] == [["dependencies", "#4 “Login”; “Reminders”", "–"]]
    assert await Task.objects.acount() == 4
    assert new.number == 3


def test_an_approval_of_an_older_log_says_that_links_change() -> None:
    change: Any = {"object": "task", "id": "x", "title": "Booking", "action": "updated"}
    change |= {"before": {"parent": None}, "after": {"parent": "y"}}
    (effect,) = effect_texts.effects([{"step": "s1", "changes": [change], "note": ""}])
    assert (effect["text"], effect["fields"]) == (
        "Change task “Booking”",
        [["parent task", "", "changed"]],
    )


async def test_the_reason_counts_what_is_deleted_once(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, *[f"Task {number}" for number in range(8)])
    steps = [use(f"s{number}", "delete_task", task=f"#{number}") for number in range(1, 9)]
    run = await outcome(session, alice, MessageRequest("Delete all tasks"), *steps)
    assert (await run.approvals.aget()).reason == "Deletes 8 tasks."


async def test_what_is_called_with_what_is_shown_before_it_is_known_what_it_does(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Booking")
    long = "p1 " * 60
    with (
        having("check_site", lambda call, given: "Login", "reads"),
        having("publish", lambda call, given: ""),
    ):
        steps = [
            use("a", "delete_task", task="#1"),
            use("b", "check_site", text="p1"),
            use("c", "publish", text=long),
            use("d", "create_task", "b", title=result_of("b", "text")),
        ]
        _, checked, published, created = await shown(session, alice, *steps)
    assert checked["text"] == "Runs check_site with text = p1; only reads"
    assert published["text"] == "Runs publish; effects can't be previewed"
    assert published["fields"] == [["text", "", long]]
    assert created["text"] == (
        "Runs create_task with title = text of step 2; effects depend on the results of earlier steps"
    )


async def test_a_step_that_only_reads_adds_nothing_to_what_waits(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Booking")
    with having("check_site", lambda call, given: "Login", "reads"):
        await shown(session, alice, use("s1", "delete_task", task="#1"), use("s2", "check_site"))
    frame = next(one for one in await log_of(session) if one["type"] == "approval")
    assert frame["text"]["line"] == "Waiting for your approval: deletes 1 task"
    assert frame["text"]["effects"][1]["text"] == "Runs check_site; only reads"


async def test_contents_of_what_is_made_and_of_what_is_lost_are_shown(
    session: ChatSession, alice: User, project: Project
) -> None:
    (task,) = await make_tasks(project, "Booking")
    await set_task(task=task, description="Old text")
    long = "Every word of it. " * 40
    criteria = ["It works"]
    steps = [
        use(
            "s1", "create_task", title="Docs", description=long, priority="high", criteria=criteria
        ),
        use("s2", "create_memory", title="Stack", content="Django", kind="decision"),
        use("s3", "create_task", "s1", title="Read", depends_on=[result_of("s1", "task_id")]),
        use("s4", "delete_task", task="#1"),
    ]
    deleted, docs, stack, read = await shown(session, alice, *steps)
    assert (deleted["text"], deleted["step"]) == ("Delete task #1 “Booking”", "s4")
    assert deleted["fields"] == [["description", "Old text", ""]]
    assert docs["fields"] == [
        ["description", "", long.strip(), "719 characters"],
        ["priority", "", "high"],
        ["acceptance criteria", "", "☐ It works"],
    ]
    assert stack["fields"] == [["content", "", "Django"]]
    assert read["fields"] == [["dependencies", "", "“Docs”"]]


async def test_characters_that_nobody_sees_are_shown_as_marks(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Booking")
    hidden = "pay\u202eyap\u200b\ntwo\ud83d\ude00".encode("utf-16", "surrogatepass").decode(
        "utf-16"
    )
    steps = [
        use("s1", "delete_task", task="#1"),
        use("s2", "create_task", title="Docs", description=hidden),
    ]
    _, docs = await shown(session, alice, *steps)
    assert docs["fields"] == [["description", "", "pay[U+202E]yap[U+200B]\ntwo😀"]]
