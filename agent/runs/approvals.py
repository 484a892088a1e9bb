"""Decisions on the plan of a parked run: users approve, reject or edit it. None in time: `expiry`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils import timezone

from agent.accounts.audit import Deed
from agent.event_log import events, log
from agent.event_log.log import Done
from agent.event_log.payloads import StepComment
from agent.event_log.phases import Phase
from agent.exceptions import PlanInvalid, Refused
from agent.llm.base import Revise
from agent.models import Approval, PhaseResult, PlanStep, Run
from agent.plan import Plan
from agent.plans import parser, store, validation
from agent.plans.approved_effects import shows_all
from agent.runs import approval_requests, ending, runs, wake
from agent.support import database
from agent.support.counts import too_long
from agent.support.words import is_text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_COMMENT = 2_000  # characters of a comment on a step


def requested_revision(run: Run) -> Revise | None:
    """Returns the revision that a user requested by rejecting the latest plan, if one did."""
    last = store.latest(run)
    if last is None:
        return None
    rejected = last.approvals.filter(status=Approval.Status.REJECTED).first()
    if rejected is None:
        return None
    steps = {step.key: step for step in last.steps.all()}
    comments = [
        f"step {one['step']} ({steps[one['step']].description}): {one['text']}"
        for one in rejected.comments
    ]
    reasons = (*([rejected.reason] if rejected.reason else []), *comments)
    return Revise(reasons, store.as_plan(last).as_json(), by_person=True)


async def approve(session: UUID, run: UUID, plan_revision: int, user: User) -> None:
    """Approves the plan as it is. Raises `Refused`: `not_found`, `not_active`, `stale_plan`."""
    await _decide(session, run, plan_revision, partial(_approve, user))


async def reject(
    session: UUID,
    run: UUID,
    plan_revision: int,
    user: User,
    reason: str,
    comments: Sequence[StepComment] = (),
) -> None:
    """Requests another plan for `reason` and `comments` on steps; without any, cancels the run.

    Raises `Refused`, also `invalid_frame` and `too_large` for the comments.
    """
    said = [StepComment(step=one["step"], text=one["text"].strip()) for one in comments]
    for one in said:
        _check_comment(one)
    decision = partial(_reject, user, reason.rstrip(), comments=said)
    await _decide(session, run, plan_revision, decision)


def _check_comment(comment: StepComment) -> None:
    text, name = comment["text"], f"The comment on step {comment['step']}"
    if not text or not is_text(text):
        raise Refused("invalid_frame", f"{name} is empty or contains characters that are not text.")
    if len(text) > MAX_COMMENT:
        raise Refused("too_large", f"{too_long(name, len(text), MAX_COMMENT)}.")


async def edit(
    session: UUID, run: UUID, plan_revision: int, user: User, steps: Sequence[Any]
) -> None:
    """Replaces the steps of the plan, which still needs approval. Raises `Refused`, also `invalid_plan`."""
    edited = await database.call(_edited, session, run, plan_revision, user, steps)
    await _decide(session, run, plan_revision, partial(_edit, user, edited))


async def approve_edited(
    session: UUID, run: UUID, plan_revision: int, user: User, steps: Sequence[Any]
) -> None:
    """As `edit`, and approves the new plan if it does nothing but what was shown of the former one;
    otherwise its effects are shown first.
    """
    edited = await database.call(_edited, session, run, plan_revision, user, steps)
    await _decide(session, run, plan_revision, partial(_approve_edited, user, edited))


Decision = Callable[[Approval], list[events.Event]]


async def _decide(session: UUID, run: UUID, plan_revision: int, decision: Decision) -> None:
    def effect() -> Done[None]:
        return Done(None, decision(_requested(session, run, plan_revision)))

    await log.append_for_user(session, effect)


def _requested(session: UUID, run_id: UUID, plan_revision: int) -> Approval:
    run = runs.find(session, run_id, "session__project")
    approval = run.approvals.filter(status=Approval.Status.REQUESTED).select_related("plan").first()
    if run.status != Run.Status.WAITING or approval is None:
        raise Refused(
            "not_active", f"The run is not waiting for approval; its status is {run.status}."
        )
    if approval.expires_at is not None and approval.expires_at <= timezone.now():
        raise Refused("not_active", "The approval has expired.")
    if (current := approval.plan.revision) != plan_revision:
        raise Refused(
            "stale_plan",
            f"The plan has changed: it is now revision {current}, not {plan_revision}.",
        )
    approval.run = run  # with its session, which the decisions read
    return approval


def _approve(user: User, approval: Approval) -> list[events.Event]:
    _requeue(approval.run)
    return [ending.close_approval(approval, Approval.Status.APPROVED, user, "")]


def _reject(
    user: User, reason: str, approval: Approval, comments: Sequence[StepComment] = ()
) -> list[events.Event]:
    run = approval.run
    if not reason and not comments:
        return ending.cancel_now(run, user, "The plan was rejected.")
    _check_steps(comments, {step.key for step in approval.plan.steps.all()} if comments else set())
    PhaseResult.objects.filter(run=run, phase__in=[Phase.PLANNING, Phase.VALIDATION]).delete()
    _requeue(run)
    return [ending.close_approval(approval, Approval.Status.REJECTED, user, reason, comments)]


def _check_steps(comments: Sequence[StepComment], steps: Collection[str]) -> None:
    commented = [one["step"] for one in comments]
    for key in commented:
        if key not in steps:
            raise Refused("invalid_frame", f"comments: {key[:40]} is not a step of the plan.")
        if commented.count(key) > 1:
            raise Refused("invalid_frame", f"comments: step {key} has more than one.")


def reject_if_waiting(run: Run, user: User, reason: str) -> list[events.Event]:
    """Rejects the plan of `run` inside an effect, if it waits for a decision; returns the events.

    An approval whose time is up stays: the sweep cancels its run.
    """
    if run.status != Run.Status.WAITING:
        return []
    open_approvals = run.approvals.filter(status=Approval.Status.REQUESTED)
    approval = open_approvals.exclude(expires_at__lte=timezone.now()).select_related("plan").first()
    if approval is None:
        return []
    approval.run = run
    return _reject(user, reason, approval)


@dataclass(frozen=True, slots=True)
class _Edited:
    """The valid plan that a person made of a revision. `kept`: the ended steps that it has as they were."""

    plan: Plan
    kept: Mapping[str, PlanStep]


def _edited(
    session: UUID, run: UUID, plan_revision: int, user: User, steps: Sequence[Any]
) -> _Edited:
    """Validates an edited plan, before the effect: the steps of a waiting revision do not change."""
    approval = _requested(session, run, plan_revision)
    try:
        shown = approval.plan
        opened = {"assumptions": shown.assumptions, "questions": shown.questions}
        raw = {"summary": shown.summary, "steps": list(steps), **opened}
        plan = parser.parse(raw, shortens=False)
    except PlanInvalid as error:
        raise Refused("invalid_plan", str(error)) from None
    done = store.succeeded_steps(approval.plan)
    kept = store.unchanged_steps(approval.plan, plan)
    problems = _changes_of_done(plan, done)
    problems += validation.problems(plan, approval.run.session.project, user, kept)
    if problems:
        raise Refused("invalid_plan", "; ".join(problems))
    plan = validation.resolved(plan, approval.run.session.project, kept)
    return _Edited(_still_untrusted(plan, store.as_plan(approval.plan)), kept)


def _edit(user: User, edited: _Edited, approval: Approval) -> list[events.Event]:
    approval.plan, plan_events = store.save(approval.run, edited.plan, edited.kept)
    ending.record_decision(Deed.PLAN_EDITED, approval, user)
    reason = f"{user.get_username()} edited the plan."
    tried = approval_requests.dry_run_of(approval.run, approval.plan)
    effects = [effect.as_json() for effect in tried]
    return [*plan_events, approval_requests.request(approval, reason, effects)]


def _approve_edited(user: User, edited: _Edited, approval: Approval) -> list[events.Event]:
    shown, former = approval.effects, store.as_plan(approval.plan)
    told = _edit(user, edited, approval)
    if shows_all(shown, former, approval.effects, store.as_plan(approval.plan)):
        return [*told, *_approve(user, approval)]
    return [*told, events.Run(approval.run_id, Run.Status.WAITING)]


def _still_untrusted(plan: Plan, former: Plan) -> Plan:
    """Returns the edited plan, in which arguments that the person left as they were stay untrusted."""
    kept = {step.id: step.arguments for step in former.steps if step.untrusted}
    steps = (replace(step, untrusted=kept.get(step.id) == step.arguments) for step in plan.steps)
    return replace(plan, steps=tuple(steps))


def _changes_of_done(plan: Plan, done: Mapping[str, PlanStep]) -> list[str]:
    """Returns a problem for each finished step that `plan` changes or leaves out."""
    steps = {step.id: step.action for step in plan.steps}
    return [
        f"step {key}: is already executed and can't be changed"
        for key, step in done.items()
        if steps.get(key) != store.as_step(step).action
    ]


def _requeue(run: Run) -> None:
    """Queues the run again. It is first in its session's queue, since it has the lowest number."""
    Run.objects.filter(pk=run.pk).update(status=Run.Status.QUEUED)
    wake.wake(run.session_id)
