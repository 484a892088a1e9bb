"""A claim makes one process execute a run, for the length of a lease. Does not say how runs are executed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from agent.event_log import events, log
from agent.event_log.log import Done, Fence
from agent.exceptions import Fenced, Interrupted
from agent.models import Run
from agent.runs.ending import fail_now
from agent.runs.runs import UNFINISHED
from agent.support import raw_sql

LEASE = timedelta(seconds=10)
# After five claims without a finished phase we assume that the run crashes its process, and fail it.
MAX_CLAIMS = 5


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run that this process executes. `resumed`: another claim began it and did not end it. `unsaved`:
    the fields of the run that the claim has set. Who saves others beside them clears it.
    """

    run: Run
    fence: Fence
    resumed: bool
    unsaved: list[str] = field(default_factory=list, compare=False)


# Writes the beginning of a run that was claimed, inside the effect that claims it; returns its events.
Begin = Callable[[Claimed], Sequence[events.Event]]


async def claim(session: UUID, owner: str, begin: Begin = lambda _: ()) -> Claimed | None:
    """Claims the session's oldest unfinished run for `owner`.

    Returns None when no run can be executed now. A run that waits for approval, or that a living
    process executes, blocks the runs behind it.
    """
    effect = partial(_claim, session, owner, begin)
    try:
        claimed: Claimed | None = await log.append(session, effect=effect)
    except Fenced:  # the session was deleted
        return None
    return claimed


def next_user(session: UUID) -> tuple[bool, int | None]:
    """Returns whether `session` has an unfinished run, and the user who asked for the oldest one."""
    query = f"SELECT created_by_id FROM agent_run WHERE {UNFINISHED} ORDER BY number LIMIT 1"
    users = raw_sql.column(query, session)
    return bool(users), users[0] if users else None


# What the pipeline reads on the event loop, where a query would block.
_RELATED = ("session", "session__project", "session__task", "message", "task", "created_by")


def _claim(session: UUID, owner: str, begin: Begin) -> Done[Claimed | None]:
    failures: list[events.Event] = []
    while run := _next(session):
        if run.status == Run.Status.WAITING or _is_leased(run, owner):
            break
        if run.claims < MAX_CLAIMS:
            claimed = _take(run, owner)
            started: list[events.Event] = []
            if not claimed.resumed:
                started.append(events.Run(run.pk, Run.Status.RUNNING))
            started += begin(claimed)
            if claimed.unsaved:
                raw_sql.save(run, *claimed.unsaved)
            return Done(claimed, [*failures, *started])
        failures += fail_now(run, Interrupted())
    return Done(None, failures)


def _next(session: UUID) -> Run | None:
    """Returns the session's oldest unfinished run."""
    where = f"{UNFINISHED} ORDER BY number LIMIT 1"
    found = raw_sql.select_related(Run, _RELATED, where, session, order="number")
    return found[0] if found else None


def _is_leased(run: Run, owner: str) -> bool:
    """Tells whether somebody other than `owner` executes the run."""
    return (
        run.status == Run.Status.RUNNING
        and run.lease_owner != owner
        and run.lease_until is not None
        and run.lease_until > timezone.now()
    )


def _take(run: Run, owner: str) -> Claimed:
    resumed = run.status == Run.Status.RUNNING
    now = timezone.now()
    run.status = Run.Status.RUNNING
    run.attempt += 1
    run.claims += 1
    run.lease_owner, run.lease_until = owner, now + LEASE
    run.started_at = run.started_at or now
    changed = ["status", "attempt", "claims", "lease_owner", "lease_until", "started_at"]
    return Claimed(run, Fence(run.pk, run.attempt), resumed, changed)


def interrupted(session: UUID | None = None) -> dict[UUID, UUID]:
    """Returns by session, of all or of one, the run that was started and that no process executes."""
    where = "" if session is None else " AND session_id = %s"
    found = raw_sql.rows(_INTERRUPTED + where, timezone.now(), *filter(None, [session]))
    return {UUID(str(of)): UUID(str(run)) for of, run in found}


# All three statuses are named, so that the short index of unfinished runs is used.
_INTERRUPTED = """
SELECT session_id, id FROM agent_run
WHERE status IN ('queued', 'running', 'waiting') AND status = 'running'
AND (lease_until IS NULL OR lease_until <= %s)
"""


_ANY_UNFINISHED = "SELECT 1 FROM agent_run WHERE status IN ('queued', 'running', 'waiting')"


def is_any_unfinished() -> bool:
    """Tells whether any session has a run that is not over. Most of the time there is none."""
    return bool(raw_sql.column(f"{_ANY_UNFINISHED} LIMIT 1"))


def is_any_running() -> bool:
    """Tells whether any run was begun and is not over: it may be interrupted without a commit."""
    return bool(raw_sql.column(f"{_ANY_UNFINISHED} AND status = 'running' LIMIT 1"))


def renew_leases(owner: str, runs: Sequence[UUID]) -> set[UUID]:
    """Renews the leases that `owner` still holds on `runs`; returns the runs that it has lost.

    A run that succeeded is not lost: its process may still learn from it.
    """
    held = Run.objects.filter(pk__in=runs, lease_owner=owner, status=Run.Status.RUNNING)
    # A row locked by the event log's writer is skipped and renewed next time. The writer also waits
    # for rows while it holds others, so waiting here could deadlock.
    skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        free = held.select_for_update(skip_locked=skip).order_by("pk").values_list("pk", flat=True)
        held.filter(pk__in=list(free)).update(lease_until=timezone.now() + LEASE)
    ended = Run.objects.filter(pk__in=runs, status=Run.Status.SUCCEEDED)
    kept = held.values_list("pk", flat=True), ended.values_list("pk", flat=True)
    return set(runs).difference(*kept)


def hand_over(owner: str, session: UUID | None = None) -> int:
    """Ends the leases of `owner`, or only those in `session`, so that another process can claim the
    runs at once; returns how many.
    """
    held = Run.unfinished.filter(lease_owner=owner, status=Run.Status.RUNNING)
    if session is not None:
        held = held.filter(session=session)
    return held.update(lease_until=None, claims=0)
