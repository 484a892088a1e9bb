"""Who takes part in the owner's run does not get the owner's rights by that."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from agent.engine import local
from agent.models import ChatSession, Membership, PlanStep, Project, Run
from agent.runs import approvals, rerun
from agent.runs.steering import Steer
from agent.testing import ScriptedModel
from tests.support.scripted_runs import create, ended, outcome, plan, status, use
from tests.support.steered_runs import ASK_FIRST, DO_IT, FIRST, steered

pytestmark = pytest.mark.django_db(transaction=True)

RENAME = use("s3", "update_project", name="Practice")
MAKE = use("s3", "create_project", name="Another")
NOBODY_ELSE = "Only the owner of the project may"


@pytest.fixture
def people(project: Project, alice: User) -> dict[str, User]:
    """Alice owns the project, Eve is an editor of it."""
    eve = User.objects.create_user("eve")
    Membership.objects.create(project=project, user=eve, role="editor")
    return {"owner": alice, "editor": eve}


async def check_who_renamed(run: Run, person: str) -> None:
    """Only with the owner alone, the project has its new name at the end of the run."""
    step = await PlanStep.objects.filter(plan__run=run, tool="update_project").alast()
    assert step is not None
    failed = (step.error or "").startswith(NOBODY_ELSE)
    assert (step.status, failed) == (
        ("succeeded", False) if person == "owner" else ("failed", True)
    )
    assert await Project.objects.filter(name="Practice").aexists() is (person == "owner")


@pytest.mark.parametrize("person", ["owner", "editor"])
async def test_a_message_into_the_run(
    session: ChatSession, alice: User, people: dict[str, User], person: str
) -> None:
    model = ScriptedModel(plans=[FIRST, plan(RENAME), plan(RENAME)])
    sent = Steer("Rename the project")
    run = await steered(session, alice, model, sent, sender=people[person])
    await check_who_renamed(run, person)


@pytest.mark.parametrize("person", ["owner", "editor"])
async def test_an_edit_that_its_author_approves(
    session: ChatSession, alice: User, people: dict[str, User], person: str
) -> None:
    run, user = await outcome(session, alice, ASK_FIRST, create("s1", "First")), people[person]
    await approvals.edit(session.pk, run.pk, 1, user, [RENAME])
    async with local.executing(ScriptedModel()):
        await approvals.approve(session.pk, run.pk, 2, user)
        await ended(run)
    await check_who_renamed(run, person)


@pytest.mark.parametrize("person", ["owner", "editor"])
async def test_the_reason_of_a_rejection(
    session: ChatSession, alice: User, people: dict[str, User], person: str
) -> None:
    run = await outcome(session, alice, ASK_FIRST, create("s1", "First"))
    async with local.executing(ScriptedModel(plans=[plan(RENAME)])):
        await approvals.reject(session.pk, run.pk, 1, people[person], "Rename the project")
        await run.arefresh_from_db()
        await status(run, "waiting")
        await approvals.approve(session.pk, run.pk, 2, alice)
        await ended(run)
    await check_who_renamed(run, person)


@pytest.mark.parametrize("person", ["owner", "editor"])
async def test_no_project_is_created_in_the_owners_name_for_somebody_else(
    session: ChatSession, alice: User, people: dict[str, User], person: str
) -> None:
    model = ScriptedModel(plans=[FIRST, plan(MAKE), plan(MAKE)])
    sent = Steer("Start another project")
    run = await steered(session, alice, model, sent, sender=people[person])
    assert run.status == Run.Status.WAITING
    async with local.executing(ScriptedModel()):
        await approvals.approve(session.pk, run.pk, 2, alice)
        await ended(run)
    assert await Project.objects.filter(name="Another").aexists() is (person == "owner")


@pytest.mark.parametrize("person", ["owner", "editor"])
async def test_the_owner_answers_a_message_again(
    session: ChatSession, alice: User, people: dict[str, User], person: str
) -> None:
    run = await outcome(session, people[person], DO_IT, create("s1", "First"))
    async with local.executing(ScriptedModel(plans=[plan(RENAME), plan(RENAME)])):
        again = await ended(await rerun.regenerate(session.pk, run.pk, alice))
    await check_who_renamed(again, person)
