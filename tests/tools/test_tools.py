"""The tools: what they do to board and memory, and which arguments they take."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from agent.board import tasks
from agent.exceptions import ToolFailed
from agent.memory import memories
from agent.models import ChatSession, Memory, Project, Task
from agent.tools import registry
from agent.tools.references import missing_objects, named_objects
from agent.tools.registry import Tool, ToolCall
from tests.support.tool_calls import VALID, Use, call_of, user_of


def tool(name: str) -> Tool:
    found = registry.get(name)
    assert found is not None
    return found


# Everything that must be refused besides what `tests/plans/test_plan_fuzz.py` makes of the valid calls.
REFUSED: list[tuple[str, Any]] = [
    ("update_task", {"task": "Login"}),
    ("update_task", {"task": "Login", "title": None, "parent": None}),
    ("update_task", {"task": "Login", "status": "completed"}),
    ("update_memory", {"memory": "Tests"}),
    ("update_memory", {"memory": "Tests", "kind": None}),
    ("search_tasks", {"status": ["done"]}),
    ("search_tasks", {"status": "pending"}),
    ("create_task", {"title": "x", "at_top": True, "after_task": "Login"}),
    ("create_tasks", {"tasks": [{"title": "x"}], "before_task": "A", "after_task": "B"}),
    ("split_task", {"task": "Login", "parts": [{"title": "One"}]}),
    ("split_task", {"task": "Login", "parts": [{"title": "One"}, {"title": "Two", "after": [1]}]}),
    ("update_project", {}),
    ("update_project", {"description": "x", "edits": [{"how": "append", "text": "y"}]}),
    ("create_task", {"title": "x", "criteria": ["Has a test", "has a test."]}),
    ("create_tasks", {"tasks": []}),
    ("create_tasks", {"tasks": [{"title": "x"}] * 101}),
    ("create_tasks", {"tasks": ["Login"]}),
    ("create_tasks", {"tasks": [{}]}),
    ("create_tasks", {"tasks": [{"title": ""}]}),
    ("create_tasks", {"tasks": [{"title": "Login", "status": "pending"}]}),
    ("create_tasks", {"tasks": [{"title": "Login", "priority": "urgent"}]}),
    ("create_tasks", {"tasks": [{"title": "Login", "description": None}]}),
    ("create_tasks", {"tasks": [{"title": "Login", "depends_on": [""]}]}),
    ("create_tasks", {"tasks": [{"title": "Login", "after": [0]}]}),
    ("create_tasks", {"tasks": [{"title": "Login", "after": [-1]}]}),
    ("create_tasks", {"tasks": [{"title": "Login", "after": ["0"]}]}),
    ("create_tasks", {"tasks": [{"title": "One"}, {"title": "Two", "after": [True]}]}),
    ("create_tasks", {"tasks": [{"title": "One", "after": [1]}, {"title": "Two"}]}),
    ("get_tasks", {"tasks": []}),
    ("get_tasks", {"tasks": ["x"] * 21}),
    ("get_history", {}),
    ("get_history", {"task": "Login", "memory": "Tests"}),
    ("list_changes", {"since": "yesterday"}),
    ("list_changes", {"since": "2026-03-04T09:00:00"}),
    ("list_changes", {"since": "2026-03-04T09:00:00Z", "limit": 101}),
    ("move_task", {"task": "Login"}),
    ("move_task", {"task": "Login", "before": "A", "after": "B"}),
    ("update_tasks", {"tasks": ["Login"]}),
    ("update_tasks", {"tasks": [], "priority": "high"}),
    ("delete_tasks", {"tasks": ["x"] * 101}),
    ("create_task", []),
    ("create_task", None),
    ("create_task", "Login"),
]


@pytest.mark.parametrize(("name", "arguments"), REFUSED)
def test_arguments_that_break_a_rule_are_refused_in_words(name: str, arguments: Any) -> None:
    errors = tool(name).check(arguments)
    assert errors
    assert all(len(error) > 10 for error in errors)


def test_an_empty_text_is_no_reference(call: ToolCall, use: Use) -> None:
    empty = {"parent": "", "after_task": " ", "before_task": "", "estimate": "", "assignee": ""}
    use("create_task", title="Login", **empty, due="")
    use("create_tasks", tasks=[{"title": "Pay", "parent": "", "due": ""}], after_task="")
    use("move_task", task="Pay", before="Login", after="")
    use("update_task", task="Pay", parent="", priority="", estimate="", title="Pay by card")
    assert [(task.title, task.parent_id) for task in Task.objects.order_by("position")] == [
        ("Pay by card", None),
        ("Login", None),
    ]
    assert use("search_tasks", assignee="", label="", due_until="")["total"] == 2
    assert use("get_history", task="Login", memory="")["title"] == "Login"
    for nothing in ({"task": ""}, {"task": "Login", "after": ""}):
        assert tool("move_task").check(nothing)


def test_a_placeholder_may_stand_for_any_reference() -> None:
    holder = {"$from": "s1", "path": "task_id"}
    for name, arguments in (
        ("delete_task", {"task": holder}),
        ("update_task", {"task": holder, "parent": holder, "depends_on": [holder]}),
        ("create_tasks", {"tasks": [{"title": "Login", "depends_on": [holder, "Slots"]}]}),
        ("delete_memory", {"memory": {"$from": "s1", "path": "memory_id"}}),
    ):
        assert tool(name).check(arguments) == []
    assert tool("change_task_status").check({"task": holder, "status": "done"})
    assert tool("delete_task").check({"task": {"$from": "s1"}})


def test_only_deleting_is_destructive_and_every_tool_explains_itself() -> None:
    found = [tool(name) for name in VALID]
    assert [one.name for one in found if one.destructive] == [
        "delete_tasks",
        "delete_task",
        "delete_memory",
    ]
    assert not any(one.is_async for one in found)
    for one in found:
        assert one.description
        assert one.spec.parameters["additionalProperties"] is False


# -- what they do ----------------------------------------------------------------------------------


@pytest.fixture
def call(session: ChatSession) -> ToolCall:
    return call_of(session)


@pytest.fixture
def use(call: ToolCall) -> Use:
    return user_of(call)


def actions(call: ToolCall) -> list[tuple[str, str]]:
    return [(change.object, change.action) for change in call.changes]


def test_a_task_is_created_with_all_that_was_said(call: ToolCall, use: Use) -> None:
    needed = use("create_task", title="Slots")
    made = use(
        "create_task",
        title=" Booking ",
        description="Book and cancel",
        priority="high",
        parent="slots",
        depends_on=[needed["task_id"]],
    )
    task = Task.objects.get(pk=made["task_id"])
    assert made == {"task_id": str(task.pk), "number": "#2", "title": "Booking"}
    assert call.changes[-1].after == {
        **tasks.task_json(task),
        "description": "Book and cancel",
        "priority": "high",
        "parent": needed["task_id"],
        "depends_on": [needed["task_id"]],
    }
    assert actions(call) == [("task", "created")] * 2


def test_a_list_of_tasks_is_created_in_one_call(call: ToolCall, use: Use) -> None:
    use("create_task", title="Design")
    made = use(
        "create_tasks",
        tasks=[
            {"title": "Slots", "depends_on": ["design"]},
            {"title": "Booking"},
            {"title": "Reminder", "after": [1]},
        ],
    )
    assert made["titles"] == ["Slots", "Booking", "Reminder"]
    needs = [
        list(Task.objects.get(pk=key).depends_on.values_list("title", flat=True))
        for key in made["task_ids"]
    ]
    assert needs == [["Design"], [], ["Booking"]]
    assert actions(call) == [("task", "created")] * 4


def test_a_task_is_updated_in_what_is_given(call: ToolCall, use: Use) -> None:
    use("create_tasks", tasks=[{"title": "Slots"}, {"title": "Booking", "after": [0]}])
    made = use("update_task", task="Booking", title="Book a slot", parent="Slots", priority="low")
    task = Task.objects.get(pk=made["task_id"])
    assert (task.title, task.priority, task.parent.title) == ("Book a slot", "low", "Slots")
    assert [needed.title for needed in task.depends_on.all()] == ["Slots"]
    use("update_task", task="Book a slot", parent="", depends_on=[])
    task.refresh_from_db()
    assert (task.parent, task.depends_on.count()) == (None, 0)
    use("update_task", task="Book a slot", title="Book a slot")
    assert actions(call)[2:] == [("task", "updated")] * 2


def test_a_status_is_changed_once(call: ToolCall, use: Use) -> None:
    made = use("create_task", title="Slots")
    for _ in range(2):
        assert use("change_task_status", task="Slots", status="completed") == {
            **made,
            "status": "completed",
            "still_open": [],
        }
    assert actions(call) == [("task", "created"), ("task", "updated")]


def test_who_completes_a_task_is_told_what_it_still_waits_for(use: Use) -> None:
    use("create_tasks", tasks=[{"title": "Slots"}, {"title": "Booking", "after": [0]}])
    use("create_task", title="Cancel a booking", parent="Booking")
    done = use("change_task_status", task="Booking", status="completed")
    assert done["still_open"] == ["Slots", "Cancel a booking"]
    assert use("change_task_status", task="Slots", status="completed")["still_open"] == []


def test_several_tasks_are_changed_in_one_step(call: ToolCall, use: Use) -> None:
    use("create_tasks", tasks=[{"title": "Slots"}, {"title": "Booking"}, {"title": "Ship"}])
    found = use("search_tasks", status=["pending"])["task_ids"]
    done = use("change_tasks_status", tasks=[*found[:2], "Slots"], status="completed")
    assert done["titles"] == ["Slots", "Booking"]
    assert use("change_tasks_status", tasks=found, status="completed")["titles"] == ["Ship"]
    assert use("update_tasks", tasks=["Slots", "Ship"], parent="Booking")["task_ids"]
    assert use("move_task", task="Ship", before="Slots")["title"] == "Ship"
    assert [task.title for task in Task.objects.all()] == ["Ship", "Slots", "Booking"]
    assert use("delete_tasks", tasks=found)["task_ids"] == [found[2], found[0], found[1]]
    assert len(call.changes) == 3 + 3 + 2 + 1 + 3


def test_tasks_are_searched_by_words_and_status(call: ToolCall, use: Use) -> None:
    titles = ["Slots", "Book a slot", "Sign-up", "Sign the contract"]
    use("create_tasks", tasks=[{"title": title} for title in titles])
    use("change_task_status", task="Sign-up", status="blocked")

    def found(**arguments: Any) -> tuple[list[str], int]:
        result = use("search_tasks", **arguments)
        return [task["title"] for task in result["tasks"]], result["total"]

    assert found() == (titles, 4)
    assert found(limit=1) == (["Slots"], 4)
    assert found(query="slot", limit=1)[1] == 2
    assert set(found(query="signing")[0]) == {"Sign-up", "Sign the contract"}
    assert found(query="signing", status=["blocked", "completed"]) == (["Sign-up"], 1)
    assert found(status=["completed"]) == ([], 0)
    use("delete_task", task="Sign-up")
    assert found(query="signing") == (["Sign the contract"], 1)
    assert actions(call)[4:] == [("task", "updated"), ("task", "deleted")]


def test_a_memory_is_remembered_with_its_origin_and_only_once(call: ToolCall, use: Use) -> None:
    said = {"title": "Redis", "content": "We cache in Redis.", "kind": "decision"}
    made = use("create_memory", **said, category="storage")
    assert use("create_memory", **said) == made
    assert actions(call) == [("memory", "created")]
    one = Memory.objects.get()
    assert (one.source_message_id, one.category) == (call.message_id, "storage")
    assert (one.revisions.get().run_id, one.revisions.get().by_id) == (call.run_id, call.user_id)
    assert memories.recall(call.project_id, "How do we get speed?", 5) == [one]


def test_memories_are_updated_searched_and_deleted(call: ToolCall, use: Use) -> None:
    use("create_memory", title="Redis", content="We cache in Redis.", kind="decision")
    use("create_memory", title="Firefox", content="We test on Firefox.", kind="preference")
    use("update_memory", memory="redis", content="We cache in the process.", category="storage")
    use("update_memory", memory="redis", title="Redis")
    result = use("search_memories", query="caching", kind="decision")
    assert result["total"] == 1
    assert result["memories"][0]["content"] == "We cache in the process."
    assert use("search_memories", query="caching", kind="fact") == {"memories": [], "total": 0}
    newest = use("search_memories", query="", limit=1)
    assert (newest["memories"][0]["title"], newest["total"]) == ("Redis", 2)
    use("delete_memory", memory="the Redis decision")
    assert use("search_memories", query="process storage")["total"] == 0
    assert actions(call)[2:] == [("memory", "updated"), ("memory", "deleted")]


def test_a_tool_that_finds_nothing_to_work_on_fails_in_words(call: ToolCall, use: Use) -> None:
    use("create_tasks", tasks=[{"title": "SMS reminder"}, {"title": "Email reminder"}])
    for name, arguments, said in (
        ("delete_task", {"task": "reminder"}, "matches several"),
        ("delete_task", {"task": "Invoices"}, "There is no task"),
        ("create_task", {"title": "New", "parent": "Invoices"}, "There is no task"),
        ("update_task", {"task": "SMS reminder", "depends_on": ["SMS reminder"]}, "circle"),
        ("update_memory", {"memory": str(uuid4()), "title": "x"}, "The memory is gone"),
    ):
        with pytest.raises(ToolFailed, match=said):
            use(name, **arguments)
    assert len(call.changes) == Task.objects.count() == 2


# -- references, for whoever checks a plan ---------------------------------------------------------


def test_every_reference_of_a_call_is_named_with_its_place() -> None:
    holder = {"$from": "s1", "path": "task_id"}
    arguments = {
        "tasks": [
            {"title": "Slots", "depends_on": ["Design", holder]},
            {"title": "Design", "after": [0]},
            {"title": "Booking", "depends_on": [holder, "Sign-up"]},
        ]
    }
    assert list(named_objects(tool("create_tasks"), arguments)) == [
        ("tasks.0.depends_on.0", "task", "Design"),
        ("tasks.2.depends_on.1", "task", "Sign-up"),
    ]
    update = {"task": "A", "title": "B", "parent": "", "depends_on": None}
    assert list(named_objects(tool("update_task"), update)) == [("task", "task", "A")]
    update = {"task": holder, "parent": "C", "depends_on": ["D"]}
    assert list(named_objects(tool("update_task"), update)) == [
        ("parent", "task", "C"),
        ("depends_on.0", "task", "D"),
    ]
    create = {"title": "A", "parent": None}
    assert list(named_objects(tool("create_task"), create)) == []
    assert list(named_objects(tool("delete_memory"), {"memory": "M"})) == [
        ("memory", "memory", "M")
    ]


@pytest.mark.parametrize("arguments", [{}, {"tasks": "x"}, {"tasks": [7, None, {"depends_on": 1}]}])
def test_arguments_of_any_form_can_be_looked_through(arguments: dict[str, Any]) -> None:
    assert list(named_objects(tool("create_tasks"), arguments)) == []


def test_references_to_nothing_or_to_several_are_told_before_anything_runs(
    project: Project, call: ToolCall, use: Use
) -> None:
    use("create_tasks", tasks=[{"title": "SMS reminder"}, {"title": "Email reminder"}])
    good = {"task": "sms reminder", "depends_on": ["Email reminder"]}
    assert missing_objects(project.pk, tool("update_task"), good) == []
    bad = {"task": "reminder", "parent": "Invoices", "depends_on": ["Email reminder"]}
    first, second = missing_objects(project.pk, tool("update_task"), bad)
    assert first.startswith("task: “reminder” matches several: “SMS reminder” (")
    assert "type ask" in first  # the model is not to take its pick
    assert "type ask" not in second
    assert second.startswith("parent: There is no task “Invoices”")
    assert missing_objects(project.pk, tool("delete_memory"), {"memory": "SMS reminder"}) == [
        "memory: There is no memory “SMS reminder” in this project."
    ]


def test_changes_since_a_time_are_listed_latest_first(call: ToolCall, use: Use) -> None:
    for title in ("Old", "Older"):
        use("create_task", title=title)
    use("create_memory", title="Speed", content="We cache.", kind="decision")
    Task.objects.update(created_at="2026-03-01T09:00Z", updated_at="2026-03-01T09:00Z")
    Memory.objects.update(created_at="2026-03-01T09:00Z", updated_at="2026-03-01T09:00Z")
    use("create_task", title="New")
    use("change_task_status", task="Old", status="completed")
    use("delete_memory", memory="Speed")
    found = use("list_changes", since="2026-03-02T00:00:00Z")
    told = [(each["title"], each["action"], each["status"]) for each in found["changes"]]
    assert told == [
        ("Speed", "deleted", "decision"),
        ("Old", "changed", "completed"),
        ("New", "created", "pending"),
    ]
    assert found["more"] is False
    limited = use("list_changes", since="2026-03-01T00:00:00+01:00", limit=3)
    assert ([each["title"] for each in limited["changes"]], limited["more"]) == (
        ["Speed", "Old", "New"],
        True,
    )
    assert use("list_changes", since="2199-01-01T00:00:00Z")["changes"] == []
