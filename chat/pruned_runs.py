"""The runs of a session whose events were pruned, as its page shows them: from their rows.

In the part of the log that is gone, the place of a run is its number. It is below the number of every event
that is left, since each run had several.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from agent.accounts.shared_links import Guest
from agent.event_log import events, texts
from agent.event_log.events import Event
from agent.event_log.log import Frame
from agent.event_log.payloads import Answer
from agent.event_log.times import stamp
from agent.models import ChatSession, Run
from agent.plan import WORK
from agent.plans import store
from agent.runs import ending
from agent.support.markdown import render
from chat import fold, guest_view
from chat.transcript import Exchange

# The author of a message whose account was deleted.
DELETED_PERSON = "Deleted person"
_RELATED = ("message__author", "answer", "session")


def first_place(session_id: UUID) -> int:
    """Returns the number of the first event of the session that was not pruned."""
    return int(ChatSession.objects.values_list("first_seq", flat=True).get(pk=session_id))


def place_of(session_id: UUID, run: UUID) -> int | None:
    """Returns the place of a run whose events were pruned; None for any other."""
    found = Run.objects.filter(Run.PRUNED, pk=run, session=session_id)
    return found.values_list("number", flat=True).first()


def numbers(session_id: UUID, start: int, end: int) -> list[int]:
    """Returns the places of the pruned runs from `start` to before `end`, in order."""
    runs = Run.objects.filter(Run.PRUNED, session=session_id, number__gte=start, number__lt=end)
    return list(runs.order_by("number").values_list("number", flat=True))


def exchanges(session_id: UUID, places: Sequence[int], guest: Guest | None) -> list[Exchange]:
    """Returns the runs at these places, in order, as a `guest` gets them."""
    rows = Run.objects.filter(session=session_id, number__in=places).select_related(*_RELATED)
    if guest is not None and guest.run is not None:
        rows = rows.filter(pk=guest.run)
    found = []
    for run in rows.order_by("number"):
        told = [
            Frame(run.number, event.type, run.pk, event.frame(run.number)) for event in _told(run)
        ]
        shown = guest_view.frames(guest, told) if guest is not None else told
        transcript = fold.fold([(frame.seq, frame.body) for frame in shown])
        for exchange in transcript.exchanges:
            exchange.pruned = exchange.ended = True
            found.append(exchange)
    return found


def _told(run: Run) -> Iterator[Event]:
    """Yields the events that a page needs of a run that is over, made of its rows."""
    message = run.message
    author = message.author.get_username() if message.author else DELETED_PERSON
    if run.retry_of_id is None:
        yield events.Message(
            run.pk,
            id=message.pk,
            role=str(message.role),
            author=author,
            content=message.content,
            timestamp=stamp(message.created_at),
        )
    revision = store.latest(run)
    steps = list(revision.steps.all()) if revision else []
    if revision is not None:
        yield store.plan_event(revision, steps)
        yield from (store.step_event(run.pk, step) for step in steps)
    yield _last(run, [str(step.status) for step in steps if step.type in WORK])


def _last(run: Run, statuses: Sequence[str]) -> Event:
    at = stamp(run.finished_at or run.created_at)
    if run.status == Run.Status.FAILED:
        return events.Error(
            run.pk,
            error=run.error,
            code=run.error_code,
            retryable=run.retryable,
            partial=run.partial,
            timestamp=at,
        )
    if run.status == Run.Status.CANCELLED:
        return events.Cancelled(run.pk, by=None, partial=run.partial, timestamp=at)
    took = ending.duration_ms(run) if run.started_at else 0
    return events.Complete(
        run.pk,
        response=run.answer.content if run.answer else "",
        message=_answer(run),
        usage=run.usage,
        duration_ms=took,
        timestamp=at,
        texts={"line": texts.done(took, statuses)},
    )


def _answer(run: Run) -> Answer:
    if run.answer is None:  # somebody deleted the message
        return Answer(id="", role="assistant", content="", html="")
    key, content = str(run.answer.pk), run.answer.content
    return Answer(id=key, role="assistant", content=content, html=render(content, key))
