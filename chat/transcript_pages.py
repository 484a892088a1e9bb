"""Which part of a session's log a page shows: the newest at first, earlier parts when they are asked for.

What is not shown is a gap between two events. How a part is folded: `chat.fold`.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from agent.accounts.shared_links import Guest
from agent.event_log import object_changes
from agent.event_log.events import EventType
from agent.models import ChatSession, Event, Run, Steering
from agent.runs.runs import UNFINISHED
from agent.support import raw_sql
from chat import fold, pruned_runs
from chat.pruned_runs import first_place
from chat.transcript import Change, Gap, Transcript

# Messages that a page shows at first, unless an earlier one is unfinished, and that each further part has.
NEWEST = 10
PART = 12


def newest(session_id: UUID, guest: Guest | None = None) -> Transcript:
    """Returns the end of the session: all runs that are not over are in it. For a guest of one run, that."""
    if guest is not None and guest.run is not None:
        last = ChatSession.objects.values_list("last_seq", flat=True).get(pk=session_id)
        if (pruned := pruned_runs.place_of(session_id, guest.run)) is not None:
            return Transcript(
                list(pruned_runs.exchanges(session_id, [pruned], guest)), last_seq=last
            )
        place = where(session_id, "run", str(guest.run))
        told = fold.load(session_id, place[0] if place else 1, guest=guest)
        told.last_seq = max(told.last_seq, last)
        return told
    unfinished, first = _unfinished_and_first(session_id)
    count = max(NEWEST, unfinished)
    start = max(_start(_messages(session_id), count), first)
    told = fold.load(session_id, start, guest=guest)
    told.last_seq = max(told.last_seq, first - 1)  # all events may be gone
    if start == first > 1:
        _add_pruned(session_id, told, count - len(told.exchanges), guest)
    elif start > 1:
        told.entries.insert(0, Gap(1, start))
    return told


def _add_pruned(session_id: UUID, told: Transcript, count: int, guest: Guest | None) -> None:
    """Adds the last `count` pruned runs at the beginning, and a gap for those before them."""
    places = pruned_runs.numbers(session_id, 1, first_place(session_id))
    shown = places[-count:] if count > 0 else []
    told.entries[:0] = pruned_runs.exchanges(session_id, shown, guest)
    if len(shown) < len(places):
        told.entries.insert(0, Gap(1, shown[0] if shown else first_place(session_id)))


def part(
    session_id: UUID,
    gap: Gap,
    at: int | None = None,
    early: bool = False,
    *,
    guest: Guest | None = None,
) -> Transcript:
    """Returns a part of `gap`, with what is left of it as gaps around.

    The last part, the first with `early`, or the one around the run that begins with the event `at`.
    """
    first = first_place(session_id)
    if gap.start < first and (early or gap.end <= first or (at is not None and at < first)):
        return _pruned_part(session_id, gap, at, early, guest)
    start, end = _span(_messages(session_id).filter(seq__gte=gap.start, seq__lt=gap.end), at, early)
    start, end = start or max(gap.start, first), end or gap.end
    told = fold.load(session_id, start, end, guest)
    _know_what_came_later(session_id, told)
    if start > gap.start:
        told.entries.insert(0, Gap(gap.start, start))
    if end < gap.end:
        told.entries.append(Gap(end, gap.end))
    return told


def _pruned_part(
    session_id: UUID, gap: Gap, at: int | None, early: bool, guest: Guest | None
) -> Transcript:
    """As `part`, of runs whose events were pruned."""
    places = pruned_runs.numbers(session_id, gap.start, gap.end)
    if at is not None:
        index = sum(place < at for place in places)
        shown = places[max(0, index - PART // 2) : index + PART // 2]
    else:
        shown = places[:PART] if early else places[-PART:]
    told = Transcript(list(pruned_runs.exchanges(session_id, shown, guest)))
    if shown and shown[0] > places[0]:
        told.entries.insert(0, Gap(gap.start, shown[0]))
    end = places[places.index(shown[-1]) + 1] if shown and shown[-1] < places[-1] else None
    if end is None and gap.end > (first := first_place(session_id)):
        end = first
    if end is not None:
        told.entries.append(Gap(end, gap.end))
    return told


def where_named(session_id: UUID, name: str) -> tuple[int, UUID | None] | None:
    """As `where`, for the target of a link or a jump: `message-…`, `run-…`, `event-…`, `time-…`."""
    kind, _, key = name.partition("-")
    return where(session_id, kind, key)


def where(session_id: UUID, kind: str, key: str) -> tuple[int, UUID | None] | None:
    """Returns the seq by which a part is found that shows the message, run or event, and its run.

    The `kind` "time" means the first run since then, or the last one; `key` is an ISO 8601 time with an
    offset. Returns None for what is not in the session, or is no key of its kind.
    """
    events = Event.objects.filter(session_id=session_id)
    try:
        match kind:
            case "event":
                event = events.filter(seq=_seq(key)).first()
                if event is None or event.run_id is None:
                    return (event.seq, None) if event else None
                run: UUID | None = event.run_id
            case "time":
                run = _run_since(session_id, datetime.fromisoformat(key))
            case "run" | "message":
                run = _run_named(session_id, kind, UUID(key))
            case _:
                return None
    except (ValueError, OverflowError):
        return None
    if run is None:
        return None
    if (place := pruned_runs.place_of(session_id, run)) is not None:
        return place, run
    first = events.filter(run=run).order_by("seq").values_list("seq", flat=True).first()
    return None if first is None else (first, run)


def _seq(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise ValueError(f"{key!r} is no number of an event")
    return int(key)


def _run_named(session_id: UUID, kind: str, key: UUID) -> UUID | None:
    named = Q(pk=key) if kind == "run" else Q(message=key) | Q(answer=key)
    found = Run.objects.filter(named, session=session_id).order_by("number").first()
    return found.pk if found else _run_with(session_id, key)


def _run_since(session_id: UUID, time: datetime) -> UUID | None:
    if time.tzinfo is None:
        raise ValueError(f"{time} has no offset")
    runs = Run.objects.filter(session=session_id).order_by("number").values_list("pk", flat=True)
    return runs.filter(created_at__gte=time).first() or runs.last()


def _run_with(session_id: UUID, message: UUID) -> UUID | None:
    """Returns the run into which the message with this id was sent, if it was sent into one."""
    rows = Steering.objects.filter(message=message, run__session=session_id).order_by()
    return rows.values_list("run", flat=True).first()


def _unfinished_and_first(session_id: UUID) -> tuple[int, int]:
    """Returns how many runs the session has from its first one on that is not over, 0 without such, and the
    place of its first event that was not pruned.
    """
    ((unfinished, first),) = raw_sql.rows(_UNFINISHED_AND_FIRST, *[session_id] * 3)
    return int(unfinished), int(first)


_UNFINISHED_AND_FIRST = f"""
SELECT (
    SELECT count(*) FROM agent_run WHERE session_id = %s
    AND number >= (SELECT min(number) FROM agent_run WHERE {UNFINISHED})
), first_seq FROM agent_chatsession WHERE id = %s
"""


Messages = QuerySet[Event, int]


def _messages(session_id: UUID) -> Messages:
    """Where a part may begin: a run that has no message of its own stays with the one before it."""
    found = Event.objects.filter(session_id=session_id, type=EventType.MESSAGE)
    return found.values_list("seq", flat=True)


def _start(messages: Messages, count: int) -> int:
    """Returns where the last `count` messages begin; 1 when there are no more than those."""
    found = list(messages.order_by("-seq")[: count + 1])
    return found[count - 1] if len(found) > count else 1


def _span(messages: Messages, at: int | None, early: bool) -> tuple[int | None, int | None]:
    """Returns start and end of a part; None where it ends with the gap."""
    if at is not None:
        before = list(messages.filter(seq__lte=at).order_by("-seq")[: PART // 2 + 1])
        after = list(messages.filter(seq__gt=at).order_by("seq")[: PART // 2 + 1])
        start = before[-2] if len(before) > PART // 2 else None
        return start, after[-1] if len(after) > PART // 2 else None
    if early:
        first = list(messages.order_by("seq")[: PART + 1])
        return None, first[PART] if len(first) > PART else None
    last = list(messages.order_by("-seq")[: PART + 1])
    return last[PART - 1] if len(last) > PART else None, None


def _know_what_came_later(session_id: UUID, told: Transcript) -> None:
    """Later parts say which changes can still be undone, and which run was tried again."""
    notes = [entry for entry in told.entries if isinstance(entry, Change)]
    changes = [*notes, *(one for run in told.exchanges for one in run.changes)]
    ids = list(dict.fromkeys(change.id for change in changes))
    last = object_changes.last_seqs(session_id, ids)
    for change in changes:
        change.undoable = last.get(change.id) == change.seq
    ended = [UUID(run.run) for run in told.exchanges if run.retryable]
    again = Run.objects.filter(retry_of__in=ended).values_list("retry_of", flat=True)
    tried = set(map(str, again))
    for run in told.exchanges:
        run.retryable = run.retryable and run.run not in tried
