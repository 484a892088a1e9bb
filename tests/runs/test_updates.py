"""What is kept of a run's events for the analytics: how many there were, and the longest silence."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from agent.engine import local
from agent.event_log import events
from agent.event_log.times import milliseconds
from agent.exceptions import ToolFailed
from agent.models import ChatSession, Project, Run
from agent.runs import approvals, runs, updates
from agent.runs.updates import Updates
from agent.testing import ScriptedModel
from tests.support.scripted_runs import create, log_of, plan, process

pytestmark = pytest.mark.django_db(transaction=True)

RUN = uuid4()
KINDS = ("progress", "plan", "step", "change", "token")


def at(seconds: float) -> str:
    return f"2026-03-01T10:00:{seconds:09.6f}Z"


def test_the_longest_silence_is_between_two_updates_or_until_the_end() -> None:
    counted = Updates()
    counted.count(
        [events.Progress(RUN, "context", "", timestamp=at(second)) for second in (1, 2, 9)]
    )
    counted.count([events.Progress(RUN, "context", "", timestamp=at(10))])
    assert (counted.number, counted.silence_ms) == (4, 7000)
    assert counted.at_end()["silence_ms"] > 7000  # long after March 2026


def test_a_wait_for_a_person_is_no_silence() -> None:
    counted = Updates()
    for event in (
        events.Progress(RUN, "planning", "", timestamp=at(1)),
        events.Approval(RUN, id=RUN, status="requested", plan_revision=1, timestamp=at(2)),
        events.Progress(RUN, "execution", "", timestamp=at(50)),
        events.Progress(RUN, "execution", "", timestamp=at(53)),
    ):
        counted.count([event])
    assert (counted.number, counted.silence_ms) == (3, 3000)


async def test_a_run_that_ends_keeps_what_its_log_says(
    project: Project, session: ChatSession
) -> None:
    model = ScriptedModel(plans=[plan(create("s1", "Login"), create("s2", "Logout", "s1"))])
    await process(model, project, session)
    run = await Run.objects.aget()
    log = await log_of(session)
    told = [milliseconds(event["timestamp"]) for event in log if event["type"] in KINDS]
    assert run.updates is not None
    assert run.silence_ms is not None
    # The events of its last commit are not before its end.
    assert len(told) - 6 <= run.updates < len(told)
    known = told[: run.updates]
    assert run.silence_ms >= max(b - a for a, b in pairwise(known))


async def test_a_run_that_waited_counts_its_updates_from_the_log(
    project: Project, session: ChatSession, alice: User
) -> None:
    model = ScriptedModel(plans=[plan(create("s1", "Login"))])
    async with local.executing(model, {session.pk}):
        request = runs.MessageRequest("Do it", approval="required")
        run = await runs.start(session.pk, alice, request)
        while run.status in (Run.Status.QUEUED, Run.Status.RUNNING):
            await run.arefresh_from_db()
        await asyncio.sleep(0.3)
        await approvals.approve(session.pk, run.pk, 1, alice)
        while run.status != Run.Status.SUCCEEDED:
            await run.arefresh_from_db()
    log = await log_of(session)
    before = next(event["seq"] for event in log if event["type"] == "approval")
    assert run.updates is not None
    assert run.silence_ms is not None
    assert run.updates > before - 3
    assert run.silence_ms < 300


async def test_a_failed_run_keeps_its_figures_too(project: Project, session: ChatSession) -> None:
    await process(ScriptedModel(plans=[ToolFailed("broken")]), project, session)
    run = await Run.objects.aget()
    assert run.status == Run.Status.FAILED
    assert run.updates
    assert run.silence_ms is not None


async def test_a_broken_event_is_passed_over(project: Project, session: ChatSession) -> None:
    await process(ScriptedModel(plans=[plan(create("s1", "Login"))]), project, session)
    run = await Run.objects.aget()
    whole = await asyncio.to_thread(updates.of_log, run)
    await session.events.filter(type="step").aupdate(body="{}")
    less = await asyncio.to_thread(updates.of_log, run)
    assert 0 < less.number < whole.number
