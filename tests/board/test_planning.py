"""What people plan with: due dates, estimates, labels, assignees, acceptance criteria, `cancelled`."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agent.board import readiness, task_rules, task_spec
from agent.board import tasks as board
from agent.change import Change
from agent.edits.manual_changes import remove_member
from agent.edits.undo import undo_change
from agent.engine import local
from agent.exceptions import AmbiguousReference, ToolFailed
from agent.llm.base import Context
from agent.llm.prompts import render
from agent.models import ChatSession, Membership, Message, PlanStep, Project, Run, Task
from agent.models.projects import Role
from agent.pipeline import context
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.text import dates
from tests.support.scripted_runs import ended, make_tasks, outcome, use
from tests.support.tool_calls import call_of, user_of

ALL: dict[str, Any] = {
    "due": "2099-12-04",
    "estimate": 1.5,
    "labels": ["UI", "api", "ui"],
    "criteria": ["Works on a phone", "Has a test"],
    "assignee": "Anna",
}


@pytest.fixture
def anna(project: Project) -> User:
    person = User.objects.create_user("anna", first_name="Anna", last_name="Ash")
    Membership.objects.create(project=project, user=person, role="editor")
    return person


def make(project: Project, title: str, **fields: Any) -> Task:
    return board.create_task(project_id=project.pk, title=title, **fields)[0]


def test_a_task_has_all_that_it_was_made_with(project: Project, anna: User) -> None:
    _, change = board.create_task(project_id=project.pk, title="Login", **ALL)
    assert change.after is not None
    told = {name: change.after[name] for name in ALL}
    assert told == {
        "due": "2099-12-04",
        "estimate": 1.5,
        "labels": ["ui", "api"],
        "criteria": [
            {"id": "c1", "text": "Works on a phone", "done": False},
            {"id": "c2", "text": "Has a test", "done": False},
        ],
        "assignee": "anna",
    }
    assert board.task_json(Task.objects.get()) == change.after


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"due": "friday"}, "must be like 2026-12-04"),
    ({"estimate": -1}, "0 to 10000 hours"),
    ({"labels": ["two words"]}, "one word of at most 30"),
    ({"labels": [f"l{n}" for n in range(11)]}, "at most 10 labels"),
    ({"criteria": [" "]}, "is empty"),
    ({"criteria": [str(number) for number in range(31)]}, "at most 30"),
    ({"criteria": ["Has a test", "has  a test "]}, "“has a test” is there twice"),
    ({"criteria": ["x" * 501]}, "501"),
    ({"assignee": "Carol"}, "no member of this project. Its members: alice"),
    ({"status": "done"}, "status must be one of"),
]


@pytest.mark.parametrize(("fields", "reason"), WRONG)
def test_what_breaks_a_rule_is_refused(project: Project, fields: Any, reason: str) -> None:
    with pytest.raises(ToolFailed, match=reason):
        make(project, "Login", **fields)


def test_every_field_is_undone(project: Project, anna: User) -> None:
    task, _ = board.create_task(project_id=project.pk, title="Login", criteria=["Has a test"])
    before = board.task_json(task)
    _, change = board.update_task(task=task, **ALL, status="cancelled")
    assert change is not None
    undone = undo_change(project.pk, change)
    assert board.task_json(Task.objects.get()) == before
    undo_change(project.pk, undone)
    assert board.task_json(Task.objects.get()) == change.after


def test_a_change_from_before_these_fields_is_undone(project: Project) -> None:
    task = make(project, "Login", due="2099-12-04")
    board.update_task(task=task, title="Sign-in")
    plain = {"id": str(task.pk), "status": "pending", "depends_on": []}
    old = Change(
        "task", task.pk, "updated", plain | {"title": "Login"}, plain | {"title": "Sign-in"}
    )
    undo_change(project.pk, old)
    assert Task.objects.values_list("title", "number").get() == ("Login", 1)


def test_empty_values_clear_the_fields(project: Project, anna: User) -> None:
    task = make(project, "Login", **ALL)
    board.update_task(task=task, due="", estimate=0, labels=[], criteria=[], assignee="")
    told = board.task_json(Task.objects.get())
    assert [told[name] for name in ALL] == [None, None, [], [], None]


def test_criteria_that_stay_keep_their_ids_and_ticks(project: Project) -> None:
    task = make(project, "Login", criteria=["One", "Two", "Three"])
    board.tick(task=task, criterion="two", done=True)
    board.update_task(task=task, criteria=["Four", "Two", "One"])
    assert Task.objects.get().criteria == [
        {"id": "c4", "text": "Four", "done": False},
        {"id": "c2", "text": "Two", "done": True},
        {"id": "c1", "text": "One", "done": False},
    ]
    board.tick(task=task, criterion="2", done=False)
    assert not any(item["done"] for item in Task.objects.get().criteria)
    with pytest.raises(
        ToolFailed, match=r"no acceptance criterion “5”. There are: 1\. Four; 2\. Two"
    ):
        board.tick(task=task, criterion="5", done=True)


def test_a_member_is_known_by_name(project: Project, anna: User, alice: User) -> None:
    for name in ("anna", "ANNA", "Anna", "Anna Ash"):
        assert task_rules.member(project.pk, name) == anna
    assert task_rules.member(project.pk, "Alice") == alice
    assert task_rules.member(project.pk, " ") is None


def test_a_member_is_found_among_more_than_a_list_has(project: Project, alice: User) -> None:
    people = [
        User(username=f"p{n:03}", first_name="Jörg" if n == 140 else "Ada", last_name=f"No{n}")
        for n in range(150)
    ]
    for person in User.objects.bulk_create(people):
        Membership.objects.create(project=project, user=person, role=Role.EDITOR)
    for name in ("p149", "P149", "ada no149", "“p149”"):
        found = task_rules.member(project.pk, name)
        assert (name, found and found.username) == (name, "p149")
    assert task_rules.member(project.pk, "JÖRG") == User.objects.get(username="p140")
    with pytest.raises(AmbiguousReference, match=r"p000 \(Ada No0\), .* and more\. Use the user"):
        task_rules.member(project.pk, "Ada")
    with pytest.raises(ToolFailed, match=r"“Zoe” is no member .* and more\.$"):
        task_rules.member(project.pk, "Zoe")


def test_who_leaves_a_project_has_no_tasks_in_it(project: Project, anna: User, alice: User) -> None:
    elsewhere = Project.objects.create(name="Elsewhere", owner=anna)
    make(project, "Login", assignee="anna")
    make(project, "Slots", assignee="alice")
    make(elsewhere, "Theirs", assignee="anna")
    remove_member(Membership.objects.get())
    assert list(Task.objects.order_by("title").values_list("title", "assignee")) == [
        ("Login", None),
        ("Slots", alice.pk),
        ("Theirs", anna.pk),
    ]
    project.refresh_from_db()
    assert project.board_version == 1


def test_an_open_task_is_waited_for_and_one_that_is_over_is_not(project: Project) -> None:
    done, cancelled, still = (make(project, title) for title in ("Done", "Cancelled", "Open"))
    board.update_task(task=done, status="completed")
    board.update_task(task=cancelled, status="cancelled")
    ready = make(project, "Ready", depends_on=[done, cancelled])
    waits = make(project, "Waits", depends_on=[done, still])
    assert readiness.waits_for([ready, waits]) == {ready.pk: [], waits.pk: [3]}
    found = readiness.filtered(Task.objects.all(), ready=True)
    assert {task.title for task in found} == {"Open", "Ready"}
    board.delete_task(task=still)
    assert readiness.waits_for([waits]) == {waits.pk: []}


def test_a_cancelled_task_is_not_named_as_open(project: Project) -> None:
    needed = make(project, "Needed")
    task = make(project, "Task", depends_on=[needed])
    board.update_task(task=needed, status="cancelled")
    done, _ = board.update_task(task=task, status="completed")
    assert readiness.still_open_titles([done]) == []


def test_a_coding_agent_gets_what_was_planned(project: Project, anna: User) -> None:
    first = make(project, "First")
    task = make(project, "Login", **ALL, depends_on=[first])
    board.tick(task=task, criterion="1", done=True)
    text = task_spec.render(Task.objects.get(pk=task.pk))
    assert (
        "Due: 2099-12-04. Estimate: 1.5 hours. Assignee: anna. Labels: ui, api. Waits for: #1"
        in text
    )
    assert "## Acceptance criteria\n\n- [x] Works on a phone\n- [ ] Has a test" in text


@pytest.mark.parametrize(("zone", "overdue"), [("Pacific/Kiritimati", True), ("Etc/GMT+12", False)])
def test_an_open_task_is_overdue_once_its_day_is_over_in_the_time_zone(
    client: Client,
    project: Project,
    session: ChatSession,
    alice: User,
    settings: Any,
    zone: str,
    overdue: bool,
) -> None:
    """The one zone is 26 hours before the other, so it has another day at any time."""
    settings.SAMURAI_TIME_ZONE = "Etc/GMT+12"
    day = dates.today().isoformat()
    settings.SAMURAI_TIME_ZONE = zone
    make(project, "Login", due=day)
    make(project, "Done", due="2020-01-01", status="completed")
    expected = {"Login": overdue, "Done": False}
    read = user_of(call_of(session))
    found = read("search_tasks")["tasks"] + read("get_tasks", tasks=["#1", "#2"])["tasks"]
    client.force_login(alice)
    found += client.get(f"/api/projects/{project.pk}/tasks/").json()["results"]
    assert [(one["title"], one["overdue"]) for one in found] == [*expected.items()] * 3
    message = Message.objects.create(session=session, role="user", content="Hi", author=alice)
    run = Run.objects.create(session=session, number=2, message=message, created_by=alice)
    text = render("context", {"context": context.gather(run).as_json()})
    board_page = client.get(f"/projects/{project.pk}/board/").content.decode()
    User.objects.update(is_staff=True, is_superuser=True)
    admin = client.get("/admin/agent/task/").content.decode()
    said = f"overdue, due {day}"
    assert [said in text, said in board_page, "(overdue)" in admin] == [overdue] * 3


# -- the API ---------------------------------------------------------------------------------------


def test_the_api_writes_and_finds_all_of_it(client: Client, project: Project, anna: User) -> None:
    client.force_login(project.owner)
    path = f"/api/projects/{project.pk}/tasks/"
    body = {**ALL, "title": "Login", "criteria": [{"text": "Has a test"}]}
    made = client.post(path, body, content_type="application/json").json()
    assert (made["number"], made["due"], made["assignee"]) == (1, "2099-12-04", "anna")
    assert (made["ready"], made["waits_for"], made["labels"]) == (True, [], ["ui", "api"])
    make(project, "Slots", depends_on=[Task.objects.get()])
    for query in ("label=UI", "assignee=anna", "due_until=2099-12-04", "ready=true"):
        found = client.get(f"{path}?{query}").json()["results"]
        assert [task["title"] for task in found] == ["Login"], query
    ticked = [{**item, "done": True} for item in made["criteria"]]
    body = {"criteria": ticked, "due": None, "assignee": None}
    changed = client.patch(
        f"/api/tasks/{made['id']}/", body, content_type="application/json"
    ).json()
    assert (changed["criteria"], changed["due"], changed["assignee"]) == (ticked, None, None)
    wrong = client.patch(
        f"/api/tasks/{made['id']}/", {"assignee": "bob"}, content_type="application/json"
    )
    assert (wrong.status_code, "no member" in wrong.content.decode()) == (400, True)


# -- in a run --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
async def test_a_plan_shows_the_date_and_the_person_that_are_meant(
    session: ChatSession, alice: User, anna: User, project: Project
) -> None:
    (task,) = await make_tasks(project, "Login")
    step = use("s1", "update_task", task="#1", due="in two weeks", assignee="Anna Ash")
    run = await outcome(session, alice, MessageRequest("Give it to Anna"), step)
    due = (dates.today() + timedelta(days=14)).isoformat()
    stored = await PlanStep.objects.aget(plan__run=run)
    assert stored.status == PlanStep.Status.SUCCEEDED
    assert stored.arguments == {"task": str(task.pk), "due": due, "assignee": "anna"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("values", "reason"), [({"due": "soon"}, "not a date"), ({"assignee": "Zoe"}, "no member")]
)
async def test_a_plan_with_no_such_date_or_person_is_refused(
    session: ChatSession, alice: User, project: Project, values: dict[str, str], reason: str
) -> None:
    await make_tasks(project, "Login")
    run = await outcome(
        session, alice, MessageRequest("Do"), use("s1", "update_task", task="#1", **values)
    )
    stored = await PlanStep.objects.aget(plan__run=run)
    assert (stored.tool, reason in stored.description) == ("", True)


@pytest.mark.django_db(transaction=True)
async def test_the_offline_model_assigns_and_dates_tasks(
    session: ChatSession, alice: User, anna: User, project: Project
) -> None:
    await make_tasks(project, "Sign-up", "Login")
    async with local.executing():
        run = await said(session, alice, "Give the first task to Anna, due next Friday")
        assert run.status == Run.Status.SUCCEEDED
        refused = await said(session, alice, "Give the login task to Zoe")
        await said(session, alice, "Cancel the login task")
    today = dates.today()
    friday = today + timedelta(days=7 - today.weekday() + 4)
    rows = [row async for row in Task.objects.values_list("status", "assignee__username", "due")]
    assert rows == [("pending", "anna", friday), ("cancelled", None, None)]
    answer = await Message.objects.aget(pk=refused.answer_id)
    assert "“Zoe” is no member of this project. Its members: alice, anna." in answer.content


async def said(session: ChatSession, user: User, message: str) -> Run:
    return await ended(await runs.start(session.pk, user, MessageRequest(message)))


def test_the_prompt_has_the_day_the_people_and_what_was_planned(
    session: ChatSession, alice: User, anna: User, project: Project
) -> None:
    first = make(project, "First")
    make(project, "Login", **ALL, depends_on=[first])
    message = Message.objects.create(session=session, role="user", content="Hi", author=alice)
    run = Run.objects.create(session=session, number=1, message=message, created_by=alice)
    gathered = Context.from_json(json.loads(json.dumps(context.gather(run).as_json())))
    text = render("context", {"context": gathered.as_json()})
    assert f"{dates.today():%A, %Y-%m-%d} " in text
    assert " UTC. The message is from alice." in text
    assert "Members: alice, anna" in text
    assert "- [#1] First (pending, medium priority, ready)" in text
    assert (
        "- [#2] Login (pending, medium priority, depends on #1, waits for #1, due 2099-12-04, 1.5 hours, "
        "assigned to anna, labels ui api)\n  - [ ] Works on a phone\n  - [ ] Has a test"
    ) in text
