"""Sends a message to a project; responds with the answer, or with a stream of events."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponseBase
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from agent.board import projects
from agent.event_log import events, positions
from agent.models import ApprovalMode, ChatSession, Message, Project, Run
from agent.models.projects import Role
from agent.runs import ending
from agent.runs.runs import MessageRequest
from agent.support import database
from chat import access
from chat.api import errors, run_filter, sse
from chat.api.authentication import user_of
from chat.api.idempotency import check_key, client_id_of
from chat.api.run_serializers import PlanSerializer
from chat.api.schema import operation, stream_of
from chat.api.sessions import start_in
from chat.api.views import ApiView, let_go, location
from chat.connection_identity import ConnectionIdentity

logger = logging.getLogger(__name__)


class ChatInput(serializers.Serializer[None]):
    message = serializers.CharField(trim_whitespace=False, allow_blank=True)
    session = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Default: the project's latest session, or a new one.",
    )
    client_id = serializers.UUIDField(required=False, allow_null=True)
    approval = serializers.ChoiceField(ApprovalMode.choices, default=ApprovalMode.AUTO)
    task = serializers.UUIDField(required=False, allow_null=True)


class ChatAnswer(serializers.Serializer[Any]):
    run = serializers.UUIDField()
    session = serializers.UUIDField()
    status = serializers.ChoiceField(Run.Status.choices)
    response = serializers.CharField(allow_null=True)
    usage = serializers.DictField(child=serializers.IntegerField())
    duration_ms = serializers.IntegerField(allow_null=True)
    plan = PlanSerializer(allow_null=True)
    changes = serializers.ListField(child=serializers.DictField())


class FailedRun(serializers.Serializer[None]):
    error = serializers.CharField()
    code = serializers.CharField()
    retryable = serializers.BooleanField()
    run = serializers.UUIDField()


class ChatView(ApiView):
    """Accepts a message for a project."""

    def accept(self, project_id: UUID) -> tuple[ChatSession, Run]:
        request = self.request
        user = user_of(request)
        project = access.get_project(user, project_id, Role.EDITOR)
        fields = self.read(ChatInput)
        check_key(request)
        sse.require_place(request)
        client_id = fields.get("client_id") or client_id_of(request)
        message_request = MessageRequest(
            fields["message"], client_id, fields["approval"], fields.get("task")
        )
        known = _session(project, fields.get("session"), client_id)
        session = known or projects.open_session(project, user)
        return session, start_in(session, user, message_request, is_new=known is None)


def _session(project: Project, named: UUID | None, client_id: UUID | None) -> ChatSession | None:
    if named is not None:
        session = project.sessions.filter(pk=named).first()
        if session is None:
            raise Http404("Session not found.")
        return session
    if client_id is not None:  # sent again: the session that accepted it first
        known = Message.objects.filter(session__project=project, client_id=client_id).first()
        if known is not None:
            return known.session
    return project.sessions.order_by("-updated_at").first()


# -- response --------------------------------------------------------------------------------------


class Waiting(Response):
    """The response before the run is over. Waiting for it takes no thread."""

    def __init__(self, identity: ConnectionIdentity, run: Run, after: int) -> None:
        super().__init__()
        self.identity, self.run, self.after = identity, run, after

    async def wait(self) -> None:
        """Waits until the run is over or waits for approval; then fills the response."""
        follow = run_filter.of_run(self.identity, self.run, self.after, "request")
        async with aclosing(follow) as frames:
            async for frame in frames:
                if frame.blocked:
                    break
        self.status_code, self.data = await database.call(_answer, self.run.pk)
        if self.status_code == 202:
            self["Location"] = location("runs", self.run.pk)

    def replace(self, other: Response) -> None:
        """Takes over the content of `other`."""
        self.status_code, self.data = other.status_code, other.data
        for name, value in other.items():
            self[name] = value


class Chat(ChatView):
    @operation(
        {200: ChatAnswer, 202: ChatAnswer, 502: FailedRun},
        body=ChatInput,
        once=True,
    )
    def post(self, request: Request, project_id: UUID) -> HttpResponseBase:
        """Sends a message and waits for the answer.

        202 with the `Location` of the run: when it waits for approval, or at once with
        `Prefer: respond-async`. 502: the run failed.
        """
        session, run = self.accept(project_id)
        if "respond-async" in request.headers.get("Prefer", ""):
            _, shown = _answer(run.pk)
            headers = {
                "Location": location("runs", run.pk),
                "Preference-Applied": "respond-async",
            }
            return Response(shown, 202, headers=headers)
        if session.runs.filter(status=Run.Status.WAITING, number__lte=run.number).exists():
            status, shown = _answer(run.pk)
            return Response(shown, status, headers={"Location": location("runs", run.pk)})
        if run.is_pruned:  # it is over, and nothing tells of it any more
            status, shown = _answer(run.pk)
            return Response(shown, status)
        identity = sse.identity_of(request, session)
        return let_go(Waiting(identity, run, positions.start_of(run)), keeps_thread=True)

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Waits on the event loop, and holds no slot meanwhile."""
        accept = super().as_view(**initkwargs)

        async def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            response: HttpResponseBase = await sync_to_async(accept)(request, *args, **kwargs)
            if isinstance(response, Waiting):
                try:
                    await response.wait()
                except database.CONNECTION_ERRORS:
                    logger.exception("Could not wait for a run: the database is unavailable")
                    response.replace(errors.unavailable("The run continues; ask for it again."))
                except asyncio.CancelledError:
                    # The client has left. If this was raised, the middleware's threads, which nobody
                    # awaits any more, would log a traceback.
                    response.replace(errors.unavailable("The run continues; ask for it again."))
            return response

        return functools.update_wrapper(view, accept)


def _answer(run_id: UUID) -> tuple[int, dict[str, Any]]:
    """Returns the status and the body for the run's current state."""
    run = Run.objects.select_related("answer").get(pk=run_id)
    if run.status == Run.Status.FAILED:
        failure = {"error": run.error, "code": run.error_code, "retryable": run.retryable}
        return 502, {**failure, "run": str(run.pk)}
    plan = run.plans.order_by("-revision").first()
    shown = {
        "run": run.pk,
        "session": run.session_id,
        "status": run.status,
        "response": run.answer.content if run.answer else None,
        "usage": run.usage,
        "duration_ms": ending.duration_ms(run) if run.started_at and run.finished_at else None,
        "plan": plan,
        "changes": _changes(run),
    }
    return 202 if run.status in Run.UNFINISHED else 200, ChatAnswer(shown).data


def _changes(run: Run) -> list[Any]:
    return [change.told() for change in ending.events_of(run, events.Change)]


# -- stream ----------------------------------------------------------------------------------------


class ChatStream(ChatView):
    renderer_classes = [JSONRenderer, sse.EventStreamRenderer]

    @operation(
        {(200, "text/event-stream"): stream_of("The run's events, from its `message` on.")},
        body=ChatInput,
        once=True,
    )
    def post(self, request: Request, project_id: UUID) -> HttpResponseBase:
        """Sends a message and streams the events of its run.

        The same `client_id` again continues its run's stream after `Last-Event-ID`. Closing the
        stream does not cancel the run.
        """
        cursor = sse.cursor_of(request)
        session, run = self.accept(project_id)
        sse.require_events(run)
        after = max(positions.start_of(run), min(cursor, session.last_seq))
        identity = sse.identity_of(request, session)
        return sse.stream(request, _blocks(identity, run, after))


async def _blocks(identity: ConnectionIdentity, run: Run, after: int) -> AsyncGenerator[str, None]:
    if await database.call(_is_over, run.pk, after):
        return
    async with aclosing(run_filter.of_run(identity, run, after, sse.TRANSPORT)) as items:
        async for item in items:
            if item.event is not None or item.frame.seq is None:
                yield sse.block(item.frame.body, item.frame.seq)


def _is_over(run: UUID, after: int) -> bool:
    """Tells whether the run is over and has no events after this position."""
    row = Run.objects.get(pk=run)
    return row.status not in Run.UNFINISHED and positions.end_of(row) <= after
