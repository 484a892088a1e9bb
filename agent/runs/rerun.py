"""Another run for a message that already had one: from where that one failed, or from the start."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils import timezone

from agent.event_log import events, log
from agent.event_log.log import Done
from agent.event_log.phases import Phase
from agent.exceptions import Refused
from agent.models import Approval, PhaseResult, Run, Steering
from agent.plans import store
from agent.runs import runs

if TYPE_CHECKING:
    from django.contrib.auth.models import User


async def retry(session: UUID, run: UUID, user: User) -> Run:
    """Continues a failed or cancelled run as a new run, which adopts the finished phases and steps.

    Nothing that succeeded is executed again. A second call returns the retry that is still unfinished.
    Raises `Refused`: `not_found`, `not_active` (the run has not failed), `rate_limited`, `queue_full`,
    `quota_reached`.
    """
    return await _rerun(session, run, user, _retry)


async def regenerate(session: UUID, run: UUID, user: User) -> Run:
    """Answers a finished run's message again, from the start. Raises `Refused` like `retry`."""
    return await _rerun(session, run, user, _regenerate)


Rerun = Callable[[Run, "User"], Done[Run]]


async def _rerun(session: UUID, run: UUID, user: User, rerun: Rerun) -> Run:
    effect = partial(_start, session, run, user, rerun)
    started: Run = await log.append_for_user(session, effect, person=user.pk)
    return started


def _start(session: UUID, run_id: UUID, user: User, rerun: Rerun) -> Done[Run]:
    former = runs.find(session, run_id, "message")
    unfinished = former.retries.filter(status__in=Run.UNFINISHED).first()
    return Done(unfinished) if unfinished else rerun(former, user)


def _retry(former: Run, user: User) -> Done[Run]:
    if former.status not in (Run.Status.FAILED, Run.Status.CANCELLED):
        raise Refused(
            "not_active",
            f"Only a failed or cancelled run can be retried, not a {former.status} one.",
        )
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
        raise Refused("not_active", f"The run is not over yet; its status is {former.status}.")
    run, queued = _copy(former, user)
    return Done(run, [queued])


def _copy(former: Run, user: User) -> tuple[Run, events.Event]:
    position = runs.place_in_queue(former.session_id, user)
    run = runs.create(
        former.message,
        user,
        approval=former.approval,
        task_id=former.task_id,
        given=former.given,
        retry_of=former,
        batch_id=former.batch_id,
    )
    if former.batch_id is not None:  # the new run counts in its place
        Run.objects.filter(pk=former.pk).update(batch=None)
    return run, events.Run(run.pk, run.status, position=position, retry_of=former.pk)


def _adopt_plan(former: Run, run: Run) -> list[events.Event]:
    """Copies the latest plan with its approval, or with the rejection after which no other plan was made;
    steps that did not succeed are to be executed again.
    """
    old = store.latest(former)
    if old is None:
        return []
    new, plan_events = store.save(run, store.as_plan(old), store.succeeded_steps(old))
    is_planned = former.phases.filter(phase=Phase.PLANNING).exists()
    decision = Approval.Status.APPROVED if is_planned else Approval.Status.REJECTED
    # A message into the run that became the next one is no reason any more.
    gone = former.steering.filter(status=Steering.Status.NEXT).values("message__content")
    for approval in old.approvals.filter(status=decision).exclude(reason__in=gone):
        Approval.objects.create(
            run=run,
            plan=new,
            digest=new.digest,
            effects=approval.effects,
            status=approval.status,
            reason=approval.reason,
            comments=approval.comments,
            decided_by=approval.decided_by,
            decided_at=timezone.now(),  # so that the copy counts as no wait
        )
    return plan_events
