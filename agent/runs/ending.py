"""The end of a run: success, failure or cancellation, with its last events. Finished work stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from agent.accounts.audit import Deed, record
from agent.event_log import events, log, parsing, texts
from agent.event_log.log import Done, Fence
from agent.event_log.payloads import StepComment
from agent.exceptions import AgentError, Refused
from agent.models import Approval, PlanStep, Run
from agent.plans.store import step_event
from agent.runs import drafts, runs, steering_rows, updates, wake
from agent.support import raw_sql

if TYPE_CHECKING:
    from django.contrib.auth.models import User

E = TypeVar("E", bound=events.Event)


def end(run: Run, status: str, **fields: Any) -> list[events.Event]:
    """Ends `run` inside an effect; returns its `run` event. One of `events.LAST` has to follow."""
    (attempt,) = raw_sql.column("SELECT attempt FROM agent_run WHERE id = %s", run.pk)
    told = updates.of_log(run).at_end() if run.started_at else {}
    changes = fields | told | fields_of_end(status, attempt)
    for name, value in changes.items():
        setattr(run, name, value)
    raw_sql.save(run, *changes)
    return ended(run)


# Why what was sent into a run becomes the next message, by the status of the run.
_TOO_LATE: dict[str, str] = {
    Run.Status.SUCCEEDED: "The run was over.",
    Run.Status.FAILED: "The run failed.",
    Run.Status.CANCELLED: "The run was cancelled.",
}


def fields_of_end(status: str, attempt: int) -> dict[str, Any]:
    """Returns what ends a run whose attempt is `attempt`, to be saved before `ended`."""
    # A higher attempt fences off a process that still executes the run.
    fenced = {"attempt": attempt + 1, "lease_owner": "", "lease_until": None}
    return {"status": status, "finished_at": timezone.now(), **fenced}


_LEFT = f"""
SELECT 'sent', message_id FROM ({steering_rows.OPEN}) sent
UNION ALL
SELECT 'queued', id FROM (
    SELECT id FROM agent_run WHERE {runs.UNFINISHED} AND id <> %s ORDER BY number LIMIT 1
) queued
"""


def ended(run: Run, *, has_draft: bool = True) -> list[events.Event]:
    """Returns the `run` event of a run that was ended in this transaction; wakes the next run, if there is
    one.

    Before it, what was sent into the run and no plan was made with becomes the next message. `has_draft`:
    whether a draft of the run may be stored.
    """
    if has_draft:
        drafts.delete(run.pk)  # after the run is locked, as a draft is written
    others: dict[str, list[str]] = {"sent": [], "queued": []}
    for kind, key in raw_sql.rows(_LEFT, run.pk, run.session_id, run.pk):
        others[kind].append(str(UUID(str(key))))
    if others["queued"]:
        wake.wake(run.session_id)
    left = steering_rows.make_next(run, _TOO_LATE[run.status], others["sent"])
    return [*left, events.Run(run.pk, run.status)]


async def fail(run: Run, fence: Fence, error: AgentError, failures: Sequence[events.Event]) -> None:
    """Ends a claimed run with `error`, after the events of its failed phases. Raises `Fenced`."""
    await log.append(
        run.session_id, failures, fence=fence, effect=lambda: Done(None, fail_now(run, error))
    )


def fail_now(run: Run, error: AgentError) -> list[events.Event]:
    """Fails `run` inside an effect; returns the events."""
    answer = partial_answer(run)
    steps = close_steps(run)
    progress = events.Progress(run.pk, "error", f"❌ {error}", error.code)
    ended = end(
        run,
        Run.Status.FAILED,
        error=str(error),
        error_code=error.code,
        retryable=error.retryable,
        partial=answer,
        usage=run.usage,
        left_open=Run.LeftOpen.FAILURE,
    )
    last = events.Error(
        run.pk, error=str(error), code=error.code, retryable=error.retryable, partial=answer
    )
    return [*steps, progress, *ended, last]


def keep_usage(run: Run, usage: dict[str, int]) -> None:
    """Saves what a run used that was cancelled during a call to the model."""
    cancelled = Run.objects.filter(pk=run.pk, status=Run.Status.CANCELLED, attempt=run.attempt + 1)
    cancelled.update(usage=usage)


async def cancel(session: UUID, run: UUID, by: User | None, reason: str = "") -> None:
    """Cancels a queued, running or waiting run for good. Raises `Refused`. `by`: None if nobody did."""
    await log.append_for_user(session, partial(_cancel, session, run, by, reason))


def _cancel(session: UUID, run_id: UUID, by: User | None, reason: str) -> Done[None]:
    run = runs.find(session, run_id)
    if run.status not in Run.UNFINISHED:
        raise Refused("not_active", f"The run is already over; its status is {run.status}.")
    return Done(None, cancel_now(run, by, reason))


def cancel_now(
    run: Run, by: User | None, reason: str, *, approval_status: str = Approval.Status.REJECTED
) -> list[events.Event]:
    """Cancels inside an effect; returns the events. An open approval gets `approval_status`."""
    answer = partial_answer(run)
    approval = run.approvals.filter(status=Approval.Status.REQUESTED).select_related("plan").first()
    closed = [close_approval(approval, approval_status, by, reason)] if approval else []
    closed += close_steps(run)
    ended = end(run, Run.Status.CANCELLED, partial=answer)
    transaction.on_commit(partial(wake.interrupt, run.session_id, run.pk))
    name = by.get_username() if by else None
    last = events.Cancelled(run.pk, by=name, reason=reason, partial=answer)
    return [*closed, *ended, last]


def close_approval(
    approval: Approval,
    status: str,
    by: User | None,
    reason: str,
    comments: Sequence[StepComment] = (),
) -> events.Event:
    """Decides an open approval inside an effect; returns the event. `by` is None when it expired."""
    approval.status, approval.reason, approval.comments = status, reason, list(comments)
    approval.decided_at, approval.decided_by = timezone.now(), by
    approval.save(update_fields=["status", "reason", "comments", "decided_at", "decided_by"])
    if by is not None:
        deed = Deed.PLAN_APPROVED if status == Approval.Status.APPROVED else Deed.PLAN_REJECTED
        record_decision(deed, approval, by)
    steps = {step.key: step for step in approval.plan.steps.all()} if comments else {}
    lines = [texts.comment(steps[one["step"]], one["text"]) for one in comments]
    return events.Approval(
        approval.run_id,
        id=approval.pk,
        status=approval.status,
        plan_revision=approval.plan.revision,
        reason=reason,
        by=by.get_username() if by else None,
        comments=approval.comments,
        texts={"comments": lines} if lines else None,
    )


def record_decision(deed: Deed, approval: Approval, by: User) -> None:
    """Writes a person's decision on a plan to the audit log, inside an effect, and notes who has a say."""
    run = approval.run
    runs.note_say(run, by)
    project, revision = run.session.project_id, approval.plan.revision
    record(deed, run, by=by, project=project, session=str(run.session_id), revision=revision)


def close_steps(run: Run) -> list[events.Event]:
    """Cancels the unfinished steps of the latest plan; returns their events."""
    latest = run.plans.order_by("-revision").first()
    step_events, now = [], timezone.now()
    for step in PlanStep.objects.filter(plan=latest, status__in=PlanStep.UNFINISHED):
        step.status, step.finished_at = PlanStep.Status.CANCELLED, now
        step.save(update_fields=["status", "finished_at"])
        step_events.append(step_event(run.pk, step))
    return step_events


def partial_answer(run: Run) -> str:
    """Returns the answer as far as it is in the event log. A later token may overwrite earlier ones."""
    text = ""
    for token in events_of(run, events.Token):
        text = text[: token.offset] + token.text
    return text


def events_of(run: Run, kind: type[E]) -> list[E]:
    """Returns the run's events of one type, in order."""
    read = (parsing.read(body) for _, body in updates.read_events(run, kind.type))
    return [event for event in read if isinstance(event, kind)]


def duration_ms(run: Run) -> int:
    """Returns how long the run has worked, up to its end or now, without its waits for approval."""
    waited = timedelta()
    for approval in raw_sql.select(Approval, "run_id = %s", run.pk):
        if approval.decided_at is not None:
            waited += approval.decided_at - approval.requested_at
    return worked_ms(run, waited)


def worked_ms(run: Run, waited: timedelta = timedelta()) -> int:
    """As `duration_ms`, of a run whose waits are known."""
    assert run.started_at is not None, "a claimed run was started"
    worked = (run.finished_at or timezone.now()) - run.started_at - waited
    return round(worked.total_seconds() * 1000)
