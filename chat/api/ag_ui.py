"""AG-UI's endpoint: whose words mean which session and run, and the stream of one AG-UI run."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import UUID, uuid5

from ag_ui.core import RunAgentInput, TextPart, UserMessage
from django.db import transaction
from django.http import Http404, HttpResponseBase
from pydantic import ValidationError as Invalid
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from agent.exceptions import Refused
from agent.models import Approval, ApprovalMode, ChatSession, Project, Run
from agent.models.projects import Role
from agent.runs import approvals, ending, runs
from agent.runs.runs import MessageRequest
from agent.support import database
from agent.text.words import is_text
from chat import access
from chat.api import run_filter, sse
from chat.api.ag_ui_events import Translation
from chat.api.authentication import user_of
from chat.api.events import Cursor
from chat.api.schema import operation, stream_of
from chat.api.sessions import start_in
from chat.api.views import ApiView, on_loop
from chat.connection_identity import ConnectionIdentity
from chat.models import Alias

MOST_NAME = 255  # characters of a threadId or runId
NAMES = UUID("0d6b1c0e-3f0e-4a4e-9a3b-8f6f4a0a7c55")


# As much of AG-UI's `RunAgentInput` as counts here; the package checks all of it.
NAME = {"type": "string", "minLength": 1, "maxLength": MOST_NAME}
OBJECTS = {"type": "array", "items": {"type": "object"}}
AGENT_INPUT = {
    "type": "object",
    "required": ["threadId", "runId", "messages"],
    "properties": {
        "threadId": {**NAME, "description": "Your name for a session; a new one starts one."},
        "runId": {**NAME, "description": "Your name for a run; a known one attaches to it."},
        "messages": OBJECTS,
        "resume": OBJECTS,
        "forwardedProps": {
            "type": "object",
            "description": "`project`, where a new thread is started; `approval`; `task`.",
        },
    },
}


class Wishes(serializers.Serializer[None]):
    """What `forwardedProps` may ask for."""

    project = serializers.UUIDField(required=False)
    approval = serializers.ChoiceField(ApprovalMode.choices, default=ApprovalMode.AUTO)
    task = serializers.UUIDField(required=False, allow_null=True)


class OtherThread(APIException):
    """The runId is known, and belongs to another thread."""

    status_code = 409
    default_detail = "This runId belongs to another thread."
    default_code = "conflict"


class AgUi(ApiView):
    renderer_classes = [JSONRenderer, sse.EventStreamRenderer]

    @operation(
        {(200, "text/event-stream"): stream_of("AG-UI's events, of this run.")},
        body={"application/json": AGENT_INPUT},
        conflicts=True,
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Runs the agent, by the AG-UI protocol.

        Of `messages` the last user message is read. A known `runId` attaches to its run; `resume`
        answers the interrupt that it names. Closing cancels nothing.
        """
        asked = _parsed(request.data)
        sse.require_place(request)
        alias = self._known(asked) or self._begun(asked)
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

    def _begun(self, asked: RunAgentInput) -> Alias:
        return self._resumed(asked) if asked.resume else self._started(asked)

    # -- a new run ---------------------------------------------------------------------------------

    def _started(self, asked: RunAgentInput) -> Alias:
        user = user_of(self.request)
        content = runs.checked_content(_last_said(asked))
        props = asked.forwarded_props if isinstance(asked.forwarded_props, dict) else {}
        wishes = Wishes(data={name: props[name] for name in Wishes().fields if name in props})
        wishes.is_valid(raise_exception=True)
        wanted = wishes.validated_data
        session, is_new = self._thread(asked.thread_id, wanted.get("project"))
        # Its own name for the message: two requests at once start one run.
        client_id = uuid5(NAMES, f"{user.pk}:{asked.thread_id}:{asked.run_id}")
        message_request = MessageRequest(content, client_id, wanted["approval"], wanted.get("task"))
        run = start_in(session, user, message_request, is_new=is_new)
        return self._name(asked.run_id, session, run, run_filter.start_of(run))

    def _thread(self, name: str, project: UUID | None) -> tuple[ChatSession, bool]:
        """Returns the session of a thread, and whether it was made now, for a new name."""
        user = user_of(self.request)
        threads = _aliases(self.request, Alias.Kind.THREAD).filter(name=name)
        if (known := threads.first()) is not None:
            return access.get_session(user, known.session_id, Role.EDITOR), False
        place = self._project(project)
        with transaction.atomic():
            session = ChatSession.objects.create(project=place, created_by=user)
            alias, is_new = Alias.objects.get_or_create(
                user=user, kind=Alias.Kind.THREAD, name=name, defaults={"session": session}
            )
            if not is_new:  # somebody was faster
                session.delete()
        return access.get_session(user, alias.session_id, Role.EDITOR), is_new

    def _project(self, named: UUID | None) -> Project:
        user = user_of(self.request)
        if named is not None:
            return access.get_project(user, named, Role.EDITOR)
        if (latest := access.latest_writable(user)) is not None:
            return latest
        raise ValidationError({"forwardedProps": ["Name a project: there is none to write in."]})

    def _name(self, name: str, session: ChatSession, run: Run, after: int) -> Alias:
        alias, _ = Alias.objects.select_related("run").get_or_create(
            user=user_of(self.request),
            kind=Alias.Kind.RUN,
            name=name,
            defaults={"session": session, "run": run, "after": after},
        )
        return alias

    # -- an interrupted one ------------------------------------------------------------------------

    def _resumed(self, asked: RunAgentInput) -> Alias:
        """Answers the interrupt; the rest of the run is an AG-UI run of its own."""
        assert asked.resume, "asked for"
        if len(asked.resume) != 1:
            raise ValidationError({"resume": ["One interrupt is open at a time."]})
        (entry,) = asked.resume
        approval, revision = self._question(asked.thread_id, entry.interrupt_id)
        session = ChatSession.objects.get(pk=approval.run.session_id)
        alias = self._name(asked.run_id, session, approval.run, session.last_seq)
        try:
            self._answer(approval.run, revision, entry)
        except (Refused, ValidationError):
            alias.delete()
            raise
        return alias

    def _question(self, thread: str, interrupt: str) -> tuple[Approval, int]:
        name, _, revision = interrupt.rpartition(":")
        try:
            approval_id, number = UUID(name), int(revision[:10])
        except ValueError:
            raise Http404("There is no such interrupt.") from None
        threads = _aliases(self.request, Alias.Kind.THREAD).filter(name=thread)
        approval = (
            Approval.objects.filter(pk=approval_id, run__session__in=threads.values("session"))
            .select_related("run")
            .first()
        )
        if approval is None:
            raise Http404("There is no such interrupt.")
        access.get_run(user_of(self.request), approval.run_id, Role.EDITOR)
        return approval, number

    def _answer(self, run: Run, revision: int, entry: Any) -> None:
        user, said = user_of(self.request), entry.payload
        if entry.status == "cancelled":
            on_loop(ending.cancel, run.session_id, run.pk, user)
            return
        if not isinstance(said, dict) or not isinstance(said.get("approved"), bool):
            raise ValidationError({"resume": ["The payload says whether it is approved."]})
        which = (run.session_id, run.pk)
        if not said["approved"]:
            on_loop(approvals.reject, *which, revision, user, str(said.get("reason") or ""))
            return
        if isinstance(said.get("steps"), list):
            on_loop(approvals.edit, *which, revision, user, said["steps"])
            revision += 1
        on_loop(approvals.approve, *which, revision, user)

    # -- the stream --------------------------------------------------------------------------------

    def _stream(self, alias: Alias, after: int) -> HttpResponseBase:
        session = access.get_session(user_of(self.request), alias.session_id)
        assert alias.run is not None, "of a run"
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
        """Goes on with the stream of a run, by your `runId`, after the last `id` that you had."""
        alias = _aliases(request, Alias.Kind.RUN).filter(name=_text(name)).first()
        if alias is None:
            raise Http404("There is no such run.")
        after = sse.cursor_of(request)
        sse.require_place(request)
        return self._stream(alias, after)


def _aliases(request: Request, kind: str) -> Any:
    return Alias.objects.filter(user=user_of(request), kind=kind).select_related("run")


def _parsed(data: Any) -> RunAgentInput:
    try:
        asked = RunAgentInput.model_validate(data)
    except Invalid as error:
        raise ValidationError(
            {".".join(map(str, item["loc"])) or "body": [item["msg"]] for item in error.errors()}
        ) from None
    for name in (asked.thread_id, asked.run_id):
        if not 1 <= len(name) <= MOST_NAME:
            raise ValidationError({"runId": [f"A name has 1 to {MOST_NAME} characters."]})
    return asked


def _text(name: str) -> str:
    if not is_text(name):
        raise Http404("There is no such run.")
    return name


def _last_said(asked: RunAgentInput) -> str:
    said = [message for message in asked.messages if isinstance(message, UserMessage)]
    if not said:
        raise ValidationError({"messages": ["There is no user message."]})
    content = said[-1].content
    if isinstance(content, str):
        return content
    texts = [part.text for part in content if isinstance(part, TextPart)]
    if len(texts) != len(content):
        raise ValidationError({"messages": ["Only text can be read."]})
    return "\n".join(texts)


async def _blocks(
    identity: ConnectionIdentity, run: Run, translation: Translation, after: int
) -> AsyncGenerator[str, None]:
    """Translates from the run's start, and tells what comes after `after`.

    The `id` stands with the last of what one event is: whoever was cut off in between gets it again.
    """
    start = await database.call(run_filter.start_of, run)
    async with aclosing(run_filter.of_run(identity, run, start)) as found:
        async for item in found:
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
