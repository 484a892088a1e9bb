"""The rows of the messages that were sent into runs: which are open, and what becomes of them.

An open one ends exactly once: with the plan that is made with it, or as the next message. All writes
are effects of the event log, under the lock of the session.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from agent.event_log import events
from agent.models import Run, Steering
from agent.runs import runs
from agent.support import raw_sql

# As SQL literals, like the status in the index.
OPEN = "SELECT message_id FROM agent_steering WHERE run_id = %s AND status = 'taken'"
IS_OPEN = f"EXISTS ({OPEN})"
_SAID = """
SELECT message.id, message.content, author.username, steering.status = 'taken'
FROM agent_steering steering
JOIN agent_message message ON message.id = steering.message_id
LEFT JOIN auth_user author ON author.id = message.author_id
WHERE steering.run_id = %s AND steering.status IN ('applied', 'taken')
ORDER BY message.created_at, message.id
"""
_MAX_RETRIES = 20  # earlier runs of a message whose steering is looked up


@dataclass(frozen=True, slots=True)
class Said:
    """What a person sent into a run. `author`: the user name, "" of a deleted user."""

    message: UUID
    content: str
    author: str
    is_open: bool  # no plan was made with it


def is_open(run: Run) -> bool:
    """Tells whether something was sent into the run that no plan was made with."""
    return bool(raw_sql.column(f"{OPEN} LIMIT 1", run.pk))


def open_of(run: Run) -> list[Said]:
    """Returns what was sent into the run and no plan was made with, in order."""
    return [said for said in _said(run) if said.is_open]


def words_of(run: Run) -> list[str]:
    """Returns what the plans of the run, and of those that it retries, were made with, in order."""
    return words_and_open_of(run)[0]


def words_and_open_of(run: Run) -> tuple[list[str], list[Said]]:
    """Returns what `words_of` and `open_of` return, as of one moment."""
    said = _said(run)
    words = [one.content for one in said if not one.is_open]
    for _ in range(_MAX_RETRIES):
        if run.retry_of_id is None:
            break
        run = raw_sql.get(Run, run.retry_of_id)
        words = [*(one.content for one in _said(run) if not one.is_open), *words]
    return words, [one for one in said if one.is_open]


def _said(run: Run) -> list[Said]:
    """Returns what was sent into the run, without what became the next message, in order."""
    return [
        Said(UUID(str(key)), content, author or "", bool(is_open))
        for key, content, author, is_open in raw_sql.rows(_SAID, run.pk)
    ]


def apply(run: Run, messages: Sequence[str], revision: int, reason: str = "") -> list[events.Event]:
    """Marks open `messages` as part of the plan `revision`; returns the events. `reason`: if the plan
    stayed as it was, that it did.
    """
    return [
        events.Steering(
            run.pk, id=row.message_id, status=row.status, plan_revision=revision, reason=reason
        )
        for row in _end(run, messages, Steering.Status.APPLIED, revision)
    ]


def make_next(run: Run, reason: str, messages: Sequence[str]) -> list[events.Event]:
    """Makes those of `messages` that are open the next ones of the session; returns the events.

    Each is queued like a message that was sent now, with the settings of `run`, and is not refused:
    the limits were checked when it was taken.
    """
    ended = _end(run, messages, Steering.Status.NEXT) if messages else ()
    return [event for row in ended for event in _queue(run, row, reason)]


def _end(
    run: Run, messages: Iterable[str], status: Steering.Status, revision: int | None = None
) -> list[Steering]:
    """Ends those of `messages` that are open; returns their rows, in order."""
    keys = [UUID(key) for key in messages]
    rows = Steering.objects.select_related("message__author").filter(
        run=run, status=Steering.Status.TAKEN, pk__in=keys
    )
    found = list(rows)
    for row in found:
        row.status, row.plan_revision = status, revision
        raw_sql.save(row, "status", "plan_revision")
    return found


def _queue(run: Run, row: Steering, reason: str) -> list[events.Event]:
    message = row.message
    message.created_at = timezone.now()  # behind the answer of `run`, if it has one
    raw_sql.save(message, "created_at")
    others = f"SELECT count(*) FROM agent_run WHERE {runs.UNFINISHED} AND id <> %s"
    (ahead,) = raw_sql.column(others, run.session_id, run.pk)
    # `run` is not over for readers: the event of its end follows.
    new, queued = runs.queue(
        message,
        ahead + 1,
        approval=run.approval,
        task_id=run.task_id,
        into=run.pk,
    )
    ended = events.Steering(
        run.pk, id=row.message_id, status=row.status, next_run=new.pk, reason=reason
    )
    return [ended, *queued]
