"""Tells whether a step may be carried out as it is, by what a person has approved. Executes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from agent.change import Change
from agent.models import PlanRevision, PlanStep
from agent.plan import placeholders
from agent.plans import approval_policy, store
from agent.plans.approved_effects import ApprovedEffects
from agent.plans.dry_run import difference
from agent.runs import approval_requests
from agent.runs.approval_requests import Asking
from agent.runs.recorder import Recorder
from agent.support import database
from agent.tools import registry
from agent.tools.registry import Tool


class Unapproved(Exception):
    """The step would do what no approval showed."""

    def __init__(self, asking: Asking) -> None:
        super().__init__(asking.reason)
        self.asking = asking


class ApprovalCheck:
    """The check of the steps of one revision. `steps`: by id, as they are by now."""

    def __init__(
        self, recorder: Recorder, revision: PlanRevision, steps: Mapping[str, PlanStep]
    ) -> None:
        self._recorder = recorder
        self._revision = revision
        self._steps = steps
        self._approved: ApprovedEffects | None = None
        self._was_asked = False  # a person has approved a plan of the run
        self._altered: dict[str, set[UUID]] = {}  # by step, the existing objects that it changes
        self._overwritten: dict[str, set[UUID]] = {}  # those of them whose texts it replaces
        # By step, how many existing objects it may have changed that nobody was told of.
        self._unseen: dict[str, int] = {}

    @property
    def may_exist(self) -> bool:
        """A run that was claimed once was never parked; one that is retried has adopted an approval."""
        run = self._recorder.run
        return run.attempt > 1 or run.retry_of_id is not None

    @property
    def is_given(self) -> bool:
        """Tells whether a person has approved the plan."""
        return self._approved is not None

    async def load(self) -> None:
        """Reads what was approved."""
        self._approved = await database.call(approval_requests.approved_effects, self._revision)
        self._was_asked = await database.call(approval_requests.was_asked, self._recorder.run)

    def check_call(self, step: PlanStep, tool: Tool, arguments: Mapping[str, Any]) -> None:
        """Raises Unapproved for a call whose changes nobody sees, if nobody approved it and the run may
        change too many objects with it. `arguments`: without placeholders.
        """
        if self._approved is not None or not approval_policy.changes_unseen(tool):
            return
        before = set() if self._was_asked else {key for _, key in self._recorder.changed}
        before = before.union(*self._altered.values()) - self._created
        unseen = sum(self._unseen_before(but=step).values())
        if reason := approval_policy.reason_for_call(tool, len(before) + unseen):
            raise Unapproved(Asking(reason, arguments))
        self._unseen[step.key] = tool.alters or 0

    def told(self, step: PlanStep, changes: Sequence[Change]) -> None:
        """The call of the step has told what it changed."""
        if step.key in self._unseen:
            seen = sum(change.action != "created" for change in changes)
            self._unseen[step.key] = max(0, self._unseen[step.key] - seen)

    def _unseen_before(self, but: PlanStep) -> dict[str, int]:
        """Returns by step what other steps may have changed unseen, also before this claim and replan."""
        found = dict(self._unseen)
        for one in () if self._was_asked else self._steps.values():
            tool = registry.get(one.tool)
            if tool and one.started_at and approval_policy.changes_unseen(tool):
                found.setdefault(one.key, tool.alters or 0)
        found.pop(but.key, None)
        return found

    @property
    def _created(self) -> set[UUID]:
        return {UUID(key) for one in self._steps.values() for key in one.created}

    def asks_first(self, step: PlanStep) -> bool:
        """Tells whether a person has to approve the arguments of the step, and has not."""
        planned = store.as_step(step)
        if not approval_policy.asks_for_arguments(planned):
            return False
        if self._approved is None:
            return True
        is_tried = self._approved.has_tried(step.key)
        return any(placeholders(step.arguments)) and not approval_policy.is_shown(planned, is_tried)

    def check(
        self, step: PlanStep, changes: Sequence[Change], arguments: Mapping[str, Any]
    ) -> None:
        """Raises Unapproved for a change that the approval did not show, because the board has changed
        since or the arguments were not there yet; and without an approval for what needs one.

        Inside the effect of the step, which is rolled back then. `arguments`: without placeholders.
        """
        if self._approved is None:
            reason = self._reason_for(step, changes)
            is_shown = not reason
        else:
            is_shown = not any(self._approved.differing(step.key, map(difference, changes)))
            was_known = self._approved.has_tried(step.key)
            reason = "" if was_known else f"It was not known what “{step.description}” changes."
        if not is_shown:
            raise Unapproved(Asking(reason, arguments))

    def forget(self, step: str) -> None:
        """The changes of the step were rolled back."""
        self._altered.pop(step, None)
        self._overwritten.pop(step, None)
        self._unseen.pop(step, None)

    def _reason_for(self, step: PlanStep, changes: Sequence[Change]) -> str:
        """Returns why a step of a plan that nobody approved needs approval, as far as its changes tell."""
        created = self._created
        new = created | {change.id for change in changes if change.action == "created"}
        self._altered[step.key] = {change.id for change in changes} - new
        # What other steps change in the same commit is not yet among the changes of the run.
        before: set[UUID] = set().union(*self._altered.values())
        is_untrusted = approval_policy.is_untrusted(store.as_step(step))
        if is_untrusted or not self._was_asked:
            before |= {key for _, key in self._recorder.changed}
        if not is_untrusted:  # what it deletes was a question of the plan
            changes = [change for change in changes if change.action != "deleted"]
        self._overwritten[step.key] = (
            set(filter(None, map(approval_policy.overwritten, changes))) - new
        )
        overwritten: set[UUID] = set().union(*self._overwritten.values())
        if not self._was_asked:
            overwritten |= self._recorder.overwritten
        unseen = sum(self._unseen_before(but=step).values())
        run = self._recorder.run
        return (
            approval_policy.reason_for_changes(changes, before - created, created, unseen)
            or approval_policy.overwriting(run, changes, overwritten - new)
            or approval_policy.creating(run, changes, created)
        )
