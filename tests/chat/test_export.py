"""The export of a project: all of its texts in one file, for who may read them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient
from django.urls import reverse

from agent.board.tasks import NewTask, create_tasks
from agent.memory.memories import forget, remember, revise
from agent.models import ChatSession, Membership, Message, Project
from agent.tools import switches
from chat.export import AT_A_TIME

pytestmark = pytest.mark.django_db(transaction=True)


async def exported(user: User, project: Project) -> Any:
    client = AsyncClient()
    await client.aforce_login(user)
    return await client.get(reverse("export", args=[project.pk]))


async def read(response: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(b"".join([part async for part in response]))
    return found


@pytest.fixture
def filled(project: Project, session: ChatSession, alice: User) -> Project:
    Project.objects.create(name="Other", owner=alice)
    names = [NewTask(f"Errand {n}") for n in range(2 * AT_A_TIME + 1)]
    create_tasks(project_id=project.pk, items=names)
    memory, _ = remember(project_id=project.pk, title="Stack", content="Flask", kind="decision")
    revise(memory=memory, content="Django “5”", by_id=alice.pk)
    gone, _ = remember(project_id=project.pk, title="Old", content="Gone.", kind="fact")
    forget(memory=gone)
    for number in range(AT_A_TIME + 1):
        Message.objects.create(session=session, role="user", author=alice, content=f"№ {number}\n")
    ChatSession.objects.create(project=project, title="Empty")
    switches.switch(project.pk, "undo", on=False, by=alice)
    switches.switch(project.pk, "delete_task", on=False, by=alice)
    switches.switch(project.pk, "undo", on=True, by=alice)
    return project


async def test_it_has_all_texts_of_the_project_and_no_others(filled: Project, alice: User) -> None:
    response = await exported(alice, filled)
    assert response["Content-Disposition"] == 'attachment; filename="clinic-booking.json"'
    file = await read(response)
    assert (file["format"], file["version"]) == ("samurai-agent-project", 1)
    assert (file["project"]["name"], file["project"]["role"]) == ("Clinic booking", "owner")
    assert [task["number"] for task in file["tasks"]] == [*range(1, 2 * AT_A_TIME + 2)]
    (switch,) = file["switched_off_tools"]
    assert (switch["tool"], switch["by"]) == ("delete_task", "alice")
    (memory,) = file["memories"]
    assert (memory["title"], memory["content"]) == ("Stack", "Django “5”")
    assert [one["content"] for one in memory["revisions"]] == ["Flask", "Django “5”"]
    talk, empty = file["sessions"]
    assert [one["content"] for one in talk["messages"]] == [
        f"№ {number}\n" for number in range(AT_A_TIME + 1)
    ]
    assert {one["author"] for one in talk["messages"]} == {"alice"}
    assert (empty["title"], empty["messages"]) == ("Empty", [])


async def test_an_empty_project_is_a_file_too(project: Project, alice: User) -> None:
    file = await read(await exported(alice, project))
    assert (file["tasks"], file["memories"], file["sessions"]) == ([], [], [])


async def test_who_may_read_the_project_may_export_it(
    project: Project, alice: User, bob: User
) -> None:
    assert (await exported(bob, project)).status_code == 404
    assert (await AsyncClient().get(reverse("export", args=[project.pk]))).status_code == 302
    await Membership.objects.acreate(project=project, user=bob, role="viewer")
    file = await read(await exported(bob, project))
    assert (file["project"]["role"], file["members"][0]["user"]) == ("viewer", "bob")
