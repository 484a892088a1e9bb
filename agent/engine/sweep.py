"""The sweep finds what no wake-up announced: pending sessions, leases of dead processes, expired approvals.

Each engine has its own loop around these functions.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from agent.accounts import shared_links
from agent.engine import account_deletion, process_identity, pruning
from agent.models import Run
from agent.runs import expiry, model_calls
from agent.support import database

logger = logging.getLogger(__name__)

INTERVAL = 2.0  # seconds
DELETION_INTERVAL = 60.0  # seconds between deletions of what is kept for a limited time

_next_deletion = 0.0  # of the monotonic clock


def pending_sessions() -> list[UUID]:
    """Returns the sessions with unfinished runs that no process executes and no approval holds up."""
    now = timezone.now()
    of_session = Run.unfinished.filter(session=OuterRef("session"))
    held = of_session.filter(
        Q(status=Run.Status.RUNNING, lease_until__gt=now) | Q(status=Run.Status.WAITING)
    )
    open_runs = Run.unfinished.filter(status__in=[Run.Status.QUEUED, Run.Status.RUNNING])
    return list(
        open_runs.filter(~Exists(held)).order_by().values_list("session", flat=True).distinct()
    )


def release_dead_leases() -> int:
    """Ends the leases of dead processes of this host; returns how many."""
    held = Run.unfinished.filter(status=Run.Status.RUNNING, lease_until__gt=timezone.now())
    owners = held.exclude(lease_owner="").order_by().values_list("lease_owner", flat=True)
    dead = [owner for owner in set(owners) if process_identity.is_dead(owner)]
    return held.filter(lease_owner__in=dead).update(lease_until=None) if dead else 0


async def expire_approvals() -> None:
    """Cancels the runs whose approval has expired."""
    for session, approval in await database.call(expiry.overdue):
        await expiry.expire(session, approval)


async def delete_old() -> None:
    """Deletes what has been kept long enough: a part of it, once in DELETION_INTERVAL."""
    global _next_deletion
    if time.monotonic() >= _next_deletion:
        _next_deletion = time.monotonic() + DELETION_INTERVAL
        await database.call(model_calls.delete_old)
        await database.call(shared_links.delete_expired)
        await database.call(pruning.prune, pruning.SLICES)
        await account_deletion.go_on_with_all(pruning.SLICES, pruning.PAUSE)


@contextlib.contextmanager
def log_errors(action: str) -> Iterator[None]:
    """Logs an error in a background loop, so that the loop continues and tries again.

    Any error: a process whose sweep or lease renewal has ended would execute nothing.
    """
    try:
        yield
    except Exception:
        logger.exception("Could not %s; trying again", action)
