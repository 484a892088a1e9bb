"""Another run for a message that had one: from where it failed, or from the start."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils import timezone

from agent.event_log import events, log
from agent.event_log.log import Done
from agent.exceptions import Fenced, Refused
from agent.models import Approval, ChatSession, PhaseResult, Run
from agent.plans import store
from agent.runs import runs

if TYPE_CHECKING:
    from django.contrib.auth.models import User


async def retry(session: UUID, run: UUID, user: User) -> Run:
    """Goes on where a failed or cancelled run ended, as a new run that adopts what was finished.

    Nothing that succeeded is done again. Asked twice, it returns the run that is on its way already.
    Raises `Refused`: `not_found`, `not_active` (the run has not failed), `rate_limited`, `queue_full`.
    """
    return await _again(session, run, user, _retry)


async def regenerate(session: UUID, run: UUID, user: User) -> Run:
    """Answers a finished run's message anew, from the start. Raises `Refused` like `retry`."""
    return await _again(session, run, user, _regenerate)


Again = Callable[[Run, "User"], Done[Run]]


async def _again(session: UUID, run: UUID, user: User, how: Again) -> Run:
    try:
        again: Run = await log.append(session, effect=partial(_start, session, run, user, how))
    except Fenced:
        raise Refused("not_found", "There is no such run.") from None
    return again


def _start(session: UUID, run_id: UUID, user: User, how: Again) -> Done[Run]:
    former = Run.objects.filter(pk=run_id, session=session).select_related("message").first()
    if former is None:
        raise Refused("not_found", "There is no such run.")
    on_its_way = former.retries.filter(status__in=Run.UNFINISHED).first()
    return Done(on_its_way) if on_its_way else how(former, user)


def _retry(former: Run, user: User) -> Done[Run]:
    if former.status not in (Run.Status.FAILED, Run.Status.CANCELLED):
        raise Refused("not_active", f"The run has not failed; it is {former.status}.")
    run, queued = _copy(former, user)
    for row in former.phases.all():
        PhaseResult.objects.create(
            run=run,
            phase=row.phase,
            result=row.result,
            started_at=row.started_at,
            duration_ms=row.duration_ms,
        )
    return Done(run, [queued, *_adopt_plan(former, run)])


def _regenerate(former: Run, user: User) -> Done[Run]:
    if former.status in Run.UNFINISHED:
        raise Refused("not_active", f"The run is not over; it is {former.status}.")
    run, queued = _copy(former, user)
    return Done(run, [queued])


def _copy(former: Run, user: User) -> tuple[Run, events.Event]:
    session = ChatSession.objects.get(pk=former.session_id)
    place = runs.place_in_queue(session, user)
    run = runs.create(
        session,
        former.message,
        user,
        approval=former.approval,
        task_id=former.task_id,
        given=former.given,
        retry_of=former,
    )
    return run, events.run(run.pk, run.status, position=place, retry_of=former.pk)


def _adopt_plan(former: Run, run: Run) -> list[events.Event]:
    """Gives `run` the plan as far as it was carried out; what did not succeed is to do again."""
    old = store.latest(former)
    if old is None:
        return []
    new, told = store.save(run, store.as_plan(old), store.done(old))
    for given in old.approvals.filter(status=Approval.Status.APPROVED):
        Approval.objects.create(
            run=run,
            plan=new,
            digest=new.digest,
            effects=given.effects,
            status=given.status,
            decided_by=given.decided_by,
            decided_at=timezone.now(),  # it was not waited for again
        )
    return told
