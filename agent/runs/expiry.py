"""Approvals that nobody decided on in time: the run is cancelled. `agent.engine.sweep` looks for them."""

from __future__ import annotations

import contextlib
from functools import partial
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from agent.event_log import log
from agent.event_log.log import Done
from agent.exceptions import Fenced
from agent.models import Approval, Run
from agent.models.base import literals
from agent.runs import ending
from agent.support.counts import count


def overdue() -> list[tuple[UUID, UUID]]:
    """Returns the session and the id of each open approval whose time is up."""
    (requested,) = literals(Approval.Status.REQUESTED)
    late = Approval.objects.filter(status=requested, expires_at__lte=timezone.now())
    return list(late.values_list("run__session", "pk"))


async def expire(session: UUID, approval: UUID) -> None:
    """Cancels the run of an overdue approval. Concurrent calls are safe: one of them cancels."""
    with contextlib.suppress(Fenced):  # the session was deleted
        await log.append(session, effect=partial(_expire, approval))


def _expire(approval_id: UUID) -> Done[None]:
    late = Approval.objects.filter(
        pk=approval_id, status=Approval.Status.REQUESTED, expires_at__lte=timezone.now()
    )
    approval = late.select_related("run").first()
    if approval is None or approval.run.status != Run.Status.WAITING:
        return Done(None)
    hours = settings.SAMURAI_APPROVAL_HOURS
    reason = f"The plan was not approved within {count(hours, 'hour')}."
    expired = Approval.Status.EXPIRED
    return Done(None, ending.cancel_now(approval.run, None, reason, approval_status=expired))
