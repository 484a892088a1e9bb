"""The pages. Objects come from `chat.access`, and a session's transcript from its event log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agent.accounts.access import includes, role_in
from agent.board import projects
from agent.edits.undo import change_seqs
from agent.edits.undo import undo as undo_changes
from agent.event_log.texts import STATUSES
from agent.exceptions import QuotaReached, Refused
from agent.llm.factory import has_server
from agent.models import ChatSession, Project, Task
from agent.models.projects import Role
from agent.runs import rerun
from agent.tools import switches
from chat import (
    access,
    feedback,
    labels,
    measurements,
    model_page,
    page_context,
    panels,
    project_tools,
    transcript_pages,
    waiting,
    waiting_feed,
)
from chat.forms import ProjectForm
from chat.frames import MAX_REASON
from chat.page_context import is_owner, sends_form, user_of
from chat.slash_commands import COMMANDS
from chat.static_files import modules
from chat.transcript import Transcript

MAX_LISTED = 50  # projects, invitations

EXAMPLES = (
    "I need: 1. patient sign-up with email verification 2. doctors publish free slots "
    "3. patients book and cancel a slot. Booking depends on slots.",
    "Remember that we decided to use Django with PostgreSQL.",
    "What is open?",
)


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    own = access.own_projects(user)
    latest = access.sessions(user).filter(project__in=own).order_by("-updated_at").first()
    if latest is not None:
        return redirect("session", latest.pk)
    newest = own.order_by("-created_at").first()
    if newest is not None:
        return redirect("project", newest.pk)
    context = {
        "form": ProjectForm(),
        "others": access.projects(user).order_by("-created_at")[:MAX_LISTED],
        "invitations": access.invitations(user)[:MAX_LISTED],
        **page_context.sidebar(user, None),
    }
    return render(request, "chat/home.html", context)


@sends_form
@require_POST
def new_project(request: HttpRequest) -> HttpResponse:
    user, form = user_of(request), ProjectForm(request.POST)
    if form.is_valid():
        try:
            project = projects.create_project(owner=user, **form.cleaned_data)
        except QuotaReached as reached:
            form.add_error(None, str(reached))
        else:
            return _open_session(project, user)
    context = {"form": form, **page_context.sidebar(user, None)}
    return render(request, "chat/home.html", context, status=400)


@login_required
@require_GET
def tools_page(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Lists the tools with what they may do; the owner can switch each on and off."""
    user = user_of(request)
    project = access.get_project(user, project_id)
    context = {
        "project": project,
        "tools": project_tools.rows(project),
        "can_write": page_context.can_write(user, project),
        "may_switch": includes(role_in(user, project), Role.OWNER),
        **page_context.sidebar(user, project),
    }
    return render(request, "chat/tools.html", context)


@sends_form
@require_POST
def switch_tool(request: HttpRequest, project_id: UUID, name: str) -> HttpResponse:
    """Switches a tool on (`on` is 1) or off."""
    tool = access.get_tool(user_of(request), project_id, name, Role.OWNER)
    switches.switch(project_id, tool.name, on=request.POST.get("on") == "1", by=user_of(request))
    return redirect(reverse("tools", args=[project_id]) + f"#{tool.name}")


@login_required
@require_http_methods(["GET", "POST"])
def new_session(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Opens an empty session. A GET comes from the sign-in, if the person was signed out meanwhile."""
    user = user_of(request)
    return _open_session(access.get_project(user, project_id, Role.EDITOR), user)


def _open_session(project: Project, user: User) -> HttpResponse:
    """Opens the user's empty session of the project again, if there is one."""
    empty = project.sessions.filter(last_seq=0, created_by=user).first()
    opened = empty or projects.open_session(project, user)
    return redirect("session", opened.pk)


@login_required
@require_GET
def session_page(request: HttpRequest, session_id: UUID) -> HttpResponse:
    user = user_of(request)
    session = access.get_session(user, session_id)
    # Before the panels: a change between the two reads also arrives as an event.
    transcript = transcript_pages.newest(session.pk)
    feedback.add(transcript, user)
    can_write = page_context.can_write(user, session.project)
    context = {
        "session": session,
        "project": session.project,
        "transcript": transcript,
        "whole": "whole" in request.GET,
        "panels": panels.load(session.project, transcript.fresh),
        "can_write": can_write,
        "is_owner": is_owner(user, session.project),
        "examples": EXAMPLES,
        "commands": COMMANDS,
        "model": settings.SAMURAI_MODEL,
        "model_host": model_page.host() if has_server() else "",
        "page": _page(session, transcript, user),
        "modules": modules("chat/session.js"),
        "statuses": STATUSES,
        "priorities": Task.Priority.values,
        "kinds": labels.KINDS,
        **page_context.sidebar(user, session.project),
    }
    return render(request, "chat/session.html", context)


def _page(session: ChatSession, transcript: Transcript, user: User) -> dict[str, Any]:
    """Returns the values that the page's script starts with."""
    return {
        "session": str(session.pk),
        "user": user.get_username(),
        "project": session.project.name,
        "socket": f"{settings.SITE_PATH}/ws/sessions/{session.pk}/",
        "project_id": str(session.project_id),
        "entries": reverse("entries", args=[session.pk]),
        "where": reverse("where", args=[session.pk, "x"])[: -len("x/")],
        "run_pages": reverse("run", args=[UUID(int=0)])[: -len(f"{UUID(int=0)}/")],
        "events": f"{settings.SITE_PATH}/api/sessions/{session.pk}/events/",
        "board": reverse("board", args=[session.project_id]),
        "measures": measurements.is_wanted(),
        **page_context.of_transcript(transcript),
    }


@login_required
@require_GET
def entries(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Renders entries of the gap from `start` to `end`, which the page does not show yet."""
    user = user_of(request)
    session = access.get_session(user, session_id)
    transcript = transcript_pages.part(session.pk, *page_context.part_of(request))
    feedback.add(transcript, user)
    is_script = "X-Part" in request.headers
    context = {
        "session": session,
        "project": session.project,
        "transcript": transcript,
        "whole": not is_script,
        "can_write": page_context.can_write(user, session.project),
    }
    return render(request, "chat/_entries.html" if is_script else "chat/entries.html", context)


@login_required
@require_GET
def where(request: HttpRequest, session_id: UUID, name: str) -> HttpResponse:
    """Returns the position in the event log of a link's target: `message-…`, `run-…`, `event-…`.

    `time-…`, with an ISO 8601 time, means the first run since then, or the last one.
    """
    session = access.get_session(user_of(request), session_id)
    place = transcript_pages.where_named(session.pk, name)
    if place is None:
        raise Http404("Not found in this session.")
    return JsonResponse({"seq": place[0], "run": str(place[1]) if place[1] else None})


@login_required
@require_GET
def board(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Renders the panels, with `?all=1` the whole board: for an open page whose board was changed by
    another session, or which showed a part of it.
    """
    project = access.get_project(user_of(request), project_id)
    whole = request.GET.get("all") == "1"
    return render(request, "chat/_panels.html", {"panels": panels.load(project, whole=whole)})


@login_required
@require_GET
def waiting_page(request: HttpRequest) -> HttpResponse:
    return _show_waiting(request, user_of(request))


def _show_waiting(
    request: HttpRequest, user: User, refusal: waiting.Refusal | None = None
) -> HttpResponse:
    items = waiting.items(user)
    if refusal:
        items = refusal.put(items)
    context = {
        "items": items,
        "invitations": access.invitations(user)[:MAX_LISTED],
        "gone": None if any(item.refused for item in items) else refusal,
        "reason_limit": MAX_REASON,
        **page_context.sidebar(user, None),
    }
    return render(request, "chat/waiting.html", context, status=409 if refusal else 200)


@require_GET
async def waiting_count(request: HttpRequest) -> HttpResponseBase:
    """Returns how many runs wait for the user, and the sidebar unless it has the given `version`: for pages
    of a `project`, or of none, that follow no session.
    """
    user = await request.auser()
    if not user.is_authenticated or user.pk is None:
        return redirect_to_login(reverse("waiting"))
    project = request.GET.get("project", "")
    try:
        key = UUID(project)
    except ValueError:
        key = None
    sidebar = await waiting_feed.here().of_page(user.pk, key)
    frame = "null" if request.GET.get("version") == sidebar.version else sidebar.frame(None)
    body = f'{{"count":{sidebar.count},"user":{user.pk},"sidebar":{frame}}}'
    return HttpResponse(body, content_type="application/json")


@require_POST
async def decide(request: HttpRequest, run_id: UUID) -> HttpResponseBase:
    """Decides on a run that waits, and shows what else does."""
    user = await request.auser()
    if not user.is_authenticated:
        return redirect_to_login(reverse("waiting"))
    revision = request.POST.get("revision", "")
    choice = request.POST.get("choice", "")
    decision = waiting.Decision(
        "answer" if choice else request.POST.get("decision", ""),
        int(revision) if revision.isascii() and revision.isdigit() and len(revision) < 10 else 0,
        choice or request.POST.get("text", ""),
    )
    try:
        await waiting.decide(user, run_id, decision)
    except Refused as refused:
        refusal = waiting.Refusal(run_id, str(refused), request.POST.get("text", ""))
        return await sync_to_async(_show_waiting)(request, user, refusal)
    return redirect("waiting")


# -- actions ---------------------------------------------------------------------------------------

Action = Callable[[ChatSession, User], Awaitable[object]]


@require_POST
async def undo(request: HttpRequest, session_id: UUID) -> HttpResponseBase:
    """Undoes one change (`seq`) or all changes of a run (`run`)."""

    async def action(session: ChatSession, user: User) -> None:
        await undo_changes(session.pk, user, await sync_to_async(_seqs)(request, session))

    return await _do(request, session_id, action, "Nothing was undone")


@require_POST
async def retry(request: HttpRequest, session_id: UUID) -> HttpResponseBase:
    """Retries a failed run (`run`) from where it failed, as a new run."""

    async def action(session: ChatSession, user: User) -> None:
        await rerun.retry(session.pk, _run_named(request), user)

    return await _do(request, session_id, action, "Nothing was started")


@require_POST
async def regenerate(request: HttpRequest, session_id: UUID) -> HttpResponseBase:
    """Answers the message of a finished run (`run`) again, as a new run."""

    async def action(session: ChatSession, user: User) -> None:
        await rerun.regenerate(session.pk, _run_named(request), user)

    return await _do(request, session_id, action, "Nothing was started")


def _seqs(request: HttpRequest, session: ChatSession) -> list[int]:
    seq = request.POST.get("seq", "")
    if seq.isascii() and seq.isdigit() and len(seq) < 19:
        return [int(seq)]
    return change_seqs(session.pk, _run_named(request))


def _run_named(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("run", ""))
    except ValueError:
        raise BadRequest("Give a run or the seq of a change.") from None


async def _do(
    request: HttpRequest, session_id: UUID, action: Action, failed: str
) -> HttpResponseBase:
    """Responds to a script in JSON and to a form with a page. `failed` is the title of a refusal."""
    user = await request.auser()
    if not user.is_authenticated:
        return _answer(request, session_id, 401, "You are signed out.", failed)
    session = await sync_to_async(access.get_session)(user, session_id, Role.EDITOR)
    try:
        await action(session, user)
    except Refused as refused:
        return _answer(request, session_id, 409, str(refused), failed)
    return _answer(request, session_id, 200, "", "")


def _answer(
    request: HttpRequest, session_id: UUID, status: int, detail: str, title: str
) -> HttpResponse:
    if "text/html" in request.headers.get("Accept", ""):
        if status == 200:
            return redirect("session", session_id)
        back = {"link": reverse("session", args=[session_id]), "label": "Back to the session"}
        context = {"title": title, "text": detail, **back}
        return HttpResponse(render_to_string("chat/error.html", context), status=status)
    return JsonResponse({"detail": detail} if detail else {"ok": True}, status=status)
