"""Cancel and retry runs from the admin. Each action is recorded in the admin's history of the object."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from asgiref.sync import async_to_sync
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest

from agent.accounts.audit import Deed, record
from agent.exceptions import Refused
from agent.models import Run
from agent.runs import ending, rerun

MAY_CHANGE = "agent.change_run"

RunAction = Callable[[HttpRequest, Run], None]


def cancel(request: HttpRequest, run: Run) -> None:
    """Raises `Refused` if the run has ended."""
    async_to_sync(ending.cancel)(run.session_id, run.pk, signed_in_user(request), "In the admin")
    log_change(request, run, "Cancelled.")


def retry(request: HttpRequest, run: Run) -> None:
    """Retries the run for the user who started it, so that the plan is checked for that user's role.

    Raises `Refused` if the run has not failed.
    """
    user = run.created_by or run.session.project.owner
    new_run = async_to_sync(rerun.retry)(run.session_id, run.pk, user)
    log_change(request, run, f"Retried as run {new_run.number}.")


def apply_to_each(request: HttpRequest, runs: Iterable[Run], action: RunAction) -> int:
    """Applies `action` to each run. Returns the number of runs that did not refuse it."""
    applied = 0
    for run in runs:
        try:
            action(request, run)
        except Refused:
            continue
        applied += 1
    return applied


def signed_in_user(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the admin requires a signed-in user"
    return request.user


def log_change(
    request: HttpRequest, row: Model, text: str, deed: Deed | None = Deed.ADMIN_CHANGED
) -> None:
    """Adds `text` to the admin's history of `row`, and `deed` to the audit log."""
    log_changes(request, [row], text, deed)


def log_changes(
    request: HttpRequest,
    rows: Iterable[Model],
    text: str,
    deed: Deed | None = Deed.ADMIN_CHANGED,
) -> None:
    """As `log_change`. `deed`: None if what was called has written it."""
    user, changed = signed_in_user(request), list(rows)
    with transaction.atomic():
        LogEntry.objects.log_actions(user.pk, changed, CHANGE, change_message=text)
        if deed and changed:
            record(deed, *changed, by=user, done=text.rstrip("."))
