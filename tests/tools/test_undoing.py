"""The tool that undoes: the last message, a named one, one object."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from agent.edits import latest_changes
from agent.engine import local
from agent.models import ChatSession, Project, Task
from agent.runs import approvals
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from agent.tools import undoing
from tests.support.scripted_runs import create, ended, outcome, plan, process, use

pytestmark = pytest.mark.django_db(transaction=True)


async def play(
    project: Project, session: ChatSession, *steps: list[dict[str, Any]]
) -> list[tuple[str, Any]]:
    """Has each list of steps carried out as the plan of a message; returns the last step's outcomes."""
    model = ScriptedModel(plans=[plan(*one) for one in steps])
    for _ in steps:
        result = await process(model, project, session)
    return [(step["status"], step["result"] or step["error"]) for step in result.steps]


async def titles() -> list[str]:
    return [task.title async for task in Task.objects.all()]


async def test_the_changes_of_the_last_message_are_undone(
    project: Project, session: ChatSession
) -> None:
    change = use("s1", "change_task_status", task="A", status="completed")
    outcome = await play(
        project,
        session,
        [create("s1", "A")],
        [change],
        [use("s1", "search_tasks")],
        [use("s1", "undo")],
    )
    assert outcome == [("succeeded", {"changes": ["Changed task “A”: status pending"], "total": 1})]
    assert (await Task.objects.aget()).status == "pending"


def rename(old: str, new: str, key: str = "s1") -> dict[str, Any]:
    return use(key, "update_task", task=old, title=new)


UNDO = [use("s1", "undo")]


async def test_a_second_undo_goes_one_message_further_back(
    project: Project, session: ChatSession
) -> None:
    await Task.objects.acreate(project=project, number=1, title="A")
    await play(project, session, [rename("A", "B")], [rename("B", "C")], UNDO)
    assert await titles() == ["B"]
    await play(project, session, UNDO)
    assert await titles() == ["A"]
    (nothing,) = await play(project, session, UNDO)
    assert nothing == ("failed", "There is nothing to undo: every change was undone.")


async def test_no_earlier_message_is_undone_in_place_of_what_acted_outside(
    project: Project, session: ChatSession, alice: User
) -> None:
    await Task.objects.acreate(project=project, number=1, title="A")
    await play(project, session, [rename("A", "B")])
    made = use("s1", "create_project", name="Shoes")
    run = await outcome(session, alice, MessageRequest("Start a project"), made)
    async with local.executing(ScriptedModel()):
        await approvals.approve(session.pk, run.pk, 1, alice)
        await ended(run)
    ((status, error),) = await play(project, session, UNDO)
    assert status == "failed"
    assert error.startswith("What message 2 did outside of this project")
    assert await titles() == ["B"]
    ((status, _),) = await play(project, session, [use("s1", "undo", message=1)])
    assert (status, await titles()) == ("succeeded", ["A"])


async def test_what_was_undone_is_done_again_by_its_number_and_undone_again(
    project: Project, session: ChatSession
) -> None:
    again = [use("s1", "undo", message=3)]
    await play(project, session, [create("s1", "A")], [rename("A", "B")], UNDO, again)
    assert await titles() == ["B"]
    await play(project, session, UNDO)
    assert await titles() == ["A"]


async def test_what_a_message_changed_beside_its_undo_is_undone_alone(
    project: Project, session: ChatSession
) -> None:
    await Task.objects.acreate(project=project, number=1, title="A")
    await Task.objects.acreate(project=project, number=2, title="C")
    instead = [use("s1", "undo"), rename("C", "D", "s2")]
    await play(project, session, [rename("A", "B")], instead, UNDO)
    assert sorted(await titles()) == ["A", "C"]
    await play(project, session, [rename("A", "B")], [rename("B", "A")], UNDO)
    assert sorted(await titles()) == ["B", "C"]


async def test_a_message_with_more_changes_than_are_searched_is_undone_whole(
    project: Project, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, title in enumerate("ABC", 1):
        await Task.objects.acreate(project=project, number=number, title=title)
    monkeypatch.setattr(latest_changes, "MAX_CHANGES", 2)
    urgent = [use(f"s{one}", "update_task", task=one, priority="high") for one in "ABC"]
    await play(project, session, urgent)
    assert await Task.objects.filter(priority="high").acount() == 3
    await play(project, session, UNDO)
    assert not await Task.objects.filter(priority="high").aexists()


async def test_an_undo_of_many_changes_tells_the_first_of_them_and_how_many(
    project: Project, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing, "MAX_TOLD", 2)
    for number, title in enumerate("ABCD", 1):
        await Task.objects.acreate(project=project, number=number, title=title)
    change = use("s1", "update_tasks", tasks=list("ABCD"), priority="high")
    (undone,) = await play(project, session, [change], UNDO)
    told = [f"Changed task “{title}”: priority medium" for title in "DC"]
    assert undone == ("succeeded", {"changes": told, "total": 4})
    assert not await Task.objects.filter(priority="high").aexists()
    (nothing,) = await play(project, session, UNDO)  # all four are known to be undone
    assert nothing == ("failed", "There is nothing to undo: every change was undone.")


async def test_a_named_message_and_the_last_change_of_an_object_are_undone(
    project: Project, session: ChatSession
) -> None:
    to_b = rename("A", "B")
    plans = [[create("s1", "A"), create("s2", "C")], [to_b]]
    outcome = await play(
        project, session, *plans, [create("s1", "D")], [use("s1", "undo", message=2)]
    )
    assert outcome == [("succeeded", {"changes": ["Changed task “A”: title"], "total": 1})]
    back = await play(project, session, [use("s1", "undo", object="A")])
    assert back == [("succeeded", {"changes": ["Changed task “B”: title"], "total": 1})]
    by_number = await play(project, session, [use("s1", "undo", object="#1")])
    assert by_number == [("succeeded", {"changes": ["Changed task “A”: title"], "total": 1})]
    refused = await play(project, session, [use("s1", "undo", object="Nothing like it")])
    assert refused[0][0] == "failed"


async def test_what_cannot_be_undone_is_said_in_words(
    project: Project, session: ChatSession
) -> None:
    (nothing,) = await play(project, session, [use("s1", "undo")])
    assert nothing == ("failed", "There is nothing to undo: no change was made.")
    await play(
        project, session, [create("s1", "A")], [use("s1", "update_task", task="A", title="B")]
    )
    await Task.objects.aupdate(title="C")
    (stale,) = await play(project, session, [use("s1", "undo")])
    assert stale[0] == "failed"
    assert "has changed since" in stale[1]
    (missing,) = await play(project, session, [use("s1", "undo", message=99)])
    assert missing[1] == "There is no earlier message 99 in this session."
