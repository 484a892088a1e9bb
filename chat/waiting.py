"""The page of everything that waits for a person: plans, questions and failed runs of all projects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from asgiref.sync import sync_to_async

from agent.event_log import effect_texts
from agent.event_log.times import stamp
from agent.exceptions import Refused
from agent.models import Approval, PlanRevision, PlanStep, Run
from agent.models.projects import Role
from agent.runs import approvals, rerun, runs, waiting
from agent.runs.runs import MessageRequest
from agent.support.markdown import render
from chat import access
from chat.fold import effects_of
from chat.transcript import Effect, counted_effects

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class Item:
    """A run that waits. `kind`: plan, question or failure. Of a plan: its `revision` and `summary`, why it
    is asked about, what it would change, and when the approval expires; of a question: the answer that
    asks it as HTML, and the questions with choices. Of a form that was refused: what was `typed`, and
    why it was `refused`.
    """

    run: Run
    kind: str
    revision: int = 0
    summary: str = ""
    why: str = ""
    effects: Sequence[Effect] = ()
    expires_at: str = ""
    html: str = ""
    questions: Sequence[dict[str, Any]] = ()
    typed: str = ""
    refused: str = ""

    @property
    def effects_count(self) -> str:
        return counted_effects(self.effects)


def items(user: User) -> list[Item]:
    """Returns what waits for the user, the longest first, at most `waiting.MAX_SHOWN`."""
    runs = list(access.runs_waiting_for(user)[: waiting.MAX_SHOWN])
    ids = [run.pk for run in runs]
    asked = Approval.objects.filter(run__in=ids, status=Approval.Status.REQUESTED)
    approvals_of = {one.run_id: one for one in asked.select_related("plan")}
    # A later revision takes the place of an earlier one.
    plans = PlanRevision.objects.filter(run__in=ids).order_by("revision")
    questions = dict(plans.values_list("run_id", "questions"))
    keys: dict[UUID, list[str]] = {}
    steps = PlanStep.objects.filter(plan__in=[one.plan_id for one in approvals_of.values()])
    for plan, key in steps.order_by("position").values_list("plan_id", "key"):
        keys.setdefault(plan, []).append(key)
    found = []
    for run in runs:
        if run.status == Run.Status.WAITING:
            approval = approvals_of.get(run.pk)
            # Without one, it was decided a moment ago.
            found.append(_plan(approval, run, keys) if approval else Item(run, "plan"))
        elif run.left_open == Run.LeftOpen.FAILURE:
            found.append(Item(run, "failure"))
        else:
            html = render(run.answer.content, f"waiting-{run.pk}") if run.answer else ""
            found.append(Item(run, "question", html=html, questions=questions.get(run.pk, ())))
    return found


def _plan(asked: Approval, run: Run, keys: Mapping[UUID, Sequence[str]]) -> Item:
    numbers = {key: at for at, key in enumerate(keys.get(asked.plan_id, ()), 1)}
    return Item(
        run,
        "plan",
        revision=asked.plan.revision,
        summary="" if _is_repeated(asked.plan.summary, asked.reason) else asked.plan.summary,
        why=asked.reason,
        effects=effects_of(numbers, effect_texts.effects(asked.effects)),
        expires_at=stamp(asked.expires_at) if asked.expires_at else "",
    )


def _is_repeated(summary: str, why: str) -> bool:
    """Tells whether the reason says what the summary says: "Delete 2 tasks", and "Deletes 2 tasks."."""
    said = _VERB.sub(r"\1", why, count=1)
    return said.rstrip(".").casefold() == summary.rstrip(".").casefold()


_VERB = re.compile(r"^(\w+)s\b")  # a reason begins with one


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a form was refused, and what was `typed` in it."""

    run_id: UUID
    why: str
    typed: str

    def put(self, items: Sequence[Item]) -> list[Item]:
        """Returns the items, the refused one with what was typed, if its run still waits."""
        return [
            replace(one, typed=self.typed, refused=self.why) if one.run.pk == self.run_id else one
            for one in items
        ]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person does about a run. `action`: approve, reject, change (reject, with a
    reason), answer, retry or dismiss; `revision`: of
    the plan that was shown; `text`: the reason of a rejection, or the answer to a question.
    """

    action: str
    revision: int = 0
    text: str = ""


async def decide(user: User, run_id: UUID, decision: Decision) -> None:
    """Carries out the decision. Raises `Refused`, and what `chat.access` raises."""
    run = await sync_to_async(access.get_run)(user, run_id, Role.EDITOR)
    session = run.session_id
    match decision.action:
        case "approve":
            await approvals.approve(session, run.pk, decision.revision, user)
        case "change" if not decision.text.strip():
            raise Refused("invalid_frame", "Say what should change, or reject without a reason.")
        case "reject" | "change":
            await approvals.reject(session, run.pk, decision.revision, user, decision.text)
        case "answer":
            # A form that is sent twice answers once.
            await runs.start(session, user, MessageRequest(decision.text, uuid5(run.pk, "answer")))
        case "retry":
            await rerun.retry(session, run.pk, user)
        case "dismiss":
            if run.created_by_id != user.pk:
                raise Refused("forbidden", "Only who sent the message can dismiss this.")
            await waiting.dismiss(session, run.pk)
        case _:
            raise Refused("invalid_frame", "There is no such action.")
