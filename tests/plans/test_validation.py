"""Which plans can be carried out, and what is said of those that cannot."""

from __future__ import annotations

import re
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from agent.board import tasks
from agent.exceptions import PlanInvalid
from agent.memory import memories
from agent.models import Membership, Project, Task
from agent.plan import MAX_STEPS
from agent.plans import parser, validation
from agent.tools import registry
from agent.tools.registry import Arguments, Result, ToolCall

pytestmark = pytest.mark.django_db


def step(key: str, tool: str = "create_task", *needs: str, **arguments: Any) -> dict[str, Any]:
    return {
        "id": key,
        "type": "tool",
        "tool": tool,
        "description": f"Do {key}",
        "arguments": arguments or {"title": "Login"},
        "depends_on": list(needs),
    }


def words(key: str, kind: str = "answer", **more: Any) -> dict[str, Any]:
    return {"id": key, "type": kind, "description": "Say it", **more}


def result_of(key: str, path: str) -> dict[str, str]:
    return {"$from": key, "path": path}


def errors(raw: Any, project: Project, user: User | None) -> list[str]:
    try:
        plan = parser.parse(raw if isinstance(raw, dict) else {"summary": "", "steps": raw})
    except PlanInvalid as invalid:
        return invalid.errors
    return validation.problems(plan, project, user)


@pytest.fixture
def board_of_two(project: Project) -> list[Task]:
    items = [tasks.NewTask("SMS reminder"), tasks.NewTask("Email reminder")]
    return tasks.create_tasks(project_id=project.pk, items=items)[0]


GOOD: list[Any] = [
    [step("s1")],
    [words("s1")],
    [words("s1", "ask")],
    [words("s1"), words("s2", depends_on=["s1"])],
    [step("s1"), words("s2", depends_on=["s1"], arguments=None, tool=None)],
    [step("s1"), step("s2", "delete_task", "s1", task=result_of("s1", "task_id"))],
    [
        step("s1", "create_tasks", tasks=[{"title": "A"}, {"title": "B", "after": [0]}]),
        step("s2", "create_task", "s1", title="C", depends_on=[result_of("s1", "task_ids.1")]),
        step(
            "s3", "update_task", "s2", task="SMS reminder", depends_on=result_of("s1", "task_ids")
        ),
    ],
    [
        step("s1", "search_tasks", query="x"),
        step("s2", "search_tasks", "s1", limit=result_of("s1", "total")),
    ],
    [step(f"s{n}") for n in range(MAX_STEPS)],
    {"steps": [{"id": "s1", "type": "answer"}]},
]


@pytest.mark.parametrize("raw", GOOD)
def test_a_plan_that_can_be_carried_out_has_no_problems(
    project: Project, alice: User, board_of_two: list[Task], raw: Any
) -> None:
    assert errors(raw, project, alice) == []


SEARCH = step("s1", "search_tasks", query="x")
BAD: list[tuple[Any, str]] = [
    ({}, "steps: must be a list of at least one step"),
    ({"steps": {}}, "steps: must be a list of at least one step"),
    ({"steps": []}, "steps: must be a list of at least one step"),
    ({"steps": [words("s1")], "hash": "x"}, "plan: unknown field 'hash'"),
    ({"steps": [words("s1")], "summary": 7}, "summary: must be a string"),
    ([7], "step 1: must be an object"),
    ([{"type": "answer"}], "step 1: id must be a string of 1 to 40 characters"),
    ([words(" s1")], "step 1: id must be"),
    ([words("x" * 41)], "step 1: id must be"),
    ([words("s1", "shell")], "step s1: type must be tool, compose, answer or ask"),
    ([words("s1", status="succeeded")], "step s1: unknown field 'status'"),
    ([words("s1", description=None)], "step s1: description must be a string"),
    ([words("s1", description="\0")], "step s1: description contains invalid characters"),
    ([words("s1", depends_on="s1")], "step s1: depends_on must be a list"),
    ([words("s1", depends_on=[{}])], "step s1: depends_on must be a list"),
    ([{**step("s1"), "arguments": []}, words("s2", tool=3)], "step s2: tool must be the name"),
    ([{**step("s1"), "arguments": "title"}], "step s1: arguments must be an object"),
    ([step("s1", title="\ud800")], "step s1: arguments: a string contains invalid characters"),
    ([step("s1", title=float("nan"))], "step s1: arguments: a number is not finite"),
    ([step("s1", title=10**400)], "step s1: arguments: a number is too large"),
    ([step("s1", title={1, 2})], "step s1: arguments: set is not a JSON type"),
    ([step(f"s{n}") for n in range(1, 22)], "step s21: a plan may have at most 20 steps, not 21"),
    ([step("s1"), step("s1")], "step s1: this id is used more than once"),
    ([step("s1", "create_task", "s9")], "step s1: depends on s9, which is not a step"),
    ([step("s1", "create_task", "s1")], "step s1: depends on s1, which is the step itself"),
    (
        [step("s1", "create_task", "s2"), step("s2", "create_task", "s1")],
        "its dependencies form a circle: s1 → s2 → s1",
    ),
    (
        [words("s1"), step("s2", "create_task", "s1")],
        "step s2: depends on s1, which is part of the answer",
    ),
    ([words("s1", "ask"), step("s2")], "step s1: a step of type ask must be the only step"),
    ([words("s1", tool="create_task")], "step s1: a step of type answer must have no tool"),
    ([words("s1", arguments={"a": 1})], "step s1: a step of type answer must have no arguments"),
    ([step("s1", "drop_database")], "step s1: there is no tool 'drop_database'; use one of: "),
    ([{**step("s1"), "tool": None}], "step s1: tool is missing; use one of: "),
    ([step("s1", title=7)], "step s1: title: Input should be a valid string"),
    ([step("s1", priority="high")], "step s1: title: Field required"),
    ([step("s1", title="A", priority="urgent")], "step s1: priority: Input should be 'low'"),
    ([step("s1", title="A", owner="me")], "step s1: owner: Extra inputs are not permitted"),
    # placeholders
    (
        [SEARCH, step("s2", "create_task", "s1", title="A", bogus=result_of("s1", "total"))],
        "step s2: bogus: Extra inputs are not permitted",
    ),
    (
        [step("s1", title=result_of("s9", "x"))],
        "step s1: title: refers to s9, which is not a step",
    ),
    ([step("s1", title=result_of("s1", "title"))], "step s1: title: refers to the step itself"),
    (
        [SEARCH, step("s2", title=result_of("s1", "tasks.0.title"))],
        "step s2: title: refers to s1, which must be in depends_on",
    ),
    (
        [words("s1"), step("s2", title=result_of("s1", "text"))],
        "step s2: title: refers to s1, which must be in depends_on",
    ),
    (
        [SEARCH, step("s2", "create_task", "s1", title=result_of("s1", "nowhere"))],
        "step s2: title: search_tasks returns no 'nowhere'",
    ),
    (
        [SEARCH, step("s2", "create_task", "s1", title=result_of("s1", "tasks.x.title"))],
        "step s2: title: search_tasks returns no 'tasks.x.title'",
    ),
    (
        [SEARCH, step("s2", "create_task", "s1", title=result_of("s1", ""))],
        "step s2: title: search_tasks returns no ''",
    ),
    (
        [SEARCH, step("s2", "create_task", "s1", title=result_of("s1", "total"))],
        "step s2: title: expected string, but 'total' of s1 is integer",
    ),
    (
        [
            SEARCH,
            step(
                "s2",
                "create_tasks",
                "s1",
                tasks=[{"title": "A", "depends_on": [result_of("s1", "tasks")]}],
            ),
        ],
        "step s2: tasks.0.depends_on.0: expected string, but 'tasks' of s1 is array",
    ),
    (
        [
            SEARCH,
            step(
                "s2",
                "change_task_status",
                "s1",
                task="SMS reminder",
                status=result_of("s1", "tasks.0.priority"),
            ),
        ],
        "step s2: status: expected pending|in_progress|completed|blocked|cancelled, but 'tasks.0.priority'",
    ),
    (
        [SEARCH, step("s2", "create_task", "s1", title={"$from": "s1"})],
        'step s2: title: a placeholder must be exactly {"$from"',
    ),
    (
        [
            SEARCH,
            step("s2", "create_tasks", "s1", tasks=[{"$from": "s1", "path": "tasks", "x": 1}]),
        ],
        "step s2: tasks.0: a placeholder must be exactly",
    ),
    (
        [step("s1"), step("s2", "update_task", "s1", task=result_of("s1", "task_id"))],
        "step s2: arguments: give at least one of",
    ),
    # objects
    ([step("s1", "delete_task", task="Invoices")], "step s1: task: There is no task “Invoices”"),
    ([step("s1", "delete_task", task="reminder")], "step s1: task: “reminder” matches several"),
    ([step("s1", "delete_task", task=str(uuid4()))], "step s1: task: The task is gone"),
    (
        [step("s1", title="A", depends_on=["SMS reminder", "Invoices"])],
        "step s1: depends_on.1: There is no task “Invoices”",
    ),
    ([step("s1", "delete_memory", memory="SMS reminder")], "step s1: memory: There is no memory"),
]


@pytest.mark.parametrize(("raw", "said"), BAD)
def test_a_plan_that_cannot_be_carried_out_is_told_why(
    project: Project, alice: User, board_of_two: list[Task], raw: Any, said: str
) -> None:
    found = errors(raw, project, alice)
    assert any(said in error for error in found), found


def test_everything_that_is_wrong_is_told_at_once(project: Project, alice: User) -> None:
    raw = [
        step("s1", "create_task", "s9", priority="urgent"),
        step("s1", "delete_task", task="Invoices"),
        step("s2", "nothing"),
        step("s3", "create_task", title=result_of("s2", "x")),
        words("s4", tool="create_task"),
    ]
    found = errors(raw, project, alice)
    assert [error.split(":")[0] for error in found] == [
        *("step s1", "step s1"),  # the id, the dependency
        *("step s1", "step s1"),  # title, priority
        *("step s1", "step s2", "step s3", "step s4"),
    ]


def test_everything_that_is_wrong_with_the_form_is_told_at_once(
    project: Project, alice: User
) -> None:
    raw = {"steps": [7, words("s2", "shell", extra=1), step("s3", title="\0")], "more": 1}
    found = errors(raw, project, alice)
    assert [error.split(":")[0] for error in found] == [
        *("step 1", "step s2", "step s2", "step s3", "plan"),
    ]


def test_what_was_deleted_is_not_there_and_what_is_elsewhere_neither(
    project: Project, alice: User, board_of_two: list[Task]
) -> None:
    sms, email = board_of_two
    tasks.delete_task(task=sms)
    other = Project.objects.create(name="Other", owner=alice)
    (theirs,) = tasks.create_tasks(project_id=other.pk, items=[tasks.NewTask("Theirs")])[0]
    gone = memories.remember(project_id=project.pk, title="Gone", content="Gone.", kind="fact")[0]
    memories.forget(memory=gone)
    for tool, key in (
        ("delete_task", {"task": str(sms.pk)}),
        ("delete_task", {"task": "SMS reminder"}),
        ("update_task", {"task": str(email.pk), "parent": str(sms.pk)}),
        ("delete_task", {"task": str(theirs.pk)}),
        ("delete_memory", {"memory": str(gone.pk)}),
    ):
        (error,) = errors([step("s1", tool, **key)], project, alice)
        assert re.search("There is no|is gone|was deleted", error)


def test_who_may_only_watch_may_have_nothing_changed(project: Project, bob: User) -> None:
    Membership.objects.create(project=project, user=bob, role="viewer")
    for user in (bob, None):
        (error,) = errors([step("s1"), words("s2")], project, user)
        assert error == "step s1: the user has no permission to change this project"
    assert errors([words("s1")], project, bob) == []


def test_the_types_of_unions_and_free_keys_are_followed(project: Project, alice: User) -> None:
    class Inner(Result):
        name: str | None
        score: int

    class Found(Result):
        best: Inner | None
        by_name: dict[str, Inner]

    class Nothing(Arguments):
        pass

    def look(call: ToolCall, arguments: Any) -> Any:
        """Looks."""

    look.__annotations__ = {"call": ToolCall, "arguments": Nothing, "return": Found}
    registry.add(registry.make(look, "writes"))
    try:
        for path, fits in (
            ("best.name", True),
            ("by_name.anything.name", True),
            ("best.score", False),
            ("best.none", False),
        ):
            second = step("s2", "create_task", "s1", title=result_of("s1", path))
            first = {**step("s1", "look"), "arguments": {}}
            assert (errors([first, second], project, alice) == []) is fits, path
    finally:
        registry.remove("look")


def test_arguments_that_are_nested_without_end_are_refused(project: Project, alice: User) -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    (error,) = errors([step("s1", title=deep)], project, alice)
    assert error == "step s1: arguments: nested more than 20 levels deep"
    while isinstance(deep, list):  # or the interpreter takes it apart, one within the other
        deep = deep[0]


def test_whatever_comes_for_a_plan_is_parsed_or_refused(project: Project, alice: User) -> None:
    random = Random(5)
    keys = (
        "id",
        "type",
        "tool",
        "description",
        "arguments",
        "depends_on",
        "$from",
        "path",
        "steps",
    )
    scalars = (None, True, 0, -1, 1.5, "", "s1", "tool", "create_task", "\0", "answer", 2**70)

    def junk(depth: int) -> Any:
        kind = random.random()
        if depth == 0 or kind < 0.3:
            return random.choice(scalars)
        if kind < 0.6:
            return [junk(depth - 1) for _ in range(random.randint(0, 3))]
        return {random.choice(keys): junk(depth - 1) for _ in range(random.randint(0, 5))}

    for _ in range(3000):
        raw = {"steps": [junk(4) for _ in range(random.randint(0, 4))]}
        assert all(isinstance(error, str) for error in errors(raw, project, alice))
