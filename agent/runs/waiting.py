"""What waits for people: plans to be decided on, questions to be answered, and runs that failed.

A question or a failure waits for whoever sent the message, until the session has a newer run or the
person dismisses it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING
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
# With the condition of the index `run_unfinished`.
_PLANS = """
SELECT session.project_id, project.owner_id, count(*) FROM agent_run run
JOIN agent_chatsession session ON session.id = run.session_id
JOIN agent_project project ON project.id = session.project_id
WHERE run.status IN ('queued', 'running', 'waiting') AND run.status = 'waiting'
GROUP BY session.project_id, project.owner_id
"""
# With the condition of the index `run_left`.
_LEFT = """
SELECT run.created_by_id, session.project_id, project.owner_id, count(*) FROM agent_run run
JOIN agent_chatsession session ON session.id = run.session_id
JOIN agent_project project ON project.id = session.project_id
WHERE run.left_open IN ('question', 'failure') AND run.number = session.run_count
AND run.created_by_id IN ({})
GROUP BY run.created_by_id, session.project_id, project.owner_id
"""


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
    """Returns how many runs wait for each of `users`; three queries for all."""
    people = list(users)
    if not people:
        return {}
    members = _members(people)
    found: Counter[int] = Counter(dict.fromkeys(people, 0))
    for project, owner, number in raw_sql.rows(_PLANS):
        for person in {owner, *members.get(_key(project), ())}.intersection(found):
            found[person] += number
    marks = ", ".join(["%s"] * len(people))
    for person, project, owner, number in raw_sql.rows(_LEFT.format(marks), *people):
        if person == owner or person in members.get(_key(project), ()):
            found[person] += number
    return dict(found)


def _members(people: list[int]) -> dict[UUID, set[int]]:
    """Returns the ids of those of `people` who may write in a project that they do not own, by project."""
    rows = Membership.objects.filter(user__in=people, role__in=_WRITING)
    members: dict[UUID, set[int]] = {}
    for project, person in rows.values_list("project_id", "user_id"):
        members.setdefault(project, set()).add(person)
    return members


def _key(value: object) -> UUID:
    return UUID(str(value))


async def dismiss(session: UUID, run: UUID) -> None:
    """Has a question or a failure wait for nobody any more."""

    def effect() -> Done[None]:
        Run.objects.filter(pk=run, session=session).update(left_open="")
        return Done(None)

    await log.append_for_user(session, effect)
