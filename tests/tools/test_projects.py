"""Tools for the project, new projects and the session: who may, what is kept, and what can be undone."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from agent.edits.undo import undo_changes
from agent.exceptions import Refused, ToolFailed
from agent.models import ChatSession, Membership, Project, Run
from agent.models.projects import SAMPLE_BRIEF
from agent.plan import Plan, Step, StepType
from agent.plans import validation
from agent.plans.rewriting import seen_texts
from agent.runs.runs import MessageRequest
from agent.tools.registry import ToolCall
from tests.support.scripted_runs import log_of, outcome
from tests.support.scripted_runs import use as step
from tests.support.tool_calls import Use, call_of, user_of


@pytest.fixture
def call(session: ChatSession) -> ToolCall:
    return call_of(session)


@pytest.fixture
def use(call: ToolCall) -> Use:
    return user_of(call)


def test_the_brief_is_read_changed_in_places_and_undone(
    project: Project, call: ToolCall, use: Use
) -> None:
    Project.objects.update(description="We book slots.\n\nIn English.")
    use("update_project", edits=[{"how": "replace", "find": "English", "text": "German"}])
    use("update_project", name="Practice")
    read = use("get_project")
    assert (read["name"], read["project_description"]) == (
        "Practice",
        "We book slots.\n\nIn German.",
    )
    assert [change.object for change in call.changes] == ["project"] * 2
    undo_changes(project.pk, call.changes, by_id=call.user_id)
    project.refresh_from_db()
    assert (project.name, project.description) == (
        "Clinic booking",
        "We book slots.\n\nIn English.",
    )
    with pytest.raises(Refused, match="has changed since"):
        undo_changes(project.pk, call.changes, by_id=call.user_id)


def test_only_the_owner_changes_the_project(
    project: Project, session: ChatSession, use: Use, call: ToolCall
) -> None:
    editor = User.objects.create_user("eve")
    Membership.objects.create(project=project, user=editor, role="editor")
    call.user_id = editor.pk
    with pytest.raises(ToolFailed, match="Only the owner"):
        use("update_project", name="Mine")
    call.user_id = None
    with pytest.raises(ToolFailed, match="signed in"):
        use("create_project", name="Nobody's")
    assert not call.changes


def test_only_the_owner_undoes_a_change_of_the_project(
    project: Project, use: Use, call: ToolCall
) -> None:
    editor = User.objects.create_user("eve")
    Membership.objects.create(project=project, user=editor, role="editor")
    use("update_project", description="New")
    for user_id in (editor.pk, None):
        with pytest.raises(Refused, match="Only the owner"):
            undo_changes(project.pk, call.changes, by_id=user_id)
    assert Project.objects.get().description == "New"


def test_a_session_is_renamed_and_the_title_comes_back(
    session: ChatSession, call: ToolCall, use: Use
) -> None:
    before = session.title
    use("rename_session", title="Kickoff")
    session.refresh_from_db()
    assert session.title == "Kickoff"
    if before:
        undo_changes(session.project_id, call.changes)
        session.refresh_from_db()
        assert session.title == before


def test_a_brief_that_was_not_shown_is_not_replaced(project: Project, alice: User) -> None:
    def errors(seen: list[str]) -> list[str]:
        change = Step("s1", StepType.TOOL, "", "update_project", {"description": "New"})
        return validation.problems(Plan("", (change,)), project, alice, seen=seen)

    Project.objects.update(description="We book slots.")
    (error,) = errors([])
    assert "the whole text of the project" in error
    assert errors(seen_texts({"project_description": "We book slots."})) == []
    Project.objects.update(description=SAMPLE_BRIEF)  # of which nobody wrote a word
    assert errors([]) == []


@pytest.mark.django_db(transaction=True)
async def test_a_new_project_waits_for_approval(session: ChatSession, alice: User) -> None:
    made = step("s1", "create_project", name="Shoes")
    run = await outcome(session, alice, MessageRequest("Start a project for shoes"), made)
    assert run.status == Run.Status.WAITING
    assert await Project.objects.acount() == 1


@pytest.mark.django_db(transaction=True)
async def test_a_run_tells_what_it_changed_of_the_project_and_the_session(
    session: ChatSession, alice: User
) -> None:
    steps: list[dict[str, Any]] = [
        step("s1", "update_project", name="Practice"),
        step("s2", "rename_session", title="Kickoff"),
    ]
    run = await outcome(session, alice, MessageRequest("Rename both"), *steps)
    assert run.status == Run.Status.SUCCEEDED
    told = [event for event in await log_of(session) if event["type"] == "change"]
    assert {event["text"]["change"] for event in told} == {
        "Changed project “Practice”: title",
        "Changed session “Kickoff”: title",
    }
