"""The page of a run: what the run changed, and runs that are unlike the others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agent.batch import DRY_RUN
from agent.board import tasks
from agent.edits.undo import change_seqs
from agent.event_log import events, parsing
from agent.event_log.phases import Phase
from agent.models import (
    Approval,
    ChatSession,
    Project,
)
from tests.support.run_rows import RunRows, created, page

pytestmark = pytest.mark.django_db


NEW = tasks.NewTask("Pay")


def test_changes_are_told_and_whether_they_were_taken_back(
    session: ChatSession, project: Project, alice: User, client: Client
) -> None:
    made, other = RunRows(session), RunRows(session)
    items = [tasks.NewTask("Pay"), tasks.NewTask("Book")]
    (pay, book), _ = tasks.create_tasks(project_id=project.pk, items=items)
    made.log([created(other.run, book), created(made.run, pay)])
    shown = page(client, alice, made.run)
    assert "Created task “Pay”" in shown
    assert "Created task “Book”" not in shown
    assert "taken back" not in shown
    changes = [
        one
        for one in [parsing.read(row.body) for row in session.events.filter(run=made.run)]
        if isinstance(one, events.Change)
    ]
    assert [one.seq for one in changes] == change_seqs(session.pk, made.run.pk) == [2]
    inverse = tasks.delete_task(task=pay)[1]
    made.log(
        [
            events.Change(
                None,
                object="task",
                id=pay.pk,
                action=inverse.action,
                before=inverse.before,
                after=None,
                by="alice",
            )
        ]
    )
    shown = page(client, alice, made.run)
    assert "<em>taken back since</em>" in shown
    assert "All changes of this run were taken back since." in shown


def test_a_pruned_run_does_not_claim_that_it_changed_nothing(
    session: ChatSession, project: Project, alice: User, client: Client
) -> None:
    made, other = RunRows(session, model="small-model"), RunRows(session)
    run = made.run
    made.log([created(run, tasks.create_tasks(project_id=project.pk, items=[NEW])[0][0])])
    assert f"/runs/{run.pk}/capsule/" in page(client, alice, run)
    session.events.filter(run=run).delete()
    ChatSession.objects.filter(pk=session.pk).update(first_run=run.number + 1)
    shown = page(client, alice, run)
    assert "so what it changed is not known any more" in shown
    assert "changed nothing" not in shown
    assert f"/runs/{run.pk}/capsule/" not in shown
    assert f"/runs/{run.pk}/replay/" not in shown
    compared = client.get(f"/runs/{run.pk}/compare/{other.run.pk}/").content.decode()
    assert "so their changes can't be compared" in compared
    assert "has changed anything" not in compared


def test_a_dry_run_says_what_its_plan_would_do(
    session: ChatSession, alice: User, client: Client
) -> None:
    made = RunRows(session, status="cancelled")
    plan = made.plan(made.step("s1", "Create it", status="cancelled"))
    change = {"object": "task", "action": "created", "before": None, "after": {"title": "Pay"}}
    Approval.objects.create(
        run=made.run,
        plan=plan,
        status="rejected",
        reason=DRY_RUN,
        decided_at=timezone.now() + timedelta(seconds=1),
        effects=[{"step": "s1", "note": "", "changes": [{**change, "title": "Pay"}]}],
    )
    shown = page(client, alice, made.run)
    assert DRY_RUN in shown
    assert "Create task “Pay”" in shown


def test_a_retry_leads_to_the_run_that_it_continues_and_back(
    session: ChatSession, alice: User, client: Client
) -> None:
    former = RunRows(session, status="failed")
    again = RunRows(session, retry_of=former.run, message=former.run.message)
    compare = f'href="/runs/{former.run.pk}/compare/{again.run.pk}/"'
    shown = page(client, alice, again.run)
    assert "Answers the message of run 1 again." in shown
    assert compare in shown
    again.phase(Phase.CONTEXT, -10, -9)
    again.phase("reading:r1", -9, -8)
    again.plan(again.step("s1", "A", -7, -6), again.step("s2", "B", 1, 2))
    shown = page(client, alice, again.run)
    assert "Continues run 1: 2 phases and 1 step of it are not repeated." in shown
    shown = page(client, alice, former.run)
    assert "Its message was answered again by run 2." in shown
    assert compare in shown


def test_a_replanned_run_says_so(session: ChatSession, alice: User, client: Client) -> None:
    made = RunRows(session, replanned=True)
    made.plan(made.step("s1", "A", 1, 2, status="failed"))
    assert "After a failed step, no new plan for the rest was found." in page(
        client, alice, made.run
    )
    made.plan(made.step("s2", "B", 2, 3), revision=2)
    assert "The rest was planned anew after a failed step: 2 plans." in page(
        client, alice, made.run
    )
