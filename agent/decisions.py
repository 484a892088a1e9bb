"""Parking a run for a person's word on its plan, and that word: approve, reject, edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils import timezone

from agent import doorbell, events, log, revisions, runs, validation
from agent.events import Phase
from agent.exceptions import Fenced, PlanInvalid, Refused
from agent.llm.base import Revise
from agent.log import Done
from agent.models import Approval, PhaseResult, PlanRevision, Run
from agent.plans import Plan

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class Parked(Exception):
    """The run waits for a person and needs no driver."""


def why_ask(run: Run, plan: Plan) -> str:
    """Returns why a person must approve `plan` first; "" when it may go on at once."""
    if run.approval == Run.ApprovalMode.REQUIRED:
        return "You asked to see the plan first."
    deleting = len(validation.destructive_steps(plan.steps))
    return f"The plan deletes {deleting} objects." if deleting > 1 else ""


def is_settled(run: Run, revision: PlanRevision, plan: Plan) -> bool:
    """Tells whether `plan`, which is `revision`, may be carried out now."""
    if revision.digest != plan.digest:
        raise PlanInvalid(["the plan is not the one that was validated"])
    approved = revision.approvals.filter(status=Approval.Status.APPROVED).exists()
    return approved or not why_ask(run, plan)


def park(run: Run, revision: PlanRevision, plan: Plan) -> Done[None]:
    """Leaves the run to a person, inside an effect: nothing holds it any more."""
    asked = Approval.objects.create(run=run, plan=revision, reason=why_ask(run, plan))
    Run.objects.filter(pk=run.pk).update(
        status=Run.Status.WAITING, lease_owner="", lease_until=None, claims=0
    )
    return Done(None, [_event(asked), events.run(run.pk, Run.Status.WAITING)])


def revision_wanted(run: Run) -> Revise | None:
    """Returns a person's reason for another plan, when that is why the run plans again."""
    last = revisions.latest(run)
    if last is None:
        return None
    rejected = last.approvals.filter(status=Approval.Status.REJECTED).first()
    return Revise((rejected.reason,), revisions.as_plan(last).as_json()) if rejected else None


async def approve(session: UUID, run: UUID, plan_revision: int, user: User) -> None:
    """Has the plan carried out as it is. Raises `Refused`: `not_active`, `stale_plan`."""
    await _decide(session, run, plan_revision, partial(_approve, user))


async def reject(session: UUID, run: UUID, plan_revision: int, user: User, reason: str) -> None:
    """Has the plan made anew with `reason`, or with none, the run cancelled. Raises `Refused`."""
    await _decide(session, run, plan_revision, partial(_reject, user, reason.strip()))


async def edit(
    session: UUID, run: UUID, plan_revision: int, user: User, steps: Sequence[Any]
) -> None:
    """Puts a plan of `steps` in its place; it needs approval. Raises `Refused`, also `invalid_plan`."""
    await _decide(session, run, plan_revision, partial(_edit, user, steps))


Decision = Callable[[Approval], list[events.Event]]


async def _decide(session: UUID, run: UUID, plan_revision: int, decision: Decision) -> None:
    def effect() -> Done[None]:
        return Done(None, decision(_asked(session, run, plan_revision)))

    try:
        await log.append(session, effect=effect)
    except Fenced:
        raise Refused("not_found", "There is no such run.") from None


def _asked(session: UUID, run_id: UUID, plan_revision: int) -> Approval:
    run = Run.objects.filter(pk=run_id, session=session).select_related("session__project").first()
    if run is None:
        raise Refused("not_found", "There is no such run.")
    asked = run.approvals.filter(status=Approval.Status.REQUESTED).select_related("plan").first()
    if run.status != Run.Status.WAITING or asked is None:
        raise Refused("not_active", f"The run does not wait for a decision; it is {run.status}.")
    if asked.plan.revision != plan_revision:
        raise Refused(
            "stale_plan", f"The plan is at revision {asked.plan.revision} now, not {plan_revision}."
        )
    asked.run = run  # with its session, which decisions need
    return asked


def _approve(user: User, asked: Approval) -> list[events.Event]:
    _settle(asked, Approval.Status.APPROVED, user, "")
    _go_on(asked.run)
    return [_event(asked)]


def _reject(user: User, reason: str, asked: Approval) -> list[events.Event]:
    if not reason:
        return runs.cancel_now(asked.run, user, "The plan was rejected.")
    _settle(asked, Approval.Status.REJECTED, user, reason)
    PhaseResult.objects.filter(run=asked.run, phase__in=[Phase.PLANNING, Phase.VALIDATION]).delete()
    _go_on(asked.run)
    return [_event(asked)]


def _edit(user: User, steps: Sequence[Any], asked: Approval) -> list[events.Event]:
    try:
        plan = validation.parse({"summary": asked.plan.summary, "steps": list(steps)})
    except PlanInvalid as error:
        raise Refused("invalid_plan", str(error)) from None
    if found := validation.problems(plan, asked.run.session.project, user):
        raise Refused("invalid_plan", "; ".join(found))
    asked.plan, told = revisions.save(asked.run, plan)
    asked.reason = f"{user.get_username()} edited the plan."
    asked.save(update_fields=["plan", "reason"])
    return [told, _event(asked)]


def _settle(asked: Approval, status: str, user: User, reason: str) -> None:
    asked.status, asked.decided_by, asked.reason = status, user, reason
    asked.decided_at = timezone.now()
    asked.save(update_fields=["status", "decided_by", "reason", "decided_at"])


def _go_on(run: Run) -> None:
    """Puts the run back to the front of its session's queue: it has the lowest number there."""
    Run.objects.filter(pk=run.pk).update(status=Run.Status.QUEUED)
    doorbell.wake(run.session_id)


def _event(asked: Approval) -> events.Event:
    by = asked.decided_by
    return events.approval(
        asked.run_id,
        id=asked.pk,
        status=asked.status,
        plan_revision=asked.plan.revision,
        reason=asked.reason,
        by=by.get_username() if by else None,
    )
