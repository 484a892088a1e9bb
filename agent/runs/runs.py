"""A run begins here: a message is checked, stored and queued. It continues in `claiming` and `ending`.

Every write is an effect of `event_log.log.append`, which locks the session's row: concurrent requests
take effect one after the other, and the events appear in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from agent.accounts import quotas
from agent.accounts.access import only_project
from agent.event_log import events, log
from agent.event_log.log import Done
from agent.exceptions import Refused
from agent.models import ApprovalMode, Message, Run, Task
from agent.runs import wake
from agent.shorten import shorten
from agent.support import log_context, raw_sql
from agent.support.counts import too_long
from agent.support.words import is_text, name_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_CONTENT = 100_000  # characters of a message
MAX_QUEUE = 20  # unfinished runs of a session; more is a mistake or an attack
MAX_TITLE = 60  # characters

# SQL that selects a session's unfinished runs, worded like the condition of the index.
UNFINISHED = "session_id = %s AND status IN ('queued', 'running', 'waiting')"


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """A user's message: the fields of the protocol's `message` frame."""

    content: str
    client_id: UUID | None = None
    approval: str = ApprovalMode.AUTO
    task: UUID | None = None
    given: Mapping[str, Any] = field(default_factory=dict)  # see `Run.given`
    counted: bool = True  # towards the user's messages per minute
    batch: UUID | None = None


async def start(session: UUID, user: User, request: MessageRequest) -> Run:
    """Accepts a message and returns its queued run.

    Another call with the same `client_id` returns the same run. Raises `Refused` with the code
    `empty_message`, `too_large`, `invalid_frame`, `rate_limited`, `queue_full`, `quota_reached` or
    `not_found`.
    """
    content = checked_content(request.content)
    effect = partial(_accept, session, user, request, content)
    run: Run = await log.append_for_user(session, effect, missing="Session", person=user.pk)
    return run


def checked_content(content: str) -> str:
    """Returns `content` without space at its end. Raises `Refused` when it is not a valid message.

    Space at the beginning stays: in Markdown it makes code.
    """
    content = content.rstrip()
    if not content:
        raise Refused("empty_message", "The message is empty.")
    if len(content) > MAX_CONTENT:
        raise Refused("too_large", f"{too_long('The message', len(content), MAX_CONTENT)}.")
    if not is_text(content):
        raise Refused("invalid_frame", "The message contains characters that are not text.")
    return content


def _accept(session_id: UUID, user: User, request: MessageRequest, content: str) -> Done[Run]:
    place = _Place.of(session_id, user, request.client_id)
    if place.known is not None:
        return Done(raw_sql.get(Run, place.known))
    place.check(counted=request.counted)
    _check_task(session_id, request.task)
    message = insert_message(session_id, user, request.client_id, content)
    run, queued = queue(
        message,
        place.ahead,
        approval=request.approval,
        task_id=request.task,
        given=dict(request.given),
        counted=request.counted,
        batch_id=request.batch,
    )
    return Done(run, queued)


_RUN_OF = """
SELECT COALESCE(run.id, steering.run_id) FROM agent_message message
LEFT JOIN agent_run run ON run.message_id = message.id AND run.retry_of_id IS NULL
LEFT JOIN agent_steering steering ON steering.message_id = message.id
WHERE message.session_id = %s AND message.client_id = %s
"""


def run_of(session: UUID, client_id: UUID) -> Run | None:
    """Returns the run of the message that was sent with `client_id`: its own, or that into which it was
    sent.
    """
    known = raw_sql.column(_RUN_OF, session, client_id)
    return raw_sql.get(Run, UUID(str(known[0]))) if known else None


def _check_task(session: UUID, task: UUID | None) -> None:
    if task and not Task.objects.filter(pk=task, project__sessions=session).exists():
        raise Refused("not_found", "Task not found.")


def insert_message(session: UUID, user: User, client_id: UUID | None, content: str) -> Message:
    message = Message(
        session_id=session,
        role=Message.Author.USER,
        author=user,
        content=content,
        client_id=client_id,
    )
    raw_sql.insert(message)
    return message


def queue(
    message: Message, position: int, into: UUID | None = None, **fields: Any
) -> tuple[Run, list[events.Event]]:
    """Queues a run for a new message, behind `position` others, inside an effect; returns it and its
    events. `into`: the run that the message was sent into and came too late for.
    """
    run = create(message, message.author, **fields)
    queued = events.Run(run.pk, run.status, position=position)
    return run, [_message_event(run, message, into), queued]


_PLACE = f"""
SELECT (SELECT count(*) FROM agent_run WHERE {UNFINISHED}), (
    SELECT count(*) FROM agent_run WHERE counted AND created_at > %s AND created_by_id = %s
), ({_RUN_OF}), ({quotas.RUNS_OF_DAY}), CASE project.runs_day WHEN %s THEN project.runs_of_day ELSE 0 END,
project.stored_bytes + session.stored_bytes - session.counted_bytes
FROM agent_chatsession session JOIN agent_project project ON project.id = session.project_id
WHERE session.id = %s
"""


@dataclass(frozen=True, slots=True)
class _Place:
    """How many runs are ahead of a user's new one; how many of the user's began in the last minute; the
    run of the message, if it is known already; and what the quotas are compared with: the runs of the day, of
    the user and of the project, and the bytes that the project has stored.
    """

    ahead: int
    in_last_minute: int
    known: UUID | None
    of_person: int
    of_project: int
    stored: int

    @classmethod
    def of(cls, session: UUID, user: User, client_id: UUID | None) -> _Place:
        since = timezone.now() - timedelta(minutes=1)
        of_day = *quotas.runs_of_day(user.pk), quotas.today()
        values = session, since, user.pk, session, client_id, *of_day, session
        ((ahead, in_last_minute, known, of_person, of_project, stored),) = raw_sql.rows(
            _PLACE, *values
        )
        key = known and UUID(str(known))
        return cls(int(ahead), in_last_minute, key, of_person or 0, of_project, stored)

    def check(self, *, counted: bool) -> None:
        """Raises `Refused` when a limit is reached, of which `QuotaReached` is one kind."""
        limit = settings.SAMURAI_USER_RUNS_PER_MINUTE
        if counted and self.in_last_minute >= limit:
            raise Refused(
                "rate_limited", f"The limit is {limit} messages per minute. Try again in a moment."
            )
        if self.ahead >= MAX_QUEUE:
            raise Refused(
                "queue_full",
                f"{self.ahead} messages are already queued. Try again when some have finished.",
            )
        quotas.check_runs(self.of_person, self.of_project)
        quotas.check_bytes(self.stored)


def place_in_queue(session: UUID, user: User) -> int:
    """Returns how many runs are ahead of a new one. Raises `Refused` when a limit is reached."""
    place = _Place.of(session, user, None)
    place.check(counted=True)
    return place.ahead


# Counts the run for the day, and the bytes of the session's log since its last run.
_OF_PROJECT = f"""
UPDATE agent_project SET runs_day = %s, stored_bytes = stored_bytes + (
    SELECT stored_bytes - counted_bytes FROM agent_chatsession WHERE id = %s
), runs_of_day = CASE runs_day WHEN %s THEN runs_of_day + 1 ELSE 1 END
WHERE id = (SELECT project_id FROM agent_chatsession WHERE id = %s) RETURNING ({quotas.RUNS_OF_DAY})
"""
_COUNTED = """
UPDATE agent_chatsession SET run_count = run_count + 1, updated_at = %s, counted_bytes = stored_bytes,
    title = CASE title WHEN '' THEN %s ELSE title END
WHERE id = %s RETURNING run_count
"""


def create(message: Message, user: User | None, **fields: Any) -> Run:
    """Adds a run to the queue of the message's session, inside an effect."""
    session = message.session_id
    title, day = title_of(message.content), quotas.today()
    of_person = quotas.runs_of_day(user.pk if user else None)
    (before,) = raw_sql.column(_OF_PROJECT, day, session, day, session, *of_person)
    (number,) = raw_sql.column(_COUNTED, timezone.now(), title, session)
    run = Run(
        session_id=session,
        number=number,
        message=message,
        created_by=user,
        of_day=(before or 0) + 1,
        within_project=only_project(user) is not None,
        request_id=log_context.request_id.get(),
        traceparent=log_context.traceparent.get(),
        **fields,
    )
    raw_sql.insert(run)
    wake.wake(session)
    return run


def title_of(content: str) -> str:
    """Returns the title of a session whose first message is `content`, at most `MAX_TITLE` long."""
    return shorten(name_of(" ".join(content.split())), MAX_TITLE)


def _message_event(run: Run, message: Message, into: UUID | None) -> events.Event:
    return events.Message(
        run.pk,
        id=message.pk,
        role=message.role,
        author=message.author.get_username() if message.author else None,
        content=message.content,
        client_id=message.client_id,
        into=into,
    )


def note_say(run: Run, user: User) -> None:
    """Notes that `user` has a say in the run, inside an effect: by a token for one project it is a limited
    one.
    """
    if only_project(user) is not None:
        Run.objects.filter(pk=run.pk).update(within_project=True)


def find(session: UUID, run: UUID, *related: str) -> Run:
    """Returns the session's run, with `related` rows. Raises `Refused`: `not_found`."""
    row = Run.objects.filter(pk=run, session=session).select_related(*related).first()
    if row is None:
        raise Refused("not_found", "Run not found.")
    return row
