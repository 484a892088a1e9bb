"""Tools that are switched off in a project: what becomes of messages that need them, and who may switch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agent.engine import local
from agent.exceptions import Refused
from agent.llm.base import Analysis, ReadRequest, ToolSpec
from agent.llm.offline.model import OfflineModel
from agent.models import ApprovalMode, ChatSession, Membership, PlanStep, Project, Run, Task
from agent.models.projects import Role
from agent.runs import approvals, runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from agent.tools import switches
from tests.support.scripted_runs import create, ended, log_of, make_tasks, plan, process

pytestmark = pytest.mark.django_db(transaction=True)


def switch_off(project: Project, *tools: str) -> None:
    for tool in tools:
        switches.switch(project.pk, tool, on=False, by=project.owner)


class Noting(ScriptedModel):
    """Notes which tools it is told."""

    def __init__(self, **turns: Any) -> None:
        super().__init__(**turns)
        self.told: list[set[str]] = []

    async def analyze(self, context: Any, tools: Sequence[ToolSpec] = ()) -> Analysis:
        self.told.append({tool.name for tool in tools})
        return await super().analyze(context, tools)

    async def plan(
        self, context: Any, analysis: Analysis, tools: Sequence[ToolSpec], revise: Any = None
    ) -> dict[str, Any]:
        self.told.append({tool.name for tool in tools})
        return await super().plan(context, analysis, tools, revise)


# -- runs ------------------------------------------------------------------------------------------


async def test_it_is_not_told_to_the_model_and_no_plan_with_it_is_valid(
    project: Project, session: ChatSession
) -> None:
    await sync_to_async(switch_off)(project, "create_task")
    model = Noting(plans=[plan(create("s1", "Login"))])
    result = await process(model, project, session)
    assert result.status == "succeeded"
    assert all("create_task" not in told and "create_tasks" in told for told in model.told)
    revise = [argument for verb, argument in model.asked if verb == "plan"][1]
    assert revise.reasons[0] == "step s1: the tool create_task is switched off in this project"
    assert not await Task.objects.aexists()


async def test_other_projects_keep_it_and_it_can_be_switched_on_again(
    project: Project, session: ChatSession
) -> None:
    other = await Project.objects.acreate(name="Other", owner=project.owner)
    await sync_to_async(switch_off)(other, "create_task")
    await sync_to_async(switch_off)(project, "create_task", "create_task")
    await sync_to_async(switches.switch)(project.pk, "create_task", on=True, by=project.owner)
    await process(ScriptedModel(plans=[plan(create("s1", "Login"))]), project, session)
    assert await Task.objects.filter(project=project, title="Login").aexists()


async def test_nothing_is_read_with_it_before_the_plan(
    project: Project, session: ChatSession
) -> None:
    await sync_to_async(switch_off)(project, "search_tasks")
    asked = (ReadRequest("search_tasks", {}),)
    analysis = Analysis("question", "Look", needs_tools=False, read_first=asked)
    await process(ScriptedModel(analyses=[analysis]), project, session)
    ends = [
        event["progress"]
        for event in await log_of(session)
        if event["type"] == "progress" and event["progress"]["step"] == "reading"
    ]
    assert (ends[-1]["metadata"]["phase"], ends[-1]["details"]) == (
        "failed",
        "the tool search_tasks is switched off in this project.",
    )


async def test_a_waiting_plan_that_is_approved_afterwards_does_not_execute_it(
    project: Project, session: ChatSession, alice: User
) -> None:
    await make_tasks(project, "Old")
    steps = [
        create("s1", "Login"),
        {**create("s2", "x"), "tool": "delete_task", "arguments": {"task": "Old"}},
        create("s3", "Then", "s2"),
    ]
    model = ScriptedModel(plans=[plan(*steps)])
    async with local.executing(model):
        request = MessageRequest("Do it", approval=ApprovalMode.REQUIRED)
        run = await runs.start(session.pk, alice, request)
        while run.status != Run.Status.WAITING:
            await run.arefresh_from_db()
        await sync_to_async(switch_off)(project, "delete_task")
        await approvals.approve(session.pk, run.pk, 1, alice)
        assert (await ended(run)).status == "succeeded"
    rows = {step.key: step async for step in PlanStep.objects.filter(plan__revision=1)}
    assert [rows[key].status for key in ("s1", "s2", "s3")] == ["succeeded", "failed", "skipped"]
    assert rows["s2"].error == (
        "Not executed: the tool delete_task is switched off in this project."
    )
    assert await Task.objects.filter(title="Old").aexists()


@pytest.mark.parametrize(
    ("message", "tool"),
    [
        ("Create a task: Login", "create_task"),
        ("Delete the task Old", "delete_task"),
        ("What is open?", "search_tasks"),
    ],
)
async def test_the_offline_model_says_which_tool_it_needs(
    project: Project, session: ChatSession, message: str, tool: str
) -> None:
    await make_tasks(project, "Old")
    await sync_to_async(switch_off)(project, tool)
    result = await process(OfflineModel(), project, session, message)
    assert result.status == "succeeded"
    assert f"That needs {tool}, which is switched off in this project" in result.answer
    assert await Task.objects.acount() == 1


# -- who may switch --------------------------------------------------------------------------------


@pytest.fixture
def people(project: Project, bob: User) -> dict[str, Client]:
    """The owner, an editor, and bob, who is no member."""
    editor = User.objects.create_user("edith")
    Membership.objects.create(project=project, user=editor, role=Role.EDITOR)
    clients = {}
    for user in (project.owner, editor, bob):
        clients[user.get_username()] = Client()
        clients[user.get_username()].force_login(user)
    return clients


def test_members_see_the_page_and_only_the_owner_has_switches(
    project: Project, people: dict[str, Client]
) -> None:
    switch_off(project, "delete_task")
    page = reverse("tools", args=[project.pk])
    owner, editor = (people[name].get(page) for name in ("alice", "edith"))
    for response in (owner, editor):
        text = response.content.decode()
        assert "Deletes one task." in text
        assert "Acts outside" in text
        assert "from Samurai Agent" in text
        assert "Switched off by alice" in text
    assert owner.content.decode().count('role="switch"') > 20
    assert 'role="switch"' not in editor.content.decode()
    assert people["bob"].get(page).status_code == 404
    assert Client().get(page).status_code == 302
    assert (
        "1 switched off"
        in people["edith"].get(reverse("project", args=[project.pk])).content.decode()
    )


def test_the_owner_switches_on_the_page(project: Project, people: dict[str, Client]) -> None:
    url = reverse("switch-tool", args=[project.pk, "delete_task"])
    for on, off in (("0", {"delete_task"}), ("0", {"delete_task"}), ("1", set())):
        response = people["alice"].post(url, {"on": on})
        assert response["Location"].endswith("/tools/#delete_task")
        assert switches.switched_off(project.pk) == off
    assert people["edith"].post(url, {"on": "0"}).status_code == 403
    assert people["bob"].post(url, {"on": "0"}).status_code == 404
    assert people["alice"].get(url).status_code == 405
    nowhere = reverse("switch-tool", args=[project.pk, "no_such_tool"])
    assert people["alice"].post(nowhere, {"on": "0"}).status_code == 404
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(project.owner)
    assert careful.post(url, {"on": "0"}).status_code == 403
    assert switches.switched_off(project.pk) == frozenset()


def test_the_api_lists_and_switches(project: Project, people: dict[str, Client]) -> None:
    tools = f"/api/projects/{project.pk}/tools/"
    listed = {tool["name"]: tool for tool in people["edith"].get(tools).json()}
    assert listed["delete_task"]["enabled"]
    assert listed["delete_task"]["effect"] == "deletes"
    url, off = f"{tools}delete_task/", {"enabled": False}
    options: dict[str, Any] = {"content_type": "application/json"}
    shown = people["alice"].patch(url, off, **options)
    assert (shown.status_code, shown.json()["enabled"]) == (200, False)
    assert not people["edith"].get(url).json()["enabled"]
    assert people["edith"].patch(url, off, **options).status_code == 403
    assert people["bob"].patch(url, off, **options).status_code == 404
    assert people["bob"].get(tools).status_code == 404
    assert people["alice"].patch(f"{tools}none/", off, **options).status_code == 404
    assert people["alice"].patch(url, {}, **options).status_code == 400
    assert people["alice"].patch(url, {"enabled": True}, **options).json()["enabled"]


def test_an_edited_plan_may_not_use_it(project: Project, session: ChatSession, alice: User) -> None:
    async def edit() -> str:
        model = ScriptedModel(plans=[plan(create("s1", "Login"))])
        async with local.executing(model):
            request = MessageRequest("Do it", approval=ApprovalMode.REQUIRED)
            run = await runs.start(session.pk, alice, request)
            while run.status != Run.Status.WAITING:
                await run.arefresh_from_db()
            await sync_to_async(switch_off)(project, "create_task")
            try:
                await approvals.edit(session.pk, run.pk, 1, alice, [create("s1", "Sign-in")])
            except Refused as refused:
                return f"{refused.code}: {refused}"
        return ""

    told = async_to_sync(edit)()
    assert told == "invalid_plan: step s1: the tool create_task is switched off in this project"
