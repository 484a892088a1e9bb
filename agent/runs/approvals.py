"""Parking a run for a person's word on its plan, and that word: approve, reject, edit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from agent.event_log import events, log
from agent.event_log.events import Phase
from agent.event_log.log import Done
from agent.exceptions import Fenced, PlanInvalid, Refused
from agent.llm.base import Revise
from agent.models import Approval, PhaseResult, PlanRevision, PlanStep, Run
from agent.plan import Plan
from agent.plans import approval_policy, dry_run, estimates, parser, store, validation
from agent.plans.dry_run import Effect
from agent.runs import runs, wake

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class Parked(Exception):
    """The run waits for a person and needs no driver."""


def is_free(run: Run, revision: PlanRevision) -> bool:
    """Tells without a look at the board that the plan needs nobody's word. Reads the session anew."""
    run.session.refresh_from_db(fields=["approval"])
    left = _left(revision)
    steps = [step for step in store.as_plan(revision).steps if step.id in left]
    return approval_policy.is_harmless(run, steps)


def settle(run: Run, revision: PlanRevision) -> Done[bool]:
    """Returns whether the plan may be carried out now; if not, leaves the run to a person.

    Inside an effect. What is left of the plan is tried and rolled back: that shows what it would
    change, and whether somebody has to be asked.
    """
    if is_approved(revision):
        return Done(True)
    run.session.refresh_from_db(fields=["approval"])
    found = _foresee(run, revision)
    if not (reason := approval_policy.why_ask(run, found, _deleted(revision))):
        return Done(True)
    told = _ask(Approval(run=run, plan=revision), reason, found)
    Run.objects.filter(pk=run.pk).update(
        status=Run.Status.WAITING, lease_owner="", lease_until=None, claims=0
    )
    return Done(False, [told, events.run(run.pk, Run.Status.WAITING)])


def is_approved(revision: PlanRevision) -> bool:
    """Tells whether a person has approved this plan: what it does, not merely its number."""
    given = revision.approvals.filter(status=Approval.Status.APPROVED, digest=revision.digest)
    return given.exists()


def _left(revision: PlanRevision) -> list[str]:
    return [step.key for step in revision.steps.all() if step.status in PlanStep.UNFINISHED]


def _deleted(revision: PlanRevision) -> int:
    done = map(store.as_step, store.done(revision).values())
    return len(validation.destructive_steps(done))


def _foresee(run: Run, revision: PlanRevision) -> tuple[Effect, ...]:
    results = {key: step.result for key, step in store.done(revision).items()}
    return dry_run.foresee(run, store.as_plan(revision), _left(revision), results)


def _ask(asked: Approval, reason: str, found: Sequence[Effect]) -> events.Event:
    """Asks a person about the plan of `asked`, which keeps what is shown; returns the event."""
    now = timezone.now()
    asked.reason, asked.digest = reason, asked.plan.digest
    asked.effects = [effect.as_json() for effect in found]
    ended = store.done(asked.plan)
    expected = estimates.of_plan(asked.run, store.as_plan(asked.plan), ended)
    asked.estimate = None if expected is None else expected.as_json()
    asked.expires_at = now + timedelta(hours=settings.SAMURAI_APPROVAL_HOURS)
    asked.save()
    return events.approval(
        asked.run_id,
        id=asked.pk,
        status=asked.status,
        plan_revision=asked.plan.revision,
        reason=asked.reason,
        shown=events.Shown(asked.effects, asked.estimate, asked.expires_at),
    )


def revision_wanted(run: Run) -> Revise | None:
    """Returns a person's reason for another plan, when that is why the run plans again."""
    last = store.latest(run)
    if last is None:
        return None
    rejected = last.approvals.filter(status=Approval.Status.REJECTED).first()
    if rejected is None:
        return None
    return Revise((rejected.reason,), store.as_plan(last).as_json(), by_person=True)


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
    if asked.expires_at is not None and asked.expires_at <= timezone.now():
        raise Refused("not_active", "It is too late to decide: the question has expired.")
    if asked.plan.revision != plan_revision:
        raise Refused(
            "stale_plan", f"The plan is at revision {asked.plan.revision} now, not {plan_revision}."
        )
    asked.run = run  # with its session, which decisions need
    return asked


def _approve(user: User, asked: Approval) -> list[events.Event]:
    _go_on(asked.run)
    return [runs.settle_approval(asked, Approval.Status.APPROVED, user, "")]


def _reject(user: User, reason: str, asked: Approval) -> list[events.Event]:
    if not reason:
        return runs.cancel_now(asked.run, user, "The plan was rejected.")
    PhaseResult.objects.filter(run=asked.run, phase__in=[Phase.PLANNING, Phase.VALIDATION]).delete()
    _go_on(asked.run)
    return [runs.settle_approval(asked, Approval.Status.REJECTED, user, reason)]


def _edit(user: User, steps: Sequence[Any], asked: Approval) -> list[events.Event]:
    try:
        plan = parser.parse({"summary": asked.plan.summary, "steps": list(steps)})
    except PlanInvalid as error:
        raise Refused("invalid_plan", str(error)) from None
    done = store.done(asked.plan)
    found = validation.problems(plan, asked.run.session.project, user, done)
    if found := [*_undoes(plan, done), *found]:
        raise Refused("invalid_plan", "; ".join(found))
    asked.plan, told = store.save(asked.run, plan, done)
    reason = f"{user.get_username()} edited the plan."
    return [*told, _ask(asked, reason, _foresee(asked.run, asked.plan))]


def _undoes(plan: Plan, done: Mapping[str, PlanStep]) -> list[str]:
    """Returns which steps are carried out already and not in `plan` as they were."""
    steps = {step.id: step.does for step in plan.steps}
    return [
        f"step {key}: is carried out already and has to stay as it is"
        for key, step in done.items()
        if steps.get(key) != store.as_step(step).does
    ]


def _go_on(run: Run) -> None:
    """Puts the run back to the front of its session's queue: it has the lowest number there."""
    Run.objects.filter(pk=run.pk).update(status=Run.Status.QUEUED)
    wake.wake(run.session_id)


# -- when nobody decides ---------------------------------------------------------------------------


def overdue() -> list[tuple[UUID, UUID]]:
    """Returns session and id of each question that stands for too long."""
    late = Approval.objects.filter(status=Approval.Status.REQUESTED, expires_at__lte=timezone.now())
    return list(late.values_list("run__session", "pk"))


async def expire(session: UUID, approval: UUID) -> None:
    """Cancels the run of an overdue question; of two that do it at once, one does."""
    with contextlib.suppress(Fenced):  # the session was deleted
        await log.append(session, effect=partial(_expire, approval))


def _expire(approval: UUID) -> Done[None]:
    late = Approval.objects.filter(
        pk=approval, status=Approval.Status.REQUESTED, expires_at__lte=timezone.now()
    )
    asked = late.select_related("run").first()
    if asked is None or asked.run.status != Run.Status.WAITING:
        return Done(None)
    hours = settings.SAMURAI_APPROVAL_HOURS
    reason = f"Nobody decided on the plan within {hours} hour{'' if hours == 1 else 's'}."
    expired = Approval.Status.EXPIRED
    return Done(None, runs.cancel_now(asked.run, None, reason, because=expired))
