"""The AG-UI endpoint: maps threads and runs to sessions and runs, and streams AG-UI's events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from django.db import transaction
from django.http import Http404, HttpResponseBase
from pydantic import ValidationError as Invalid
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from agent.accounts.access import only_project
from agent.board import projects
from agent.event_log import positions
from agent.exceptions import Refused
from agent.models import Approval, ApprovalMode, ChatSession, Project, Run
from agent.models.projects import Role
from agent.runs import approvals, ending, runs
from agent.runs.runs import MessageRequest
from agent.support import database
from agent.support.words import is_text
from chat import access
from chat.api import run_filter, sse
from chat.api.authentication import user_of
from chat.api.events import Cursor
from chat.api.runs import Objections
from chat.api.schema import operation, stream_of
from chat.api.sessions import start_in
from chat.api.views import ApiView, on_loop
from chat.connection_identity import ConnectionIdentity
from chat.models import Alias

if TYPE_CHECKING:
    # Otherwise imported with the first request: the package's models take 3 MB, and few clients need them.
    from ag_ui.core import RunAgentInput

    from chat.api.ag_ui_events import Translation

MAX_NAME = 255  # characters of a threadId or runId
NAMES = UUID("0d6b1c0e-3f0e-4a4e-9a3b-8f6f4a0a7c55")


# The parts of AG-UI's `RunAgentInput` that are used here. The package validates all of it.
NAME = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
OBJECTS = {"type": "array", "items": {"type": "object"}}
AGENT_INPUT = {
    "type": "object",
    "required": ["threadId", "runId", "messages"],
    "properties": {
        "threadId": {**NAME, "description": "Your name for a session; a new name creates one."},
        "runId": {**NAME, "description": "Your name for a run; a known name continues its stream."},
        "messages": OBJECTS,
        "resume": OBJECTS,
        "forwardedProps": {
            "type": "object",
            "description": "`project`, for a new thread; `approval`; `task`.",
        },
    },
}


class ForwardedProps(serializers.Serializer[None]):
    """The supported values of `forwardedProps`."""

    project = serializers.UUIDField(required=False)
    approval = serializers.ChoiceField(ApprovalMode.choices, default=ApprovalMode.AUTO)
    task = serializers.UUIDField(required=False, allow_null=True)


class OtherThread(APIException):
    """The runId belongs to another thread."""

    status_code = 409
    default_detail = "This runId belongs to another thread."
    default_code = "conflict"


class AgUi(ApiView):
    renderer_classes = [JSONRenderer, sse.EventStreamRenderer]

    @operation(
        {(200, "text/event-stream"): stream_of("The run's AG-UI events.")},
        body={"application/json": AGENT_INPUT},
        conflicts=True,
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Runs the agent by the AG-UI protocol.

        Only the last user message of `messages` is used. A known `runId` continues its run's stream;
        `resume` answers an interrupt. Closing the stream does not cancel the run.
        """
        asked = _parsed(request.data)
        sse.require_place(request)
        alias = self._known(asked) or self._new(asked)
        return self._stream(alias, alias.after)

    def _known(self, asked: RunAgentInput) -> Alias | None:
        alias: Alias | None = (
            _aliases(self.request, Alias.Kind.RUN).filter(name=asked.run_id).first()
        )
        if alias is None:
            return None
        access.get_session(user_of(self.request), alias.session_id)
        thread = _aliases(self.request, Alias.Kind.THREAD).filter(session=alias.session_id)
        if not thread.filter(name=asked.thread_id).exists():
            raise OtherThread
        return alias

    def _new(self, asked: RunAgentInput) -> Alias:
        return self._resumed(asked) if asked.resume else self._started(asked)

    # -- a new run ---------------------------------------------------------------------------------

    def _started(self, asked: RunAgentInput) -> Alias:
        user = user_of(self.request)
        content = runs.checked_content(_last_user_message(asked))
        props = asked.forwarded_props if isinstance(asked.forwarded_props, dict) else {}
        known = {name: props[name] for name in ForwardedProps().fields if name in props}
        options = ForwardedProps(data=known)
        options.is_valid(raise_exception=True)
        wanted = options.validated_data
        session, is_new = self._thread(asked.thread_id, wanted.get("project"))
        # Derived from the names: concurrent requests start one run.
        client_id = uuid5(NAMES, f"{user.pk}:{asked.thread_id}:{asked.run_id}")
        message_request = MessageRequest(content, client_id, wanted["approval"], wanted.get("task"))
        run = start_in(session, user, message_request, is_new=is_new)
        return self._name(asked.run_id, session, run, positions.start_of(run))

    def _thread(self, name: str, project: UUID | None) -> tuple[ChatSession, bool]:
        """Returns the session of a thread, and whether it was created now."""
        user = user_of(self.request)
        threads = _aliases(self.request, Alias.Kind.THREAD).filter(name=name)
        if (known := threads.first()) is not None:
            return access.get_session(user, known.session_id, Role.EDITOR), False
        in_project = self._project(project)
        with transaction.atomic():
            session = projects.open_session(in_project, user)
            alias, is_new = Alias.objects.get_or_create(
                user=user,
                kind=Alias.Kind.THREAD,
                name=name,
                only_project=only_project(user),
                defaults={"session": session},
            )
            if not is_new:  # a concurrent request was faster
                session.delete()
        return access.get_session(user, alias.session_id, Role.EDITOR), is_new

    def _project(self, named: UUID | None) -> Project:
        user = user_of(self.request)
        if named is not None:
            return access.get_project(user, named, Role.EDITOR)
        if (latest := access.own_projects(user).order_by("-created_at").first()) is not None:
            return latest
        raise ValidationError({"forwardedProps": ["Give a project: none is your own."]})

    def _name(self, name: str, session: ChatSession, run: Run, after: int) -> Alias:
        alias, _ = Alias.objects.select_related("run").get_or_create(
            user=(user := user_of(self.request)),
            kind=Alias.Kind.RUN,
            name=name,
            only_project=only_project(user),
            defaults={"session": session, "run": run, "after": after},
        )
        return alias

    # -- resuming ---------------------------------------------------------------------------------

    def _resumed(self, asked: RunAgentInput) -> Alias:
        """Answers the interrupt. The rest of the run is another AG-UI run."""
        assert asked.resume, "asked for"
        if len(asked.resume) != 1:
            raise ValidationError({"resume": ["Only one interrupt is open at a time."]})
        (entry,) = asked.resume
        approval, revision = self._approval(asked.thread_id, entry.interrupt_id)
        session = ChatSession.objects.get(pk=approval.run.session_id)
        alias = self._name(asked.run_id, session, approval.run, session.last_seq)
        try:
            self._answer(approval.run, revision, entry)
        except (Refused, ValidationError):
            alias.delete()
            raise
        return alias

    def _approval(self, thread: str, interrupt: str) -> tuple[Approval, int]:
        name, _, revision = interrupt.rpartition(":")
        try:
            approval_id, number = UUID(name), int(revision[:10])
        except ValueError:
            raise Http404("Interrupt not found.") from None
        threads = _aliases(self.request, Alias.Kind.THREAD).filter(name=thread)
        approval = (
            Approval.objects.filter(pk=approval_id, run__session__in=threads.values("session"))
            .select_related("run")
            .first()
        )
        if approval is None:
            raise Http404("Interrupt not found.")
        access.get_run(user_of(self.request), approval.run_id, Role.EDITOR)
        return approval, number

    def _answer(self, run: Run, revision: int, entry: Any) -> None:
        user, payload = user_of(self.request), entry.payload
        if entry.status == "cancelled":
            on_loop(ending.cancel, run.session_id, run.pk, user)
            return
        if not isinstance(payload, dict) or not isinstance(payload.get("approved"), bool):
            raise ValidationError({"resume": ["The payload needs a boolean `approved`."]})
        ids = (run.session_id, run.pk)
        if not payload["approved"]:
            given = {name: payload[name] for name in Objections().fields if payload.get(name)}
            objections = Objections(data=given)
            if not objections.is_valid():
                raise ValidationError({"resume": objections.errors})
            on_loop(approvals.reject, *ids, revision, user, **objections.validated_data)
            return
        if isinstance(payload.get("steps"), list):
            on_loop(approvals.approve_edited, *ids, revision, user, payload["steps"])
        else:
            on_loop(approvals.approve, *ids, revision, user)

    # -- the stream --------------------------------------------------------------------------------

    def _stream(self, alias: Alias, after: int) -> HttpResponseBase:
        from chat.api.ag_ui_events import Translation

        session = access.get_session(user_of(self.request), alias.session_id)
        assert alias.run is not None, "of a run"
        sse.require_events(alias.run)
        identity = sse.identity_of(self.request, session)
        threads = _aliases(self.request, Alias.Kind.THREAD).filter(session=session)
        thread = threads.values_list("name", flat=True)[0]
        translation = Translation(thread, alias.name, alias.after)
        blocks = _blocks(identity, alias.run, translation, after)
        return sse.stream(self.request, blocks)


class AgUiEvents(AgUi):
    http_method_names = ["get", "options"]

    @operation(
        {(200, "text/event-stream"): stream_of("The rest of the run's AG-UI events.")},
        query=Cursor,
    )
    def get(self, request: Request, name: str) -> HttpResponseBase:
        """Continues the stream of a run, named by your `runId`, after the last `id` that you received."""
        alias = _aliases(request, Alias.Kind.RUN).filter(name=_text(name)).first()
        if alias is None:
            raise Http404("Run not found.")
        after = sse.cursor_of(request)
        sse.require_place(request)
        return self._stream(alias, after)


def _aliases(request: Request, kind: str) -> Any:
    user = user_of(request)
    rows = Alias.objects.filter(user=user, kind=kind, only_project=only_project(user))
    return rows.select_related("run")


def _parsed(data: Any) -> RunAgentInput:
    from ag_ui.core import RunAgentInput

    try:
        asked = RunAgentInput.model_validate(data)
    except Invalid as error:
        raise ValidationError(
            {".".join(map(str, item["loc"])) or "body": [item["msg"]] for item in error.errors()}
        ) from None
    for name in (asked.thread_id, asked.run_id):
        if not 1 <= len(name) <= MAX_NAME:
            raise ValidationError({"runId": [f"1 to {MAX_NAME} characters."]})
    return asked


def _text(name: str) -> str:
    if not is_text(name):
        raise Http404("Run not found.")
    return name


def _last_user_message(asked: RunAgentInput) -> str:
    from ag_ui.core import TextPart, UserMessage

    messages = [message for message in asked.messages if isinstance(message, UserMessage)]
    if not messages:
        raise ValidationError({"messages": ["A user message is needed."]})
    content = messages[-1].content
    if isinstance(content, str):
        return content
    texts = [part.text for part in content if isinstance(part, TextPart)]
    if len(texts) != len(content):
        raise ValidationError({"messages": ["Only text is supported."]})
    return "\n".join(texts)


async def _blocks(
    identity: ConnectionIdentity, run: Run, translation: Translation, after: int
) -> AsyncGenerator[str, None]:
    """Translates the run's events from its start, and yields those after `after`.

    An event may become several AG-UI events. Only the last has the `id`, so that a client that was
    disconnected in between gets all of them again.
    """
    start = await database.call(positions.start_of, run)
    async with aclosing(run_filter.of_run(identity, run, start, "ag_ui")) as items:
        async for item in items:
            if item.frame.type == "draft":
                for draft in translation.draft(item.frame.body):
                    yield sse.block(draft.model_dump_json(by_alias=True), None)
                continue
            if item.event is None:
                if item.frame.seq is None:
                    yield ": heartbeat\n\n"
                continue
            events = translation.feed(item.event)
            if events and item.event.seq > after:
                cursors = [None] * (len(events) - 1) + [item.event.seq]
                for event, seq in zip(events, cursors, strict=True):
                    yield sse.block(event.model_dump_json(by_alias=True), seq)
            if translation.is_over:
                return
