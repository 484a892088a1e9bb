"""Tools that edit a text in places, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from agent.exceptions import ToolFailed
from agent.models import ChatSession, Memory, Task
from agent.tools import registry
from tests.support.tool_calls import Use, call_of, user_of

SCENARIOS = "\n\n".join(
    f"Scenario: case {n}\n  Given a slot\n  Then it is booked" for n in range(7)
)


@pytest.fixture
def use(session: ChatSession) -> Use:
    return user_of(call_of(session))


def test_one_scenario_of_a_long_description_is_changed(use: Use) -> None:
    made = use("create_task", title="Booking", description=SCENARIOS)
    passage = "case 3\n  Given a slot"
    edits = [{"how": "replace", "find": passage, "text": "case 3\n  Given a free slot"}]
    assert use("update_task", task="Booking", edits=edits) == made
    after = SCENARIOS.replace(passage, "case 3\n  Given a free slot")
    assert Task.objects.get().description == after


def test_a_memory_is_edited_within_its_limit(use: Use) -> None:
    use("create_memory", title="Tests", content="We test on Firefox.", kind="decision")
    use("update_memory", memory="Tests", edits=[{"how": "append", "text": "And on Chromium."}])
    assert Memory.objects.get().content == "We test on Firefox.\n\nAnd on Chromium."
    with pytest.raises(ToolFailed, match="10,000"):
        use("update_memory", memory="Tests", edits=[{"how": "append", "text": "x" * 10_000}])


def test_several_tasks_get_texts_of_their_own_in_one_step(session: ChatSession) -> None:
    call = call_of(session)
    use = user_of(call)
    use("create_tasks", tasks=[{"title": name, "description": f"On {name}."} for name in "ABC"])
    done = use(
        "edit_tasks",
        tasks=[
            {"task": "A", "description": "New."},
            {"task": "B", "edits": [{"how": "append", "text": "More."}]},
            {"task": "C", "edits": [{"how": "replace", "find": "On C.", "text": "On C."}]},
        ],
    )
    assert done["titles"] == ["A", "B"]  # of C nothing changed
    assert [task.description for task in Task.objects.all()] == ["New.", "On B.\n\nMore.", "On C."]
    assert [change.action for change in call.changes[3:]] == ["updated"] * 2


def test_several_tasks_get_titles_of_their_own_also_those_that_others_had(use: Use) -> None:
    use("create_tasks", tasks=[{"title": name, "description": f"On {name}."} for name in "AB"])
    items = [
        {"task": "A", "title": "B"},
        {"task": "B", "title": "A", "description": "New."},
    ]
    assert use("edit_tasks", tasks=items)["titles"] == ["B", "A"]
    found = [(task.title, task.description) for task in Task.objects.order_by("number")]
    assert found == [("B", "On A."), ("A", "New.")]


def test_an_edit_that_does_not_fit_changes_nothing(use: Use) -> None:
    use("create_task", title="Booking", description="A slot.")
    edits = [{"how": "append", "text": "B."}, {"how": "replace", "find": "a room", "text": "x"}]
    with pytest.raises(ToolFailed, match="does not contain “a room”"):
        use("update_task", task="Booking", edits=edits)
    assert Task.objects.get().description == "A slot."


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("update_task", {"task": "A", "edits": []}),
        (
            "update_task",
            {"task": "A", "description": "x", "edits": [{"how": "append", "text": "y"}]},
        ),
        ("update_task", {"task": "A", "edits": [{"how": "append", "text": " "}]}),
        ("update_task", {"task": "A", "edits": [{"how": "replace", "text": "x"}]}),
        ("update_task", {"task": "A", "edits": [{"how": "section", "find": " ", "text": "x"}]}),
        ("update_task", {"task": "A", "edits": [{"how": "sed", "find": "a", "text": "x"}]}),
        (
            "update_memory",
            {"memory": "A", "content": "x", "edits": [{"how": "append", "text": "y"}]},
        ),
        ("edit_tasks", {"tasks": []}),
        ("edit_tasks", {"tasks": [{"task": "A"}]}),
        (
            "edit_tasks",
            {
                "tasks": [
                    {"task": "A", "description": "x", "edits": [{"how": "append", "text": "y"}]}
                ]
            },
        ),
    ],
)
def test_edits_that_cannot_be_made_are_refused_in_words(name: str, arguments: Any) -> None:
    tool = registry.get(name)
    assert tool is not None
    assert tool.check(arguments)
