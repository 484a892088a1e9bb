"""The replay of a session, or of one run of it: the page that plays the event log of the past.

The page reads the log by the API, and slices of the history of the board from `chat.past_board`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from agent.event_log import positions
from agent.event_log.times import stamp
from agent.models import ChatSession, Event, Run
from chat import access, page_context, past_board
from chat.board_history import Span
from chat.page_context import user_of
from chat.past_board import time_of
from chat.static_files import modules
from chat.transcript import Transcript


@login_required
@require_GET
def page(request: HttpRequest, session_id: UUID) -> HttpResponse:
    user = user_of(request)
    session = access.get_session(user, session_id)
    run = _run(request, session)
    span = _span(session, run)
    board = reverse("replay-board", args=[session.pk]) + (f"?run={run.pk}&" if run else "?")
    data = {
        "session": str(session.pk),
        "user": user.get_username(),
        "project": session.project.name,
        "run_pages": reverse("run", args=[UUID(int=0)])[: -len(f"{UUID(int=0)}/")],
        "events": f"{settings.SITE_PATH}/api/sessions/{session.pk}/events/",
        **page_context.of_transcript(Transcript()),
    }
    context: dict[str, Any] = {
        "session": session,
        "project": session.project,
        "run": run,
        "span": span,
        "began": _stamp(span.began) if span else "",
        "ended": _stamp(span.ended) if span else "",
        "past": True,
        "pruned": run is not None and run.is_pruned,
        "page": data | {"past": _as_json(span) | {"board": board}} if span else data,
        "modules": modules("chat/replay.js"),
        **page_context.sidebar(user, session.project),
    }
    return render(request, "chat/replay.html", context)


@login_required
@require_GET
def of_run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Leads to the replay of a run, for a link that knows the run alone."""
    run = access.get_run(user_of(request), run_id)
    return redirect(f"{reverse('replay', args=[run.session_id])}?run={run.pk}")


@require_GET
def board(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Returns how the board of the project was around the event `at` of the session, or of its `run`."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)  # a script follows no redirect
    session = access.get_session(user_of(request), session_id)
    span = _span(session, _run(request, session))
    if span is None:
        raise Http404("Nothing has happened.")
    try:
        at = int(request.GET.get("at", span.first))
    except ValueError:
        raise Http404("Event not found.") from None
    return JsonResponse(past_board.load(session, span, at))


def _run(request: HttpRequest, session: ChatSession) -> Run | None:
    """Returns the run that the query names. Raises `Http404` if it is none of the session."""
    name = request.GET.get("run")
    if name is None:
        return None
    try:
        run = session.runs.filter(pk=UUID(name)).first()
    except ValueError:
        run = None
    if run is None:
        raise Http404("Run not found.")
    return run


def _span(session: ChatSession, run: Run | None) -> Span | None:
    """Returns the part of the log to replay; None if nothing has happened."""
    ends = positions.span_of(run) if run else (session.first_seq, session.last_seq)
    if ends is None or ends[0] < session.first_seq or ends[0] > ends[1]:
        return None
    found = Event.objects.filter(session=session, seq__in=ends).order_by("seq")
    times = [time_of(event) for event in found]
    return Span(*ends, times[0], times[-1]) if times else None


def _stamp(ms: int) -> str:
    return stamp(datetime.fromtimestamp(ms / 1000, UTC))


def _as_json(span: Span) -> dict[str, int]:
    return {"first": span.first, "last": span.last, "began": span.began}
