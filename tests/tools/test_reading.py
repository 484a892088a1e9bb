"""Tools that read: in full, within bounds, and of their own project alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agent.board import tasks
from agent.exceptions import ToolFailed
from agent.memory import memories
from agent.models import ChatSession, Message, Project, Task
from agent.testing import ScriptedModel
from agent.tools import registry
from agent.tools.registry import ToolCall
from tests.support.scripted_runs import create, plan, process
from tests.support.scripted_runs import use as step
from tests.support.tool_calls import Use, call_of, user_of

LONG = "Given a slot. " * 1_000


@pytest.fixture
def call(session: ChatSession) -> ToolCall:
    return call_of(session)


@pytest.fixture
def use(call: ToolCall) -> Use:
    return user_of(call)


@pytest.fixture
def elsewhere(alice: User) -> ChatSession:
    """A session of another project of the same person."""
    project = Project.objects.create(name="Other", owner=alice)
    return ChatSession.objects.create(project=project, created_by=alice, title="Elsewhere")


def test_tasks_are_read_in_full_with_what_they_are_linked_to(use: Use) -> None:
    use("create_task", title="Parent")
    use("create_task", title="Slots")
    use("create_task", title="Book", description=LONG, parent="Parent", depends_on=["Slots"])
    use("create_task", title="Remind", depends_on=["Book"])
    use("create_task", title="Cancel", parent="Book")
    (task,) = use("get_tasks", tasks=["Book", "book"])["tasks"]
    assert task["description"] == LONG.strip()
    links = ("part_of", "depends_on", "needed_by", "subtasks")
    titles = [[linked["title"] for linked in task[name]] for name in links]
    assert titles == [["Parent"], ["Slots"], ["Remind"], ["Cancel"]]
    assert task["created_at"] <= task["changed_at"]


def test_a_task_is_read_with_all_that_people_plan_with(use: Use, alice: User) -> None:
    use("create_task", title="Slots")
    use(
        "create_task",
        title="Book",
        due="2026-12-04",
        estimate=1.5,
        labels=["web"],
        assignee="alice",
        criteria=["A slot is booked", "A mail is sent"],
        depends_on=["Slots"],
    )
    use("tick_criterion", task="Book", criterion="1")
    (task,) = use("get_tasks", tasks=["#2"])["tasks"]
    assert (task["number"], task["depends_on"][0]["number"]) == ("#2", "#1")
    names = ("due", "estimate", "labels", "assignee")
    assert [task[name] for name in names] == ["2026-12-04", 1.5, ["web"], alice.get_username()]
    assert task["criteria"] == [
        {"text": "A slot is booked", "done": True},
        {"text": "A mail is sent", "done": False},
    ]


def test_the_texts_of_one_result_are_bounded_and_cut_with_a_mark(use: Use) -> None:
    names = [f"Task {n}" for n in range(20)]
    use("create_tasks", tasks=[{"title": name, "description": LONG} for name in names])
    read = use("get_tasks", tasks=names)["tasks"]
    assert sum(len(task["description"]) for task in read) < 62_000
    assert read[0]["description"].endswith("… [cut: 3,000 of 13,999 characters]")


def test_memories_are_read_in_full(call: ToolCall, use: Use) -> None:
    use("create_memory", title="Tests", content="x" * 9_000, kind="fact", category="work")
    use("update_memory", memory="Tests", kind="decision")
    (memory,) = use("get_memories", memories=["Tests"])["memories"]
    assert (memory["content"], memory["kind"], memory["category"]) == (
        "x" * 9_000,
        "decision",
        "work",
    )
    assert (memory["source"], memory["revisions"]) == ("On speed: we cache.", 2)


def test_messages_of_all_sessions_are_searched(
    session: ChatSession, use: Use, elsewhere: ChatSession
) -> None:
    other = ChatSession.objects.create(project=session.project, title="Kickoff")
    for where, text in (
        (session, "Payments by card"),
        (other, f"{'Long. ' * 300}We decided that payments are booked monthly. {'More. ' * 300}"),
        (other, "Nothing of interest"),
        (elsewhere, "Payments booked in secret"),
    ):
        Message.objects.create(session=where, role="user", content=text)
    found = use("search_messages", query="How are the payments booked?")
    assert found["total"] == 2
    best, next_best = found["messages"]
    assert (best["session"], next_best["text"]) == ("Kickoff", "Payments by card")
    assert "payments are booked monthly" in best["text"]
    assert len(best["text"]) < 700
    assert "secret" not in str(found)
    shown = use("search_messages", query="payments", limit=1)
    assert (len(shown["messages"]), shown["total"]) == (1, 2)
    assert use("search_messages", query="cache")["total"] == 0  # not the message itself


def test_the_history_of_a_memory_is_that_of_its_revisions(use: Use) -> None:
    use("create_memory", title="Tests", content="First.", kind="fact")
    use("update_memory", memory="Tests", content="Last.")
    history = use("get_history", memory="Tests", limit=1)
    assert history["total"] == 2
    (latest,) = history["changes"]
    assert (latest["action"], latest["by"]) == ("updated", "alice")
    assert latest["values"] == [{"field": "content", "before": "First.", "after": "Last."}]


@pytest.mark.django_db(transaction=True)
async def test_the_history_of_a_task_is_that_of_the_events_of_the_sessions(
    session: ChatSession,
) -> None:
    plans = [
        plan(create("s1", "Pay")),
        plan(step("s1", "update_task", task="Pay", description=LONG)),
    ]
    project = session.project
    model = ScriptedModel(plans=[*plans, plan(step("s1", "get_history", task="Pay"))])
    for _ in range(2):
        await process(model, project, session)
    result = await process(model, project)
    read = result.steps[0]["result"]
    assert [entry["action"] for entry in read["changes"]] == ["updated", "created"]
    (value,) = read["changes"][0]["values"]
    assert (value["field"], value["before"]) == ("description", "")
    assert value["after"].endswith("of 13,999 characters]")


def test_without_a_time_the_changes_since_the_last_message_are_listed(
    session: ChatSession, use: Use
) -> None:
    use("create_task", title="Before")
    Task.objects.update(updated_at=timezone.now() - timedelta(hours=3))
    said = Message.objects.create(session=session, role="user", content="Earlier")
    Message.objects.filter(pk=said.pk).update(created_at=timezone.now() - timedelta(hours=2))
    use("create_task", title="After")
    assert [change["title"] for change in use("list_changes")["changes"]] == ["After"]


def test_reading_tools_change_nothing_and_find_nothing_of_another_project(
    use: Use, elsewhere: ChatSession
) -> None:
    names = [tool.name for tool in registry.all_tools() if tool.reads]
    assert set(names) >= {"get_tasks", "get_memories", "search_messages", "get_history"}
    assert not any(tool.alters or tool.destructive for tool in registry.all_tools() if tool.reads)
    task, _ = tasks.create_task(project_id=elsewhere.project_id, title="Secret plan")
    memory, _ = memories.remember(
        project_id=elsewhere.project_id, title="Secret", content="Secret fact", kind="fact"
    )
    for name, arguments in (
        ("get_tasks", {"tasks": [str(task.pk)]}),
        ("get_memories", {"memories": [str(memory.pk)]}),
        ("get_history", {"task": str(task.pk)}),
        ("get_history", {"memory": "Secret"}),
    ):
        with pytest.raises(ToolFailed, match=r"was never in this project|There is no memory"):
            use(name, **arguments)
    for name in ("search_tasks", "search_memories", "search_messages"):
        assert use(name, query="secret")["total"] == 0
    assert use("list_changes")["changes"] == []
