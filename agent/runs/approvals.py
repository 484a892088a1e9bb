"""Approvals: a run is parked until a user approves, rejects or edits its plan, or time is up (`expiry`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from agent.accounts import quotas
from agent.accounts.audit import Deed
from agent.event_log import events, log
from agent.event_log.log import Done
from agent.event_log.payloads import StepComment, StepEffect
from agent.event_log.phases import Phase
from agent.event_log.times import stamp
from agent.exceptions import PlanInvalid, Refused
from agent.llm.base import Revise
from agent.models import Approval, PhaseResult, PlanRevision, PlanStep, Run
from agent.plan import Plan, Step, placeholders
from agent.plans import approval_policy, composition, dry_run, estimates, parser, store, validation
from agent.plans.approved_effects import ApprovedEffects, shows_all
from agent.plans.dry_run import Effect
from agent.runs import ending, runs, steering_rows, wake
from agent.support import raw_sql
from agent.support.counts import count, too_long
from agent.support.words import is_text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_COMMENT = 2_000  # characters of a comment on a step


class Parked(Exception):
    """The run waits for approval; no process executes it meanwhile."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A step that a person has to decide on during the execution: why, and with which arguments.

    `reason`: "" if the board has changed since the approval.
    """

    reason: str
    arguments: Mapping[str, Any]


_SETTING = f"SELECT approval, EXISTS ({steering_rows.OPEN}) FROM agent_chatsession WHERE id = %s"


def read_setting(run: Run) -> bool:
    """Reads the approval mode of the session, which may have changed since the claim. Returns whether
    something was sent into the run that no plan was made with.
    """
    ((run.session.approval, is_steered),) = raw_sql.rows(_SETTING, run.pk, run.session_id)
    return bool(is_steered)


def request_if_needed(run: Run, revision: PlanRevision, *, is_steered: bool) -> Done[bool]:
    """Returns whether the plan, which is not approved, may be executed now; if not, parks the run and
    requests approval.

    Inside an effect. Unless the plan's tools alone tell, a dry run of the unfinished steps shows what
    they would change, which decides whether approval is needed. A plan that is to be made anew with what
    was sent into the run (`is_steered`) is not asked about: until then, no step of it starts. Raises
    `QuotaReached` for a plan that would create more than the project may have.
    """
    unfinished = _unfinished(revision)
    steps = [step for step in store.as_plan(revision).steps if step.id in unfinished]
    if approval_policy.is_harmless(run, steps):
        if approval_policy.most_created(steps) > quotas.room(run.session.project):
            _dry_run(run, revision)  # raises QuotaReached if they are really too many
        return Done(True)
    effects = _dry_run(run, revision)
    reason = approval_policy.reason_to_ask(run, effects, _said(run), _deleted(revision))
    if not reason or is_steered:
        return Done(True)
    shown = [effect.as_json() for effect in effects]
    requested = _request(Approval(run=run, plan=revision), reason, shown)
    return Done(False, [requested, _park(run)])


def _said(run: Run) -> list[str]:
    """Returns the message, and what was sent into the run."""
    return [run.message.content, *steering_rows.words_of(run)]


def is_approved(revision: PlanRevision) -> bool:
    """Tells whether the plan was approved with exactly these steps: the digest binds the approval."""
    return revision.approvals.filter(
        status=Approval.Status.APPROVED, digest=revision.digest
    ).exists()


def was_asked(run: Run) -> bool:
    """Tells whether a person has approved a plan of the run."""
    return run.approvals.filter(status=Approval.Status.APPROVED).exists()


def approved_effects(revision: PlanRevision) -> ApprovedEffects | None:
    """Returns the effects that a person approved; None if the plan needed no approval."""
    approved = revision.approvals.filter(status=Approval.Status.APPROVED).first()
    if approved is None:
        return None
    created = {step.key: step.created for step in revision.steps.all()}
    return ApprovedEffects(approved.effects, created)


def request_again(run: Run, revision: PlanRevision, asking: Mapping[str, Asking]) -> Done[bool]:
    """Requests approval of what is left of a plan, and parks the run. Inside an effect.

    The rest is a new revision, so that nobody decides on it who saw the earlier one. The steps that ask
    have their arguments in it, in place of placeholders: the approval is bound to these. The changes
    that an earlier approval did not show are marked. Returns False, and does nothing, if the plan is to
    be made anew with what was sent into the run.
    """
    if steering_rows.is_open(run):
        return Done(False)
    ended = store.ended_steps(revision)
    rest, plan_events = store.save(run, _with_arguments(store.as_plan(revision), asking), ended)
    tried = _dry_run(run, rest)
    effects = [effect.as_json() for effect in tried]
    approved = approved_effects(revision)
    differing = sum(_mark(approved, effect) for effect in effects) if approved else 0
    changed = f"The board has changed since the approval: {_differ(differing)}."
    reasons = [one.reason or changed for one in asking.values()]
    if any(one.reason for one in asking.values()):
        of_effects = approval_policy.reasons_of_effects(run, tried, _said(run), _deleted(rest))
        reasons = [*(text for text in of_effects if not _is_said(text, reasons)), *reasons]
    reason = " ".join(dict.fromkeys(reasons))
    requested = _request(Approval(run=run, plan=rest), reason, effects)
    return Done(True, [*plan_events, requested, _park(run)])


def _is_said(reason: str, reasons: Iterable[str]) -> bool:
    """Tells whether one of `reasons` says the same, or more: "Changes 6 tasks, after 2 that …"."""
    return any(one.startswith(reason.rstrip(".")) for one in reasons)


def _with_arguments(plan: Plan, asking: Mapping[str, Asking]) -> Plan:
    """Returns the plan with the arguments of the steps that ask, as far as they were placeholders."""
    steps = (
        replace(step, arguments=asking[step.id].arguments, untrusted=True)
        if step.id in asking and _is_open(step, asking[step.id])
        else step
        for step in plan.steps
    )
    return replace(plan, steps=tuple(steps))


def _is_open(step: Step, asking: Asking) -> bool:
    """Tells whether the step has placeholders. A result that looks like one is not written into a plan."""
    return any(placeholders(step.arguments)) and not composition.has_reference(asking.arguments)


def _mark(approved: ApprovedEffects, effect: StepEffect) -> int:
    """Marks the changes that the approval did not show; returns how many these are."""
    differs = approved.differing(effect["step"], effect["changes"])
    for change, marked in zip(effect["changes"], differs, strict=True):
        if marked:
            change["differs"] = True
    return sum(differs)


def _differ(number: int) -> str:
    verb = "differs" if number == 1 else "differ"
    return f"{count(number, 'change')} {verb} from what was approved"


def _park(run: Run) -> events.Event:
    Run.objects.filter(pk=run.pk).update(
        status=Run.Status.WAITING, lease_owner="", lease_until=None, claims=0
    )
    return events.Run(run.pk, Run.Status.WAITING)


def _unfinished(revision: PlanRevision) -> list[str]:
    return [step.key for step in revision.steps.all() if step.status in PlanStep.UNFINISHED]


def _deleted(revision: PlanRevision) -> int:
    done = map(store.as_step, store.succeeded_steps(revision).values())
    return len(validation.destructive_steps(done))


def _dry_run(run: Run, revision: PlanRevision) -> tuple[Effect, ...]:
    results = {key: step.result for key, step in store.succeeded_steps(revision).items()}
    return dry_run.preview(run, store.as_plan(revision), _unfinished(revision), results)


def _request(approval: Approval, reason: str, effects: list[StepEffect]) -> events.Event:
    """Requests approval of the plan with these `effects`, and saves them; returns the event."""
    approval.reason, approval.digest = reason, approval.plan.digest
    approval.effects = effects
    done = store.succeeded_steps(approval.plan)
    estimate = estimates.plan_estimate(approval.run, store.as_plan(approval.plan), done)
    approval.estimate = None if estimate is None else estimate.as_json()
    time_left = timedelta(hours=settings.SAMURAI_APPROVAL_HOURS)
    approval.expires_at = expires_at = timezone.now() + time_left
    approval.save()
    return events.Approval(
        approval.run_id,
        id=approval.pk,
        status=approval.status,
        plan_revision=approval.plan.revision,
        reason=approval.reason,
        effects=approval.effects,
        estimate=approval.estimate,
        expires_at=stamp(expires_at),
    )


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
    await _decide(session, run, plan_revision, partial(_edit, user, steps))


async def approve_edited(
    session: UUID, run: UUID, plan_revision: int, user: User, steps: Sequence[Any]
) -> None:
    """As `edit`, and approves the new plan if it does nothing but what was shown of the former one;
    otherwise its effects are shown first.
    """
    await _decide(session, run, plan_revision, partial(_approve_edited, user, steps))


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


def _edit(user: User, steps: Sequence[Any], approval: Approval) -> list[events.Event]:
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
    plan = _still_untrusted(plan, store.as_plan(approval.plan))
    approval.plan, plan_events = store.save(approval.run, plan, kept)
    ending.record_decision(Deed.PLAN_EDITED, approval, user)
    reason = f"{user.get_username()} edited the plan."
    effects = [effect.as_json() for effect in _dry_run(approval.run, approval.plan)]
    return [*plan_events, _request(approval, reason, effects)]


def _approve_edited(user: User, steps: Sequence[Any], approval: Approval) -> list[events.Event]:
    shown, former = approval.effects, store.as_plan(approval.plan)
    edited = _edit(user, steps, approval)
    if shows_all(shown, former, approval.effects, store.as_plan(approval.plan)):
        return [*edited, *_approve(user, approval)]
    return [*edited, events.Run(approval.run_id, Run.Status.WAITING)]


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
