"""The page of everything that waits for a person: plans, questions and failed runs of all projects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from asgiref.sync import sync_to_async

from agent.event_log import texts
from agent.event_log.times import stamp
from agent.exceptions import Refused
from agent.models import Approval, Run
from agent.models.projects import Role
from agent.runs import approvals, rerun, runs, waiting
from agent.runs.runs import MessageRequest
from agent.support.markdown import render
from chat import access
from chat.fold import effects_of
from chat.transcript import Effect

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class Item:
    """A run that waits. `kind`: plan, question or failure. Of a plan: its `revision` and `summary`, why it
    is asked about, what it would change, and when the approval expires; of a question: the answer that
    asks it as HTML, and the questions with choices.
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


def items(user: User) -> list[Item]:
    """Returns what waits for the user, the longest first, at most `waiting.MAX_SHOWN`."""
    return [_item(run) for run in access.runs_waiting_for(user)[: waiting.MAX_SHOWN]]


def _item(run: Run) -> Item:
    if run.status == Run.Status.WAITING:
        return _plan(run)
    if run.left_open == Run.LeftOpen.FAILURE:
        return Item(run, "failure")
    plan = run.plans.order_by("-revision").first()
    html = render(run.answer.content, f"waiting-{run.pk}") if run.answer else ""
    return Item(run, "question", html=html, questions=plan.questions if plan else ())


def _plan(run: Run) -> Item:
    asked = run.approvals.filter(status=Approval.Status.REQUESTED).select_related("plan").first()
    if asked is None:  # it was decided a moment ago
        return Item(run, "plan")
    numbers = {step.key: at for at, step in enumerate(asked.plan.steps.all(), 1)}
    return Item(
        run,
        "plan",
        revision=asked.plan.revision,
        summary=asked.plan.summary,
        why=asked.reason,
        effects=effects_of(numbers, texts.effects(asked.effects)),
        expires_at=stamp(asked.expires_at) if asked.expires_at else "",
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person does about a run. `action`: approve, reject, answer, retry or dismiss; `revision`: of
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
        case "reject":
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
