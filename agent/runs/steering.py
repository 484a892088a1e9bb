"""A message is sent into a run: taken at once, or queued as the next message when it comes too late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from agent.event_log import events, log
from agent.event_log.log import Done
from agent.event_log.phases import Phase
from agent.exceptions import Refused
from agent.models import Message, Run, Steering
from agent.runs import approvals, runs
from agent.support import raw_sql
from agent.support.counts import count, too_long

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_CONTENT = (
    10_000  # characters, as of the reason of a rejection: it is part of every further prompt
)
MAX_OPEN = 5  # messages in one run that no plan was made with; more is a mistake or an attack


@dataclass(frozen=True, slots=True)
class Steer:
    """A user's message into a run: the fields of the protocol's `steer` frame."""

    content: str
    client_id: UUID | None = None


async def send(session: UUID, run: UUID, user: User, steer: Steer) -> Run:
    """Takes a message into a run; returns the run, or that of the next message if it came too late.

    Another call with the same `client_id` changes nothing and returns the same run, or the message's own
    if it has one meanwhile. Raises `Refused` with the code `empty_message`, `too_large`, `invalid_frame`,
    `rate_limited`, `queue_full`, `quota_reached` or `not_found`.
    """
    content = runs.checked_content(steer.content)
    if len(content) > MAX_CONTENT:
        text = too_long("A message into a run", len(content), MAX_CONTENT)
        raise Refused("too_large", f"{text}.")
    effect = partial(_accept, session, run, user, steer.client_id, content)
    found: Run = await log.append_for_user(session, effect, person=user.pk)
    return found


def _accept(
    session_id: UUID, run_id: UUID, user: User, client_id: UUID | None, content: str
) -> Done[Run]:
    run = runs.find(session_id, run_id)
    if client_id is not None and (known := runs.run_of(session_id, client_id)):
        return Done(known)
    # Refused where a message would be, since it may become one.
    position = runs.place_in_queue(session_id, user)
    _check_rate(user)
    if _is_too_late(run):
        message = runs.insert_message(session_id, user, client_id, content)
        return Done(
            *runs.queue(
                message,
                position,
                into=run.pk,
                approval=run.approval,
                task_id=run.task_id,
            )
        )
    _check_open(run)
    message = runs.insert_message(session_id, user, client_id, content)
    raw_sql.insert(Steering(message=message, run=run))
    runs.note_say(run, user)
    taken = _taken(run, message, user)
    # A waiting plan is made anew with it, as with the reason of a rejection.
    return Done(run, [taken, *approvals.reject_if_waiting(run, user, content)])


def _is_too_late(run: Run) -> bool:
    """Tells whether the run is over, or its answer is being written."""
    executed = "SELECT 1 FROM agent_phaseresult WHERE run_id = %s AND phase = %s"
    return run.status not in Run.UNFINISHED or bool(
        raw_sql.column(executed, run.pk, Phase.EXECUTION.value)
    )


def _check_open(run: Run) -> None:
    number = run.steering.filter(status=Steering.Status.TAKEN).count()
    if number >= MAX_OPEN:
        raise Refused(
            "queue_full",
            f"{count(number, 'message')} already wait to be taken up by this run. "
            "Try again after its next step.",
        )


_SINCE = """
SELECT count(*) FROM agent_message message
JOIN agent_steering steering ON steering.message_id = message.id
WHERE message.created_at > %s AND message.author_id = %s
"""


def _check_rate(user: User) -> None:
    since = timezone.now() - timedelta(minutes=1)
    (number,) = raw_sql.column(_SINCE, since, user.pk)
    limit = settings.SAMURAI_USER_RUNS_PER_MINUTE
    if number >= limit:
        raise Refused(
            "rate_limited", f"The limit is {limit} messages per minute. Try again in a moment."
        )


def _taken(run: Run, message: Message, user: User) -> events.Event:
    return events.Steering(
        run.pk,
        id=message.pk,
        status=Steering.Status.TAKEN,
        author=user.get_username(),
        content=message.content,
        client_id=message.client_id,
    )
