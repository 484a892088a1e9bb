"""Deletes what has been kept as long as the settings say. Off by default: all is kept for ever.

Everything goes in small slices, each in a transaction of its own, so that no writer waits for long. What
is told of a run after its events are gone, its message, plan, results and answer, is in its rows, which stay.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, F, OuterRef, PositiveBigIntegerField, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from agent.event_log.times import stamp
from agent.models import (
    ApiToken,
    AuditEntry,
    Batch,
    ChatSession,
    Event,
    Memory,
    Project,
    Run,
    SharedLink,
    Task,
)
from agent.models.base import literals
from agent.support import raw_sql

logger = logging.getLogger(__name__)

SLICE = 500  # events that one transaction deletes
ROWS = 100  # other rows, which others may refer to
# Sessions among which some with old events are looked for at a time, and those of them that are looked at.
WINDOW, SESSIONS = 200, 40
# Slices of each kind that the sweep deletes in a row, and seconds between two of them.
SLICES, PAUSE = 10, 0.02


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that is kept for a limited time. `days`: for how long; 0 for ever.

    `count`: how much is older than a time; `delete`: deletes a slice of it, and returns how much that was,
    or None if it found nothing and came to the end.
    """

    name: str
    setting: str
    count: Callable[[datetime], int]
    delete: Callable[[datetime], int | None]

    @property
    def days(self) -> int:
        return int(getattr(settings, self.setting))

    @property
    def before(self) -> datetime:
        return timezone.now() - timedelta(days=self.days)


OFF = "Everything is kept for ever: no SAMURAI_KEEP_..._DAYS is set."


def is_on() -> bool:
    """Tells whether anything is kept for a limited time."""
    return any(kind.days for kind in _KINDS)


def due() -> dict[str, int]:
    """Returns how much of each kind would be deleted now, of those that are switched on."""
    return {kind.name: kind.count(kind.before) for kind in _KINDS if kind.days}


def prune(slices: int | None = None, pause: float = PAUSE) -> Mapping[str, int]:
    """Deletes what is due, at most so many `slices` of each kind; returns how much of each it was."""
    deleted: Counter[str] = Counter()
    for kind in _KINDS:
        left = slices
        while kind.days and (left is None or left > 0):
            number = kind.delete(kind.before)
            if number is None:
                break
            if number:
                deleted[kind.name] += number
            left = None if left is None else left - 1
            time.sleep(pause)
    if deleted:
        told = ", ".join(f"{number:,} {name}" for name, number in deleted.items())
        logger.info("Pruned %s", told)
    return deleted


# -- events ----------------------------------------------------------------------------------------

_next_session = UUID(int=0)  # where the sweep goes on: it looks at some sessions at a time


def _count_events(before: datetime) -> int:
    return sum(
        Event.objects.filter(session=session, seq__lt=bound).count()
        for session in _sessions_with_events(before).iterator()
        if (bound := _bound(session, before)[0]) > 1
    )


def _delete_events(before: datetime) -> int | None:
    """Deletes a slice of the events of finished runs: always from the beginning of a session's log."""
    global _next_session
    rows = ChatSession.objects.filter(pk__gt=_next_session).order_by("pk")
    window = list(rows.values_list("pk", flat=True)[:WINDOW])
    old = _sessions_with_events(before).filter(pk__in=window).order_by("pk")
    keys = list(old.values_list("pk", flat=True)[:SESSIONS])
    for session in keys:
        if deleted := _delete_events_of(session, before):
            return deleted
        _next_session = session
    if len(keys) == SESSIONS:
        return 0
    is_end = len(window) < WINDOW
    _next_session = UUID(int=0) if is_end else window[-1]
    return None if is_end else 0


def _sessions_with_events(before: datetime) -> QuerySet[ChatSession]:
    """Returns the old sessions whose log has events, or some that nobody reads any more."""
    unread = Event.objects.filter(session=OuterRef("pk"), seq__lt=OuterRef("first_seq"))
    has_events = Q(first_seq__lte=F("last_seq")) | Exists(unread)
    return ChatSession.objects.filter(has_events, created_at__lt=before)


def _delete_events_of(session: UUID, before: datetime) -> int:
    """Moves the beginning of the log first: nobody reads what is then deleted."""
    sessions = ChatSession.objects.filter(pk=session)
    if (row := sessions.first()) is None:  # it was deleted meanwhile
        return 0
    bound, run = _bound(row, before)
    with transaction.atomic():
        if (row := sessions.select_for_update().first()) is None:
            return 0
        if bound > row.first_seq:
            sessions.update(first_seq=bound, first_run=run)
        first = max(bound, row.first_seq)
        old = Event.objects.filter(session=session, seq__lt=first).order_by("seq")
        keys = list(old.values_list("pk", flat=True)[:SLICE])
        if not keys:
            return 0
        _free(row, Event.objects.filter(pk__in=keys))
        return Event.objects.filter(pk__in=keys).delete()[0]


def _free(session: ChatSession, pruned: QuerySet[Event]) -> None:
    """Counts the bytes of events no longer, as far as they are counted. The session is locked."""
    size = sum(len(body.encode()) for body in pruned.values_list("body", flat=True))
    for name in ("stored_bytes", "counted_bytes"):
        size = min(size, getattr(session, name))
    ChatSession.objects.filter(pk=session.pk).update(
        stored_bytes=F("stored_bytes") - size, counted_bytes=F("counted_bytes") - size
    )
    left = Greatest(F("stored_bytes") - size, 0, output_field=PositiveBigIntegerField())
    Project.objects.filter(pk=session.project_id).update(stored_bytes=left)


def _bound(session: ChatSession, before: datetime) -> tuple[int, int]:
    """Returns the first event that stays, and the number of the first run that has events then.

    No run keeps a part of its events. What a person did since `before` stays, and all that follows it.
    """
    key, first = session.pk, session.first_seq
    kept = Run.objects.filter(session=key, number__gte=session.first_run).exclude(
        finished_at__lt=before
    )
    number = kept.order_by("number").values_list("number", flat=True).first()
    bound = (_first_of(key, number, first) if number else None) or session.last_seq + 1
    bound = _first_edit_since(key, before, first, bound) or bound
    while True:
        number = _first_run_after(key, bound)
        own = _first_of(key, number, first) if number else None
        if own is None or own >= bound:
            return bound, number or session.run_count + 1
        bound = own


_FIRST_RUN = """
SELECT min(run.number) FROM agent_event event JOIN agent_run run ON run.id = event.run_id
WHERE event.session_id = %s AND event.seq >= %s AND event.seq < %s
"""
NEAR = 5_000  # events behind the bound among which a run that began before it has its last ones


def _first_run_after(session: UUID, bound: int) -> int | None:
    """Returns the lowest number of a run with events from `bound` on."""
    (number,) = raw_sql.column(_FIRST_RUN, session, bound, bound + NEAR)
    return None if number is None else int(number)


def _first_of(session: UUID, number: int, first: int) -> int | None:
    run = Run.objects.filter(session=session, number=number).values("pk")
    rows = Event.objects.filter(session=session, seq__gte=first, run__in=run)
    return rows.order_by("seq").values_list("seq", flat=True).first()


def _first_edit_since(session: UUID, before: datetime, first: int, bound: int) -> int | None:
    """Returns the first change that a person made since `before`, among the events before `bound`."""
    is_change = {"type__in": literals("change")}  # by the index of changes
    rows = Event.objects.filter(
        session=session, run=None, seq__gte=first, seq__lt=bound, **is_change
    )
    since = stamp(before)
    for seq, body in rows.order_by("seq").values_list("seq", "body").iterator():
        if json.loads(body)["timestamp"] >= since:
            return int(seq)
    return None


# -- the rest --------------------------------------------------------------------------------------


def _of_rows(
    rows: Callable[[datetime], Any], before_deletion: Callable[[list[Any]], Any] | None = None
) -> dict[str, Callable[[datetime], Any]]:
    """Returns how rows are counted and deleted. `rows`: those that are older than a time. `before_deletion`:
    is called with their keys.
    """

    def delete(before: datetime) -> int | None:
        old = rows(before)
        keys = list(old.values_list("pk", flat=True)[:ROWS])
        if not keys:
            return None
        with transaction.atomic():
            # Looked at again, and locked: one that somebody restored meanwhile stays.
            still = list(old.filter(pk__in=keys).select_for_update().values_list("pk", flat=True))
            if still and before_deletion is not None:
                before_deletion(still)
            if still:
                old.model._base_manager.filter(pk__in=still).delete()
        return len(still)

    return {"count": lambda before: int(rows(before).count()), "delete": delete}


def _deleted_tasks(before: datetime) -> Any:
    return Task.all_objects.filter(deleted_at__lt=before).order_by("deleted_at")


def _deleted_memories(before: datetime) -> Any:
    return Memory.all_objects.filter(deleted_at__lt=before).order_by("deleted_at")


def _ended_tokens(before: datetime) -> Any:
    return ApiToken.objects.filter(Q(expires_at__lt=before) | Q(revoked_at__lt=before)).order_by(
        "pk"
    )


def _ended_links(before: datetime) -> Any:
    return SharedLink.objects.filter(Q(expires_at__lt=before) | Q(revoked_at__lt=before)).order_by(
        "pk"
    )


def _ended_logins(before: datetime) -> Any:
    return Session.objects.filter(expire_date__lt=before).order_by("expire_date")


def _forget_where(keys: list[str]) -> None:
    """Deletes django-allauth's rows of the sign-ins, with browser and address, which refer to none."""
    apps.get_model("usersessions", "UserSession").objects.filter(session_key__in=keys).delete()


def _old_batches(before: datetime) -> QuerySet[Batch]:
    """Returns the batches that were not started lately, whose runs are over, and in whose sessions nobody
    has written lately.
    """
    unfinished = Run.unfinished.filter(session__batch=OuterRef("pk"))
    in_use = ChatSession.objects.filter(batch=OuterRef("pk"), updated_at__gte=before)
    return Batch.objects.filter(~Exists(unfinished), ~Exists(in_use), updated_at__lt=before)


def _delete_batches(before: datetime) -> int | None:
    """Deletes a slice of an old batch: the events of its sessions, which do not count, then these, then
    its own row.
    """
    found = _old_batches(before).order_by("updated_at", "pk").first()
    if found is None:
        return None
    with transaction.atomic():
        # Looked at again, and locked: one that somebody started meanwhile stays.
        batch = _old_batches(before).filter(pk=found.pk).select_for_update(of=("self",)).first()
        if batch is None:
            return 0
        session = ChatSession.objects.filter(batch=batch).order_by("pk").first()
        if session is None:
            batch.delete()
            return 1
        events = Event.objects.filter(session=session).order_by("seq")
        keys = list(events.values_list("pk", flat=True)[:SLICE])
        if len(keys) == SLICE:
            Event.objects.filter(pk__in=keys).delete()
            return 0
        session.delete()
    return 1


def _count_audit(before: datetime) -> int:
    return AuditEntry.objects.filter(at__lt=before).count()


def _delete_audit(before: datetime) -> int | None:
    return AuditEntry.prune(before, SLICE) or None


_KINDS = (
    Kind("events", "SAMURAI_KEEP_EVENTS_DAYS", _count_events, _delete_events),
    Kind("deleted tasks", "SAMURAI_KEEP_DELETED_DAYS", **_of_rows(_deleted_tasks)),
    Kind("deleted memories", "SAMURAI_KEEP_DELETED_DAYS", **_of_rows(_deleted_memories)),
    Kind("ended access tokens", "SAMURAI_KEEP_EXPIRED_DAYS", **_of_rows(_ended_tokens)),
    Kind("shared links", "SAMURAI_KEEP_EXPIRED_DAYS", **_of_rows(_ended_links)),
    Kind("expired sign-ins", "SAMURAI_KEEP_EXPIRED_DAYS", **_of_rows(_ended_logins, _forget_where)),
    Kind(
        "rows of batches",
        "SAMURAI_KEEP_BATCHES_DAYS",
        lambda before: sum(1 + batch.sessions.count() for batch in _old_batches(before)),
        _delete_batches,
    ),
    Kind("entries of the audit log", "SAMURAI_KEEP_AUDIT_DAYS", _count_audit, _delete_audit),
)
