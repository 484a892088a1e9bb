"""The runs that a run can be compared with: others of its message first, then of its session."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404

from agent.models import Run
from agent.shorten import shorten
from chat import access

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_SHOWN = 20  # of each group
MAX_MESSAGE = 100  # characters
MAX_LINK = 500
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Candidate:
    run: Run
    message: str


def of_message(run: Run) -> list[Candidate]:
    """Returns the other runs of the same message, the latest first."""
    return _candidates(run.message.runs.exclude(pk=run.pk))


def of_session(run: Run) -> list[Candidate]:
    """Returns the latest other runs of the session, of other messages."""
    return _candidates(run.session.runs.exclude(message=run.message_id))


def _candidates(runs: QuerySet[Run]) -> list[Candidate]:
    rows = runs.select_related("message").order_by("-number")[:MAX_SHOWN]
    return [Candidate(row, shorten(row.message.content, MAX_MESSAGE)) for row in rows]


def linked(user: User, link: str) -> Run:
    """Returns the run that a link to it, to its place in a session, or its id names. Raises Http404."""
    named = _ID.findall(link[:MAX_LINK])
    if not named:
        raise Http404("Run not found.")
    return access.get_run(user, UUID(named[-1]))
