"""The page of one run, and the page of two runs beside each other."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from agent.event_log import effect_texts
from agent.models import Approval, Run
from agent.runs import waiting as waiting_runs
from agent.support.words import isolated
from chat import access, feedback
from chat.page_context import sends_form, user_of
from chat.run_page import (
    calls,
    candidates,
    changes,
    compare,
    estimates,
    recalled,
    rows,
    state,
    timeline,
)
from chat.run_page.rows import Rows

NO_SUCH_RUN = "There is no such run, or you don't have access to it."


@login_required
@require_GET
def run_page(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Shows why a run went as it did. A script asks with `X-Part` for what changes while it works."""
    user = user_of(request)
    run = access.get_run(user, run_id)
    if "X-Part" in request.headers:
        found = rows.load(run)
        return render(request, "chat/_run_now.html", _now(found, None))
    page = request.GET.get("calls", "1")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 4 else 1
    return render(request, "chat/run.html", _context(user, run, number))


def _context(user: User, run: Run, page: int) -> dict[str, Any]:
    may_read = calls.may_read(user, run)
    found = rows.load(run)
    related = _related(found)
    following = related.get(run.number + 1)
    if following is not None and following.retry_of_id is not None:
        following = None  # it answers no question
    made = changes.of_run(run)
    compared = estimates.of_run(found)
    return {
        **_now(found, following),
        "session": run.session,
        "line": state.line(run),
        "notes": state.notes(
            found, made, [one for one in related.values() if one.retry_of_id == run.pk]
        ),
        "estimates": compared if estimates.is_any(compared) else [],
        "held": recalled.of_run(found, user, related),
        "changes": made,
        "planned": _planned(found),
        "shown": calls.of_run(found, page) if may_read else None,
        "calls_note": calls.note(found, may_read=may_read),
        "days": settings.SAMURAI_KEEP_PROMPTS_DAYS,
        "has_capsule": may_read and settings.SAMURAI_CAPSULES and _is_told(found),
        "is_pruned": found.run.is_pruned,
        "waiting": waiting_runs.counts([user.pk])[user.pk],
        "progress_opinion": feedback.opinion_on_progress(run, user),
    }


def _is_told(found: Rows) -> bool:
    """Tells whether the run is over, and its events are all there."""
    return found.run.status not in Run.UNFINISHED and not found.run.is_pruned


def _now(found: Rows, following: Run | None) -> dict[str, Any]:
    """Returns what changes while the run works. `following`: the next run of its session."""
    return {
        "run": found.run,
        "progress": state.progress(found),
        "timeline": timeline.of_run(found, following.created_at if following else None),
    }


def _related(found: Rows) -> dict[int, Run]:
    """Returns the runs of the session that the page names, by number: one query."""
    numbers = recalled.numbers_of_messages(found) | {found.run.number + 1}
    named = found.run.session.runs.filter(Q(number__in=numbers) | Q(retry_of=found.run))
    return {run.number: run for run in named}


def _planned(found: Rows) -> list[str]:
    """Returns what the plan would change that waits, or was not carried out after a dry run."""
    last = found.approvals[-1] if found.approvals else None
    if last is None or last.status == Approval.Status.APPROVED:
        return []
    return [one["text"] for one in effect_texts.effects(last.effects)]


@login_required
@require_GET
def choose(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Shows the runs that a run can be compared with; a link to another one is in the query's `with`."""
    user = user_of(request)
    run = access.get_run(user, run_id)
    link, problem = request.GET.get("with", ""), ""
    if link:
        try:
            other = candidates.linked(user, link)
            return redirect("compare-runs", run.pk, other.pk)
        except Http404:
            problem = NO_SUCH_RUN
    context = {
        "run": run,
        "session": run.session,
        "of_message": candidates.of_message(run),
        "of_session": candidates.of_session(run),
        "link": link[: candidates.MAX_LINK],
        "problem": problem,
        "waiting": waiting_runs.counts([user.pk])[user.pk],
    }
    return render(request, "chat/compare_choose.html", context, status=404 if problem else 200)


@login_required
@require_GET
def compare_runs(request: HttpRequest, run_id: UUID, other_id: UUID) -> HttpResponse:
    user = user_of(request)
    pair = [access.get_run(user, key) for key in (run_id, other_id)]
    left, right = (rows.load(run, calls=False) for run in pair)
    context = {
        "left": left.run,
        "right": right.run,
        "left_name": _name(left.run, right.run),
        "right_name": _name(right.run, left.run),
        "left_line": state.line(left.run),
        "right_line": state.line(right.run),
        "comparison": compare.of_runs(left, right),
        "is_pruned": left.run.is_pruned or right.run.is_pruned,
        "waiting": waiting_runs.counts([user.pk])[user.pk],
    }
    return render(request, "chat/compare.html", context)


@sends_form
@require_POST
def rate_progress(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Says whether the display of a run's progress was helpful (`value`: 1 or -1)."""
    run = access.get_run(user_of(request), run_id)
    if request.POST.get("value") not in ("1", "-1"):
        raise BadRequest("value must be 1 or -1.")
    feedback.rate(run, user_of(request), "progress", value=int(request.POST["value"]))
    return redirect(f"{reverse('run', args=[run_id])}#progress-opinion")


def _name(run: Run, other: Run) -> str:
    """Returns "run 3", with its session if the other run is of another one."""
    of = "" if run.session_id == other.session_id else f" of “{isolated(str(run.session))}”"
    return f"run {run.number}{of}"
