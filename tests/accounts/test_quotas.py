"""How much one person and one project may have, and how a refusal tells it."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from agent.accounts import quotas
from agent.admin import imports
from agent.board import tasks
from agent.engine import pruning, stored_bytes
from agent.exceptions import QuotaReached, Refused
from agent.memory import memories
from agent.models import ChatSession, DeletedRuns, Event, Project, Run, Task
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from tests.support.scripted_runs import (
    compose,
    create,
    log_of,
    plan,
    process,
    result_of,
    use,
)

TRANSACTIONS = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"/api/{path}", body, content_type="application/json")


def remember(project: Project, title: str) -> Any:
    return memories.remember(project_id=project.pk, title=title, content=title, kind="fact")[0]


# -- what is stored --------------------------------------------------------------------------------


def test_the_tasks_of_a_project_are_limited_and_deleting_one_makes_room(
    client: Client, project: Project, settings: Settings
) -> None:
    settings.SAMURAI_PROJECT_TASKS = 2
    path = f"projects/{project.pk}/tasks/"
    first = post(client, path, title="One").json()
    assert post(client, path, title="Two").status_code == 201
    refused = post(client, path, title="Three")
    assert refused.status_code == 403
    assert refused.json() == {
        "code": "quota_reached",
        "detail": "A project may have 2 tasks. This one has 2, so 1 more would be too many. "
        "Delete tasks to make room.",
    }
    assert Task.objects.count() == 2
    assert client.delete(f"/api/tasks/{first['id']}/").status_code in (200, 204)
    assert post(client, path, title="Three").status_code == 201
    with pytest.raises(QuotaReached):
        tasks.restore_task(task=Task.all_objects.get(pk=first["id"]))
    settings.SAMURAI_PROJECT_TASKS = 0
    tasks.restore_task(task=Task.all_objects.get(pk=first["id"]))
    project.refresh_from_db()
    assert project.stored_tasks == 3


def test_a_task_too_many_is_refused_on_the_page(
    client: Client, project: Project, settings: Settings
) -> None:
    settings.SAMURAI_PROJECT_TASKS = 1
    tasks.create_task(project_id=project.pk, title="One")
    answer = client.post(
        f"/projects/{project.pk}/tasks/new/",
        {"title": "Two", "status": "pending", "priority": "low"},
    )
    assert "A project may have 1 task. This one has 1" in answer.content.decode()


def test_the_memories_of_a_project_are_limited_and_one_can_still_be_revised(
    project: Project, settings: Settings
) -> None:
    settings.SAMURAI_PROJECT_MEMORIES = 1
    one = remember(project, "One")
    with pytest.raises(QuotaReached, match=r"A project may have 1 memory.*Delete memories"):
        remember(project, "Two")
    memories.revise(memory=one, content="Another")
    memories.forget(memory=one)
    remember(project, "Two")
    with pytest.raises(QuotaReached):
        memories.restore(memory=one)


def test_a_memory_too_many_is_refused_on_the_page_which_keeps_what_was_typed(
    client: Client, project: Project, settings: Settings
) -> None:
    settings.SAMURAI_PROJECT_MEMORIES = 1
    remember(project, "One")
    sent = {"title": "Two", "content": "Long in the typing", "kind": "fact"}
    page = client.post(f"/projects/{project.pk}/memories/new/", sent).content.decode()
    assert "A project may have 1 memory. This one has 1" in page
    assert "Long in the typing" in page


def test_the_sessions_of_a_project_are_limited_for_the_page_and_programs(
    client: Client, session: ChatSession, alice: User, settings: Settings
) -> None:
    settings.SAMURAI_PROJECT_SESSIONS = 1
    ChatSession.objects.filter(pk=session.pk).update(last_seq=1)  # it is not empty
    refused = post(client, f"projects/{session.project_id}/sessions/")
    assert (refused.status_code, refused.json()["code"]) == (403, "quota_reached")
    page = client.post(f"/projects/{session.project_id}/sessions/")
    assert page.status_code == 403
    assert "Delete sessions to make room." in page.content.decode()
    assert ChatSession.objects.count() == 1


def test_the_projects_of_a_person_are_limited_for_the_page_and_programs(
    client: Client, project: Project, settings: Settings
) -> None:
    settings.SAMURAI_USER_PROJECTS = 1
    refused = post(client, "projects/", name="Another")
    assert (refused.status_code, refused.json()["code"]) == (403, "quota_reached")
    page = client.post("/projects/", {"name": "Another"})
    assert "A person may own 1 project" in page.content.decode()
    assert f'href="{reverse("home")}">Cancel</a>' in page.content.decode()
    assert Project.objects.count() == 1


def test_a_full_project_takes_no_changes_but_deletions(
    client: Client, admin_client: Client, project: Project, settings: Settings
) -> None:
    task = tasks.create_task(project_id=project.pk, title="One")[0]
    settings.SAMURAI_PROJECT_MEGABYTES = 1
    path = f"projects/{project.pk}/tasks/"
    assert post(client, path, title="Two").status_code == 201
    project.refresh_from_db()
    assert project.stored_bytes > 100
    Project.objects.update(stored_bytes=quotas.MEGABYTE)
    refused = post(client, path, title="Three")
    assert (refused.status_code, refused.json()["code"]) == (403, "quota_reached")
    found = imports.import_memories(project, ['{"title": "A", "content": "B"}'], project.owner)
    assert "A project may store 1 MB" in found.errors[0]
    assert client.delete(f"/api/tasks/{task.pk}/").status_code in (200, 204)
    assert [row.title for row in Task.objects.all()] == ["Two"]


@TRANSACTIONS
async def test_the_bytes_of_logs_are_counted_and_freed_with_the_session_and_by_pruning(
    project: Project, session: ChatSession, alice: User, settings: Settings
) -> None:
    await process(ScriptedModel(plans=[plan(create("s1", "Login"))]), project, session)
    await process(ScriptedModel(plans=[plan()]), project, session)
    await session.arefresh_from_db()
    await project.arefresh_from_db()
    bodies = [
        body async for body in Event.objects.filter(session=session).values_list("body", flat=True)
    ]
    assert session.stored_bytes == sum(len(body.encode()) for body in bodies)
    assert project.stored_bytes == session.counted_bytes > 500
    settings.SAMURAI_PROJECT_MEGABYTES, quotas.MEGABYTE = 1, 500
    try:
        with pytest.raises(QuotaReached, match=r"A project may store 1 MB.*Delete sessions"):
            await runs.start(session.pk, alice, MessageRequest("More"))
    finally:
        quotas.MEGABYTE = 1_000_000
    await session.adelete()
    await project.arefresh_from_db()
    assert project.stored_bytes == 0


@TRANSACTIONS
def test_what_was_stored_before_bytes_were_counted_is_counted_once(
    project: Project, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_bytes, "SLICE", 2)
    bodies = [f'{{"text":"é{number}"}}' for number in range(5)]
    Event.objects.bulk_create(
        Event(session=session, seq=number, type="progress", body=body)
        for number, body in enumerate(bodies, 1)
    )
    counted = sum(len(body.encode()) for body in bodies[3:])
    sizes = {"stored_bytes": counted, "counted_bytes": counted}
    ChatSession.objects.filter(pk=session.pk).update(last_seq=5, **sizes)
    Project.objects.update(stored_bytes=counted)
    whole = sum(len(body.encode()) for body in bodies)
    for missing in (whole - counted, 0):
        output = StringIO()
        call_command("count_stored", stdout=output)
        assert output.getvalue() == f"{missing} bytes were not counted yet.\n"
        session.refresh_from_db()
        project.refresh_from_db()
        assert (session.stored_bytes, session.counted_bytes, project.stored_bytes) == (whole,) * 3


@TRANSACTIONS
def test_pruned_events_are_no_longer_counted(
    project: Project, session: ChatSession, settings: Settings
) -> None:
    Event.objects.create(session=session, seq=1, type="progress", body="x" * 600)
    Project.objects.filter(pk=project.pk).update(stored_bytes=1_000)
    ChatSession.objects.filter(pk=session.pk).update(
        created_at=timezone.now() - timedelta(days=9),
        last_seq=1,
        stored_bytes=900,
        counted_bytes=800,
    )
    settings.SAMURAI_KEEP_EVENTS_DAYS = 1
    assert pruning.prune(pause=0) == {"events": 1}
    session.refresh_from_db()
    project.refresh_from_db()
    assert (session.stored_bytes, session.counted_bytes, project.stored_bytes) == (300, 200, 400)


# -- runs ------------------------------------------------------------------------------------------


@TRANSACTIONS
async def test_the_runs_of_a_day_are_limited_for_each_person(
    session: ChatSession, alice: User, bob: User, settings: Settings
) -> None:
    settings.SAMURAI_USER_RUNS_PER_DAY = 2
    for counted in (True, False):  # a batch's do not count by the minute, but by the day
        await runs.start(session.pk, alice, MessageRequest("Go", counted=counted))
    with pytest.raises(QuotaReached, match="You may start 2 runs a day") as refused:
        await runs.start(session.pk, alice, MessageRequest("Go"))
    assert isinstance(refused.value, Refused)  # as which a WebSocket and a batch tell it
    assert (refused.value.code, refused.value.frees_at) == ("quota_reached", quotas.end_of_day())
    assert f"at 00:00 on {quotas.end_of_day():%B}" in str(refused.value)
    await runs.start(session.pk, bob, MessageRequest("Go"))
    await Run.objects.aupdate(created_at=quotas.start_of_day() - timedelta(seconds=1))
    await runs.start(session.pk, alice, MessageRequest("Go"))


@TRANSACTIONS
@pytest.mark.parametrize("what", ["session", "project"])
async def test_who_deletes_a_session_or_a_project_gets_no_runs_of_the_day_back(
    session: ChatSession, project: Project, alice: User, bob: User, settings: Settings, what: str
) -> None:
    settings.SAMURAI_USER_RUNS_PER_DAY = 3
    other = await Project.objects.acreate(name="Other", owner=alice)
    own = await ChatSession.objects.acreate(project=other, created_by=alice)
    await runs.start(own.pk, alice, MessageRequest("Go"))
    for person in (alice, bob, alice):
        await runs.start(session.pk, person, MessageRequest("Go"))
    await sync_to_async({"session": session, "project": project}[what].delete)()
    with pytest.raises(QuotaReached, match="You may start 3 runs a day"):
        await runs.start(own.pk, alice, MessageRequest("Go"))
    assert [one.used for one in await sync_to_async(quotas.use_of_person)(alice.pk)][:1] == [3]
    assert [one.used for one in await sync_to_async(quotas.use_of_person)(bob.pk)][:1] == [1]
    await sync_to_async(own.delete)()  # whose run is an earlier one
    assert [one.used for one in await sync_to_async(quotas.use_of_person)(alice.pk)][:1] == [3]
    await DeletedRuns.objects.aupdate(day=quotas.today() - 1)
    assert [one.used for one in await sync_to_async(quotas.use_of_person)(alice.pk)][:1] == [0]


@TRANSACTIONS
async def test_a_user_is_deleted_with_the_sessions_whose_runs_would_be_kept(
    session: ChatSession, alice: User
) -> None:
    await runs.start(session.pk, alice, MessageRequest("Go"))
    await sync_to_async(alice.delete)()
    assert not await ChatSession.objects.aexists()
    assert not await DeletedRuns.objects.aexists()


@TRANSACTIONS
async def test_the_runs_of_a_day_are_limited_for_each_project(
    session: ChatSession, project: Project, alice: User, bob: User, settings: Settings
) -> None:
    settings.SAMURAI_PROJECT_RUNS_PER_DAY = 2
    await runs.start(session.pk, alice, MessageRequest("Go"))
    await runs.start(session.pk, bob, MessageRequest("Go"))
    with pytest.raises(QuotaReached, match="All of this project together may start 2 runs a day"):
        await runs.start(session.pk, alice, MessageRequest("Go"))
    await Project.objects.aupdate(runs_day=quotas.today() - 1)
    await runs.start(session.pk, alice, MessageRequest("Go"))


@TRANSACTIONS
def test_a_program_is_told_when_it_may_start_the_next_run(
    client: Client, session: ChatSession, settings: Settings
) -> None:
    settings.SAMURAI_USER_RUNS_PER_DAY = 1
    path = f"sessions/{session.pk}/messages/"
    assert post(client, path, content="Go").status_code in (201, 202)
    refused = post(client, path, content="Go")
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_reached")
    left = (quotas.end_of_day() - timezone.now()).total_seconds()
    assert left - 5 < int(refused["Retry-After"]) <= left + 2


@TRANSACTIONS
async def test_accepting_a_message_costs_the_same_after_many_runs(
    session: ChatSession, alice: User, settings: Settings
) -> None:
    """The statements of an effect, none of which reads more than one run of the day."""
    settings.SAMURAI_USER_RUNS_PER_DAY = 1_000
    for _ in range(3):
        await runs.start(session.pk, alice, MessageRequest("Go"))
    of_day = [
        number async for number in Run.objects.order_by("number").values_list("of_day", flat=True)
    ]
    assert of_day == [1, 2, 3]


# -- plans -----------------------------------------------------------------------------------------


@TRANSACTIONS
async def test_a_plan_that_would_exceed_a_quota_is_refused_before_it_starts(
    project: Project, session: ChatSession, settings: Settings
) -> None:
    settings.SAMURAI_PROJECT_TASKS = 2
    steps = [create(f"s{number}", f"Task {number}") for number in range(3)]
    result = await process(ScriptedModel(plans=[plan(*steps)]), project, session)
    assert (result.status, result.code) == ("failed", "quota_reached")
    assert "A project may have 2 tasks." in result.error
    assert not await Task.objects.aexists()
    events = await log_of(session)
    assert not [event for event in events if event["type"] == "step"]
    assert events[-1]["retryable"]
    settings.SAMURAI_PROJECT_TASKS = 3
    result = await process(ScriptedModel(plans=[plan(*steps)]), project, session)
    assert result.status == "succeeded"


@TRANSACTIONS
async def test_a_run_that_reaches_a_quota_fails_with_nothing_half_done(
    project: Project, session: ChatSession, settings: Settings
) -> None:
    settings.SAMURAI_PROJECT_TASKS = 2
    steps = [
        create("s1", "First"),
        compose("s2", "create_tasks.tasks", "s1", about="the clinic"),
        use("s3", "create_tasks", "s2", tasks=result_of("s2", "value")),
    ]
    model = ScriptedModel(plans=[plan(*steps)], compositions=[[{"title": "A"}, {"title": "B"}]])
    result = await process(model, project, session)
    assert (result.status, result.code) == ("failed", "quota_reached"), result
    assert [task.title async for task in Task.objects.all()] == ["First"]
    steps_of = {step["id"]: step["status"] for step in result.steps}
    assert (steps_of["s1"], steps_of["s3"]) == ("succeeded", "failed")
    await project.arefresh_from_db()
    assert project.stored_tasks == 1


# -- the admin ------------------------------------------------------------------------------------


def test_the_admin_shows_what_is_used_of_the_quotas(
    admin_client: Client, project: Project, alice: User, settings: Settings
) -> None:
    settings.SAMURAI_PROJECT_TASKS = 1_234
    tasks.create_task(project_id=project.pk, title="One")
    quotas.add_model_tokens(alice.pk, project.pk, 5_000)
    page = admin_client.get(f"/admin/agent/project/{project.pk}/change/").content.decode()
    assert "Tasks: 1 of 1,234" in page
    assert "Model tokens this month: 5,000" in page
    page = admin_client.get(f"/admin/auth/user/{alice.pk}/change/").content.decode()
    assert "Runs today: 0 of 10,000" in page
    assert "Model tokens today: 5,000" in page


def test_what_an_editor_saves_in_the_admin_changes_no_count(
    admin_client: Client, project: Project
) -> None:
    """The form was opened before a task was added."""
    row = Project.objects.get(pk=project.pk)
    tasks.create_task(project_id=project.pk, title="One")
    row.name = "Another"
    page = {"name": "Another", "description": "", "owner": row.owner_id}
    for inline in ("memberships", "switched_off_tools"):
        page |= {f"{inline}-TOTAL_FORMS": 0, f"{inline}-INITIAL_FORMS": 0}
    answer = admin_client.post(f"/admin/agent/project/{project.pk}/change/", page)
    assert answer.status_code == 302, answer.content.decode()
    project.refresh_from_db()
    assert (project.name, project.stored_tasks) == ("Another", 1)
