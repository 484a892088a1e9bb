"""Requests for approval of plans: when, with which effects; the run is parked. Decisions: `approvals`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from agent.accounts import quotas
from agent.event_log import events
from agent.event_log.log import Done
from agent.event_log.payloads import StepEffect
from agent.event_log.times import stamp
from agent.models import Approval, PlanRevision, PlanStep, Run
from agent.plan import Plan, Step, placeholders
from agent.plans import approval_policy, composition, dry_run, estimates, store, validation
from agent.plans.approved_effects import ApprovedEffects
from agent.plans.dry_run import Effect
from agent.runs import steering_rows
from agent.support import raw_sql
from agent.support.counts import count


class Parked(Exception):
    """The run waits for approval; no process executes it meanwhile."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A step that a person has to decide on during the execution: why, and with which arguments.

    `reason`: "" if the board has changed since the approval.
    """

    reason: str
    arguments: Mapping[str, Any]


_SETTING = f"SELECT approval, {steering_rows.IS_OPEN} FROM agent_chatsession WHERE id = %s"


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
            dry_run_of(run, revision)  # raises QuotaReached if they are really too many
        return Done(True)
    effects = dry_run_of(run, revision)
    reason = approval_policy.reason_to_ask(run, effects, _said(run), _deleted(revision))
    if not reason or is_steered:
        return Done(True)
    shown = [effect.as_json() for effect in effects]
    requested = request(Approval(run=run, plan=revision), reason, shown)
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
    tried = dry_run_of(run, rest)
    effects = [effect.as_json() for effect in tried]
    approved = approved_effects(revision)
    differing = sum(_mark(approved, effect) for effect in effects) if approved else 0
    changed = f"The board has changed since the approval: {_differ(differing)}."
    reasons = [one.reason or changed for one in asking.values()]
    if any(one.reason for one in asking.values()):
        of_effects = approval_policy.reasons_of_effects(run, tried, _said(run), _deleted(rest))
        reasons = [*(text for text in of_effects if not _is_said(text, reasons)), *reasons]
    reason = " ".join(dict.fromkeys(reasons))
    requested = request(Approval(run=run, plan=rest), reason, effects)
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


def dry_run_of(run: Run, revision: PlanRevision) -> tuple[Effect, ...]:
    results = {key: step.result for key, step in store.succeeded_steps(revision).items()}
    return dry_run.preview(run, store.as_plan(revision), _unfinished(revision), results)


def request(approval: Approval, reason: str, effects: list[StepEffect]) -> events.Event:
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
