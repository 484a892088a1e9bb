"""What a team lead may do to runs in the admin: cancel and retry, each told in the admin's own log."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from asgiref.sync import async_to_sync
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest

from agent.exceptions import Refused
from agent.models import Run
from agent.runs import ending, rerun

MAY_CHANGE = "agent.change_run"

RunAction = Callable[[HttpRequest, Run], None]


def cancel(request: HttpRequest, run: Run) -> None:
    """Raises `Refused` for a run that is over."""
    async_to_sync(ending.cancel)(run.session_id, run.pk, person(request), "In the admin")
    note(request, run, "Cancelled.")


def retry(request: HttpRequest, run: Run) -> None:
    """Has the run tried again in the name of whoever started it, whose role its plan is checked for.

    Raises `Refused` for one that has not failed.
    """
    user = run.created_by or run.session.project.owner
    again = async_to_sync(rerun.retry)(run.session_id, run.pk, user)
    note(request, run, f"Tried again as run {again.number}.")


def apply_to_each(request: HttpRequest, chosen: Iterable[Run], verb: RunAction) -> int:
    """Does it to all; returns to how many it could be done."""
    done = 0
    for run in chosen:
        try:
            verb(request, run)
        except Refused:
            continue
        done += 1
    return done


def person(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the admin is for people who are signed in"
    return request.user


def note(request: HttpRequest, row: Model, text: str) -> None:
    """Tells in the history of `row` what was done to it, and by whom."""
    log_changes(request, [row], text)


def log_changes(request: HttpRequest, rows: Iterable[Model], text: str) -> None:
    LogEntry.objects.log_actions(person(request).pk, rows, CHANGE, change_message=text)
