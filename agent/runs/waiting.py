"""What waits for people: plans to be decided on, questions to be answered, and runs that failed.

A question or a failure waits for whoever sent the message, until the session has a newer run or the
person dismisses it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import F, Q, QuerySet

from agent.accounts.access import projects_of
from agent.event_log import log
from agent.event_log.log import Done
from agent.models import Membership, Run
from agent.models.projects import Role
from agent.support import raw_sql

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

MAX_SHOWN = 100  # runs

LEFT = (Run.LeftOpen.QUESTION, Run.LeftOpen.FAILURE)
_WRITING = (Role.OWNER.value, Role.EDITOR.value)
_MAY_WRITE = "membership.role IN ('owner', 'editor')"
_COLUMNS = """session.id AS session, session.title, session.project_id, project.name,
    session.batch_id, session.updated_at, run.status, run.left_open, run.created_at"""
# The runs that wait, with the condition of the index `run_unfinished`, for the owner and for the members;
# then those that left something open, with that of the index `run_left`. To be filled with a condition on the
# person of the latter.
_WAITING = f"""
    SELECT project.owner_id AS person, {_COLUMNS} FROM agent_run run
    JOIN agent_chatsession session ON session.id = run.session_id
    JOIN agent_project project ON project.id = session.project_id
    WHERE run.status IN ('queued', 'running', 'waiting') AND run.status = 'waiting'
    UNION ALL
    SELECT membership.user_id, {_COLUMNS} FROM agent_run run
    JOIN agent_chatsession session ON session.id = run.session_id
    JOIN agent_project project ON project.id = session.project_id
    JOIN agent_membership membership ON membership.project_id = project.id
    AND membership.user_id <> project.owner_id AND {_MAY_WRITE}
    WHERE run.status IN ('queued', 'running', 'waiting') AND run.status = 'waiting'
    UNION ALL
    SELECT run.created_by_id, {_COLUMNS} FROM agent_run run
    JOIN agent_chatsession session ON session.id = run.session_id
    JOIN agent_project project ON project.id = session.project_id
    LEFT JOIN agent_membership membership ON membership.project_id = project.id
    AND membership.user_id = run.created_by_id AND {_MAY_WRITE}
    WHERE run.left_open IN ('question', 'failure') AND run.number = session.run_count
    {{}}
    AND (project.owner_id = run.created_by_id OR membership.id IS NOT NULL)
"""
_OF_PEOPLE = "AND run.created_by_id IN ({})"
_COUNTS = f"SELECT person, count(*) FROM ({_WAITING}) waiting GROUP BY person"
_SESSIONS = f"""
SELECT person, number, session, title, project_id, name, batch_id, of_batch, updated_at, status, left_open
FROM (
    SELECT waiting.*, count(*) OVER (PARTITION BY person) AS number,
        count(*) OVER (PARTITION BY person, batch_id) AS of_batch,
        row_number() OVER (PARTITION BY person ORDER BY created_at) AS place
    FROM ({_WAITING}) waiting WHERE person IN ({{}})
) placed WHERE place <= {MAX_SHOWN} ORDER BY place
"""


_PEOPLE = f"""
SELECT person, username, count(CASE WHEN status = 'waiting' THEN 1 END),
    count(CASE WHEN status <> 'waiting' AND left_open = 'question' THEN 1 END),
    count(CASE WHEN status <> 'waiting' AND left_open = 'failure' THEN 1 END), min(created_at)
FROM ({_WAITING.format("")}) waiting JOIN auth_user ON auth_user.id = person
GROUP BY person, username ORDER BY count(*) DESC, username LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class WaitingPerson:
    """How many runs wait for one person: plans to be decided on, questions, failures. `since`: the creation
    of the oldest one.
    """

    id: int
    name: str
    plans: int
    questions: int
    failures: int
    since: datetime


@dataclass(frozen=True, slots=True)
class WaitingSession:
    """A session with a run that waits. `kind`: plan, question or failure; `of_batch`: how many runs of its
    batch wait, if it has one; `updated_at`: in UTC, a text on SQLite.
    """

    id: UUID
    title: str
    project: UUID
    project_name: str
    batch: UUID | None
    of_batch: int
    updated_at: Any
    kind: str


def runs_for(user: User | AnonymousUser) -> QuerySet[Run]:
    """Returns the runs that wait for `user`, the longest first, with their sessions and projects."""
    if not user.is_authenticated:
        return Run.objects.none()
    projects = projects_of(user)
    editor = Membership.objects.filter(user=user, role__in=_WRITING).values("project")
    decides = Q(session__project__owner=user) | Q(session__project__in=editor)
    waiting = Q(status__in=Run.UNFINISHED) & Q(status=Run.Status.WAITING)
    left = Q(left_open__in=LEFT) & Q(number=F("session__run_count"), created_by=user)
    rows = Run.objects.filter(session__project__in=projects).filter(decides, waiting | left)
    return rows.select_related("session__project", "message", "answer").order_by("created_at")


def counts(users: Iterable[int]) -> dict[int, int]:
    """Returns how many runs wait for each of `users`; one query for all."""
    people = list(users)
    if not people:
        return {}
    of_people = _OF_PEOPLE.format(", ".join(["%s"] * len(people)))
    found = dict(raw_sql.rows(_COUNTS.format(of_people), *people))
    return {person: int(found.get(person, 0)) for person in people}


def sessions(users: Iterable[int]) -> dict[int, tuple[int, list[WaitingSession]]]:
    """Returns how many runs wait for each of `users`, and the sessions of at most `MAX_SHOWN` of them, the
    longest waiting first; one query for all.
    """
    people = list(users)
    if not people:
        return {}
    marks = ", ".join(["%s"] * len(people))
    found: dict[int, tuple[int, list[WaitingSession]]] = {person: (0, []) for person in people}
    query = _SESSIONS.format(_OF_PEOPLE.format(marks), marks)
    for person, number, *columns in raw_sql.rows(query, *people, *people):
        found[person] = (number, [*found[person][1], _session(*columns)])
    return found


def people(limit: int) -> list[WaitingPerson]:
    """Returns the people for whom runs wait, those with the most first."""
    return [
        WaitingPerson(key, name, plans, questions, failures, _time(since))
        for key, name, plans, questions, failures, since in raw_sql.rows(_PEOPLE, limit)
    ]


def _time(value: datetime | str) -> datetime:
    """Returns a time that was read without conversion: SQLite has it as a text, in UTC."""
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def _session(
    key: Any, title: str, project: Any, name: str, batch: Any, of_batch: int, at: Any, *state: str
) -> WaitingSession:
    status, left_open = state
    return WaitingSession(
        UUID(str(key)),
        title,
        UUID(str(project)),
        name,
        UUID(str(batch)) if batch else None,
        of_batch,
        at,
        "plan" if status == Run.Status.WAITING else left_open,
    )


async def dismiss(session: UUID, run: UUID) -> None:
    """Has a question or a failure wait for nobody any more."""

    def effect() -> Done[None]:
        Run.objects.filter(pk=run, session=session).update(left_open="")
        return Done(None)

    await log.append_for_user(session, effect)
