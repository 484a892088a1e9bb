"""What people did with a run, found in its events, and how it is done again at the same place of the log."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.utils import timezone

from agent.capsule.pace import Decide, Frame
from agent.models import Approval
from agent.runs import approvals, ending, expiry, steering
from agent.runs.steering import Steer
from agent.support import database

EDITED = " edited the plan."

# Takes the session and the run.
Decision = Callable[[UUID, UUID], Coroutine[Any, Any, Any]]


def decisions(recorded: Sequence[Frame], people: Mapping[str, User]) -> list[tuple[int, Decision]]:
    """Returns each decision with the place of its first event, in order."""
    return list(_decisions(recorded, people))


def bound(
    found: Sequence[tuple[int, Decision]], session: UUID, run: UUID
) -> list[tuple[int, Decide]]:
    return [(place, partial(decide, session, run)) for place, decide in found]


def _decisions(
    recorded: Sequence[Frame], people: Mapping[str, User]
) -> Iterator[tuple[int, Decision]]:
    waits = False  # for a decision on its plan
    taken = ""  # what was sent into the run just before
    end = _begin_of_cancelling(recorded)
    for place, frame in enumerate(recorded):
        told = frame.get(frame["type"])
        part: Mapping[str, Any] = told if isinstance(told, dict) else frame
        if end is not None and place >= end:
            yield end, _cancelling(recorded, people)
            return
        if frame["type"] == "steering" and part["status"] == "taken":
            yield place, _steering(part, people)
            taken = part["content"]
            continue
        if frame["type"] == "plan" and waits:
            yield place, _edit(recorded, place, people)
        if frame["type"] == "approval" and part["status"] != "requested":
            if not (part["status"] == "rejected" and taken and part["reason"] == taken):
                yield place, _decide(part, people)
            waits = False
        elif frame["type"] == "approval":
            waits = True
        taken = ""


def _steering(part: Mapping[str, Any], people: Mapping[str, User]) -> Decision:
    client_id = UUID(part["client_id"]) if part.get("client_id") else None
    steer = Steer(part["content"], client_id)
    return lambda session, run: steering.send(session, run, people[part["author"]], steer)


def _edit(recorded: Sequence[Frame], place: int, people: Mapping[str, User]) -> Decision:
    plan = recorded[place]["plan"]
    steps = [{name: one[name] for name in one if name != "status"} for one in plan["steps"]]
    asked = next(n for n in range(place, len(recorded)) if recorded[n]["type"] == "approval")
    person = people[recorded[asked]["approval"]["reason"].removesuffix(EDITED)]
    after = recorded[asked + 1] if asked + 1 < len(recorded) else {"type": ""}
    shows_again = after["type"] == "run" and after["status"] == "waiting"
    edit = approvals.approve_edited if shows_again else approvals.edit
    return lambda session, run: edit(session, run, plan["revision"] - 1, person, steps)


def _decide(part: Mapping[str, Any], people: Mapping[str, User]) -> Decision:
    revision, person = part["plan_revision"], people[part["by"]]
    if part["status"] == "approved":
        return lambda session, run: approvals.approve(session, run, revision, person)
    reason, comments = part["reason"], part.get("comments") or ()
    return lambda session, run: approvals.reject(session, run, revision, person, reason, comments)


def _begin_of_cancelling(recorded: Sequence[Frame]) -> int | None:
    """Returns where the events begin that cancelled the run."""
    place = len(recorded) - 1
    if recorded[place]["type"] != "cancelled":
        return None
    while place and _is_of_cancelling(recorded[place - 1]):
        place -= 1
    return place


def _is_of_cancelling(frame: Frame) -> bool:
    match frame["type"]:
        case "run":
            return bool(frame["status"] == "cancelled")
        case "step":
            return bool(frame["step"]["status"] == "cancelled")
        case "steering":
            return bool(frame["steering"]["status"] == "next")
        case "approval":
            return frame["approval"]["status"] in ("rejected", "expired")
    return False


def _cancelling(recorded: Sequence[Frame], people: Mapping[str, User]) -> Decision:
    last = recorded[-1]
    if last["by"] is None:
        return _expire
    person, reason = people[last["by"]], last["reason"]
    return lambda session, run: ending.cancel(session, run, person, reason)


async def _expire(session: UUID, run: UUID) -> None:
    def overdue() -> UUID:
        approval = Approval.objects.get(run=run, status=Approval.Status.REQUESTED)
        approval.expires_at = timezone.now() - timedelta(seconds=1)
        approval.save(update_fields=["expires_at"])
        return approval.pk

    await expiry.expire(session, await database.call(overdue))
