"""The only writer of runs: starts, claims, cancels and ends them. Does not say what happens in between.

Everything here is an effect of `event_log.log.append`: the session's row is locked, so that whatever two
people or processes do at once happens one after the other, and the events tell it in that order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from agent.event_log import events, log
from agent.event_log.log import Done, Fence
from agent.exceptions import AgentError, Fenced, Interrupted, Refused
from agent.models import (
    Approval,
    ApprovalMode,
    ChatSession,
    Message,
    PlanStep,
    Project,
    Run,
    Task,
)
from agent.plans.store import step_event
from agent.runs import wake
from agent.support import raw_sql
from agent.text.words import is_text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_CONTENT = 100_000  # characters of a message
MAX_QUEUE = 20  # unfinished runs of one session; more is a mistake or an attack
LEASE = timedelta(seconds=10)
# A run that was claimed so often and finished nothing in between takes its driver down with it.
MAX_CLAIMS = 5


# A session's unfinished runs; as in the condition of the index.
_UNFINISHED = "session_id = %s AND status IN ('queued', 'running', 'waiting')"


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """What a person asks for: the fields of the protocol's `message` frame."""

    content: str
    client_id: UUID | None = None
    approval: str = ApprovalMode.AUTO
    task: UUID | None = None
    given: Mapping[str, Any] = field(default_factory=dict)  # see `Run.given`
    counted: bool = True  # as one of the person's messages a minute


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run that this process drives. `resumed`: somebody drove it before and did not end it."""

    run: Run
    fence: Fence
    resumed: bool


# -- starting --------------------------------------------------------------------------------------


async def start(session: UUID, user: User, request: MessageRequest) -> Run:
    """Accepts a message and returns its run, which waits for its turn.

    The same `client_id` again returns the run that it has. Raises `Refused` with the code
    `empty_message`, `too_large`, `invalid_frame`, `rate_limited`, `queue_full` or `not_found`.
    """
    content = checked_content(request.content)
    try:
        run: Run = await log.append(
            session, effect=partial(_accept, session, user, request, content)
        )
    except Fenced:
        raise Refused("not_found", "There is no such session.") from None
    return run


def checked_content(content: str) -> str:
    """Returns `content` without space around it. Raises `Refused` when it cannot be a message."""
    content = content.strip()
    if not content:
        raise Refused("empty_message", "The message is empty.")
    if len(content) > MAX_CONTENT:
        raise Refused(
            "too_large", f"The message has {len(content)} characters; {MAX_CONTENT} is the most."
        )
    if not is_text(content):
        raise Refused("invalid_frame", "The message holds characters that are not text.")
    return content


def _accept(session_id: UUID, user: User, request: MessageRequest, content: str) -> Done[Run]:
    if request.client_id is not None and (known := _run_of(session_id, request.client_id)):
        return Done(known)
    session = ChatSession.objects.get(pk=session_id)
    before = place_in_queue(session, user, counted=request.counted)
    if (
        request.task
        and not Task.objects.filter(pk=request.task, project=session.project_id).exists()
    ):
        raise Refused("not_found", "There is no such task.")
    message = Message(
        session=session,
        role=Message.Author.USER,
        author=user,
        content=content,
        client_id=request.client_id,
    )
    raw_sql.insert(message)
    run = create(
        session,
        message,
        user,
        approval=request.approval,
        task_id=request.task,
        given=dict(request.given),
        counted=request.counted,
    )
    return Done(run, [_said(run, message, user), events.run(run.pk, run.status, position=before)])


def _run_of(session: UUID, client_id: UUID) -> Run | None:
    return Run.objects.filter(
        message__session=session, message__client_id=client_id, retry_of=None
    ).first()


def place_in_queue(session: ChatSession, user: User, *, counted: bool = True) -> int:
    """Returns how many runs a new one of `user` waits for. Raises `Refused` when it is too much."""
    most = settings.SAMURAI_USER_RUNS_PER_MINUTE
    if counted and _of_last_minute(user) >= most:
        raise Refused("rate_limited", f"{most} messages a minute are the most; wait a little.")
    query = f"SELECT count(*) FROM agent_run WHERE {_UNFINISHED}"
    before: int = raw_sql.column(query, session.pk)[0]
    if before >= MAX_QUEUE:
        raise Refused(
            "queue_full", f"{before} messages wait already; try again when some are done."
        )
    return before


def _of_last_minute(user: User) -> int:
    since = timezone.now() - timedelta(minutes=1)
    return Run.objects.filter(created_by=user, created_at__gt=since, counted=True).count()


def create(session: ChatSession, message: Message, user: User, **fields: Any) -> Run:
    """Adds a run to the session's queue, inside an effect."""
    session.run_count += 1
    session.title = session.title or title_of(message.content)
    run = Run(session=session, number=session.run_count, message=message, created_by=user, **fields)
    raw_sql.insert(run)
    session.updated_at = run.created_at
    raw_sql.save(session, "run_count", "title", "updated_at")
    wake.wake(session.pk)
    return run


def title_of(content: str) -> str:
    """Returns what a session is called after its first message: at most 60 characters."""
    words = " ".join(content.split())
    return words if len(words) <= 60 else words[:59].rstrip() + "…"


def _said(run: Run, message: Message, user: User) -> events.Event:
    return events.message(
        run.pk,
        id=message.pk,
        role=message.role,
        author=user.get_username(),
        content=message.content,
        client_id=message.client_id,
    )


# -- claiming --------------------------------------------------------------------------------------


async def claim(session: UUID, owner: str) -> Claimed | None:
    """Makes `owner` the driver of the session's oldest unfinished run, for the length of a lease.

    None: there is nothing to drive now. A run that waits for a person or has a living driver holds
    up those behind it.
    """
    try:
        claimed: Claimed | None = await log.append(session, effect=partial(_claim, session, owner))
    except Fenced:  # the session was deleted
        return None
    return claimed


def next_user(session: UUID) -> tuple[bool, int | None]:
    """Tells whether `session` has a run that may be claimed, and who asked for the next one."""
    query = f"SELECT created_by_id FROM agent_run WHERE {_UNFINISHED} ORDER BY number LIMIT 1"
    found = raw_sql.column(query, session)
    return bool(found), found[0] if found else None


def _claim(session: UUID, owner: str) -> Done[Claimed | None]:
    told: list[events.Event] = []
    for run in raw_sql.select(Run, f"{_UNFINISHED} ORDER BY number", session):
        if run.status == Run.Status.WAITING or _is_driven(run, owner):
            return Done(None, told)
        if run.claims < MAX_CLAIMS:
            claimed = _take(run, owner)
            began = [] if claimed.resumed else [events.run(run.pk, Run.Status.RUNNING)]
            return Done(claimed, [*told, *began])
        told += fail_now(run, Interrupted())
    return Done(None, told)


def _is_driven(run: Run, owner: str) -> bool:
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
    raw_sql.save(run, "status", "attempt", "claims", "lease_owner", "lease_until", "started_at")
    return Claimed(_with_related(run), Fence(run.pk, run.attempt), resumed)


def _with_related(run: Run) -> Run:
    """Returns `run` with all that its driver needs of other tables, where a query would block."""
    run.session = raw_sql.get(ChatSession, run.session_id)
    run.session.project = raw_sql.get(Project, run.session.project_id)
    about = run.session.task_id
    run.session.task = raw_sql.get(Task, about) if about else None
    run.message = raw_sql.get(Message, run.message_id)
    run.task = raw_sql.get(Task, run.task_id) if run.task_id else None
    run.created_by = raw_sql.get(get_user_model(), run.created_by_id) if run.created_by_id else None
    return run


def interrupted(sessions: Collection[UUID]) -> dict[UUID, UUID]:
    """Returns for each of `sessions` that has one the run that nobody drives, though it was begun."""
    left = Q(lease_until=None) | Q(lease_until__lte=timezone.now())
    found = Run.objects.filter(left, session__in=sessions, status=Run.Status.RUNNING)
    return dict(found.values_list("session", "pk"))


def renew_leases(owner: str, runs: Sequence[UUID]) -> set[UUID]:
    """Renews what `owner` still holds of `runs`; returns those that it does not hold any more."""
    held = Run.objects.filter(pk__in=runs, lease_owner=owner, status=Run.Status.RUNNING)
    # A row that the log is writing is renewed the next time: waiting for one while holding others, as
    # the log does too, would be a deadlock.
    skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        free = held.select_for_update(skip_locked=skip).order_by("pk").values_list("pk", flat=True)
        held.filter(pk__in=list(free)).update(lease_until=timezone.now() + LEASE)
    return set(runs) - set(held.values_list("pk", flat=True))


def hand_over(owner: str, session: UUID | None = None) -> int:
    """Gives back what `owner` drives, or only in `session`, for others to go on at once; how many."""
    held = Run.objects.filter(lease_owner=owner, status=Run.Status.RUNNING)
    if session is not None:
        held = held.filter(session=session)
    return held.update(lease_until=None, claims=0)


# -- ending ----------------------------------------------------------------------------------------


def end(run: Run, status: str, **fields: Any) -> list[events.Event]:
    """Ends `run` inside an effect; returns the event, after which only its last one may come."""
    (attempt,) = raw_sql.column("SELECT attempt FROM agent_run WHERE id = %s", run.pk)
    changed = {"status": status, "finished_at": timezone.now(), **fields}
    # The attempt goes up, so that whoever still drives the run is fenced off.
    changed |= {"attempt": attempt + 1, "lease_owner": "", "lease_until": None}
    for name, value in changed.items():
        setattr(run, name, value)
    raw_sql.save(run, *changed)
    wake.wake(run.session_id)
    return [events.run(run.pk, status)]


async def fail(claimed: Claimed, error: AgentError, told: Sequence[events.Event] = ()) -> None:
    """Ends a run with `error`; `told` are the failed phases' events. What was done stays."""
    run = claimed.run
    await log.append(
        run.session_id,
        told,
        fence=claimed.fence,
        effect=lambda: Done(None, fail_now(run, error)),
    )


def fail_now(run: Run, error: AgentError) -> list[events.Event]:
    """The same inside an effect: returns the events."""
    partial_text = answer_so_far(run)
    told = [*close_steps(run), events.progress(run.pk, "error", f"❌ {error}", error.code)]
    told += end(
        run,
        Run.Status.FAILED,
        error=str(error),
        error_code=error.code,
        retryable=error.retryable,
        partial=partial_text,
    )
    last = events.error(
        run.pk,
        error=str(error),
        code=error.code,
        retryable=error.retryable,
        partial=partial_text,
    )
    return [*told, last]


async def cancel(session: UUID, run: UUID, by: User, reason: str = "") -> None:
    """Cancels a queued, running or waiting run for good; what it did stays. Raises `Refused`."""
    try:
        await log.append(session, effect=partial(_cancel, session, run, by, reason))
    except Fenced:
        raise Refused("not_found", "There is no such run.") from None


def _cancel(session: UUID, run_id: UUID, by: User, reason: str) -> Done[None]:
    run = Run.objects.filter(pk=run_id, session=session).first()
    if run is None:
        raise Refused("not_found", "There is no such run.")
    if run.status not in Run.UNFINISHED:
        raise Refused("not_active", f"The run has {run.status} already.")
    return Done(None, cancel_now(run, by, reason))


def cancel_now(
    run: Run, by: User | None, reason: str, *, because: str = Approval.Status.REJECTED
) -> list[events.Event]:
    """Cancels inside an effect; returns the events. `because`: how a question that stands ends."""
    partial_text = answer_so_far(run)
    asked = run.approvals.filter(status=Approval.Status.REQUESTED).select_related("plan").first()
    told = [settle_approval(asked, because, by, reason)] if asked else []
    told += close_steps(run)
    told += end(run, Run.Status.CANCELLED, partial=partial_text)
    transaction.on_commit(partial(wake.interrupt, run.session_id, run.pk))
    name = by.get_username() if by else None
    return [*told, events.cancelled(run.pk, by=name, reason=reason, partial=partial_text)]


def settle_approval(asked: Approval, status: str, by: User | None, reason: str) -> events.Event:
    """Ends a question to a person, inside an effect; returns the event."""
    asked.status, asked.reason = status, reason
    asked.decided_at, asked.decided_by = timezone.now(), by
    asked.save(update_fields=["status", "reason", "decided_at", "decided_by"])
    return events.approval(
        asked.run_id,
        id=asked.pk,
        status=asked.status,
        plan_revision=asked.plan.revision,
        reason=reason,
        by=by.get_username() if by else None,
    )


def close_steps(run: Run) -> list[events.Event]:
    """Marks what will not be carried out any more; returns the steps' events."""
    open_steps = PlanStep.objects.filter(plan__run=run, status__in=PlanStep.UNFINISHED)
    told, now = [], timezone.now()
    for step in open_steps.filter(plan=run.plans.order_by("-revision").first()):
        step.status, step.finished_at = PlanStep.Status.CANCELLED, now
        step.save(update_fields=["status", "finished_at"])
        told.append(step_event(run.pk, step))
    return told


def answer_so_far(run: Run) -> str:
    """Returns what the log holds of the answer: its tokens since it last started over."""
    text = ""
    for body in bodies_of(run, events.EventType.TOKEN):
        offset, piece = events.token_of(body)
        text = text[:offset] + piece
    return text


def bodies_of(run: Run, type: events.EventType) -> list[str]:
    """Returns the bodies of the run's events of one type, in order."""
    # The type stands in the statement itself, or SQLite does not take the index of the changes.
    query = f"SELECT body FROM agent_event WHERE session_id = %s AND type = '{type.value}'"
    return raw_sql.column(f"{query} AND run_id = %s ORDER BY seq", run.session_id, run.pk)


def duration_ms(run: Run) -> int:
    """Returns how long the run worked, until its end or now; not counted is its wait for a person."""
    assert run.started_at is not None, "a claimed run was started"
    worked = (run.finished_at or timezone.now()) - run.started_at
    for asked in run.approvals.all():
        if asked.decided_at is not None:
            worked -= asked.decided_at - asked.requested_at
    return round(worked.total_seconds() * 1000)
