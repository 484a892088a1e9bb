"""A session's event log: a page of it, or a stream that follows it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from agent.event_log import log
from agent.models import ChatSession
from agent.runs import drafts
from chat import access, frames, snapshot
from chat.api import sse
from chat.api.authentication import user_of
from chat.api.schema import operation, stream_of
from chat.api.views import ApiView

DEFAULT_LIMIT, MAX_LIMIT = 500, 1000  # events


class Cursor(serializers.Serializer[None]):
    after = serializers.IntegerField(min_value=0, max_value=sse.MAX_POSITION, default=0)


class PageQuery(serializers.Serializer[None]):
    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)


class EventPage(serializers.Serializer[None]):
    results = serializers.ListField(child=serializers.DictField(), help_text="Events.")
    last_seq = serializers.IntegerField()
    board = serializers.IntegerField(help_text="The version of the project's board.")
    draft = serializers.DictField(
        allow_null=True, help_text="What the model writes now, after these events."
    )
    next = serializers.URLField(allow_null=True)


class Gone(serializers.Serializer[None]):
    detail = serializers.CharField()
    code = serializers.CharField()
    type = serializers.CharField()
    seq = serializers.IntegerField()
    snapshot = serializers.DictField()


class SessionEvents(ApiView):
    renderer_classes = [JSONRenderer, sse.EventStreamRenderer]

    @operation(
        {
            (200, "application/json"): EventPage,
            (200, "text/event-stream"): stream_of("Blocks of `id:` and `data:`"),
            410: Gone,
        },
        query=(Cursor, PageQuery),
    )
    def get(self, request: Request, session_id: UUID) -> HttpResponseBase:
        """Returns a page of the event log, or with `Accept: text/event-stream` a stream that follows it."""
        session = access.get_session(user_of(request), session_id)
        after = sse.cursor_of(request)
        if isinstance(request.accepted_renderer, sse.EventStreamRenderer):
            sse.require_place(request)
            blocks = sse.blocks(sse.identity_of(request, session), after)
            return sse.stream(request, blocks)
        if after > session.last_seq:
            return _gone(session)
        return _page(request, session, after, self.query(PageQuery)["limit"])


def _gone(session: ChatSession) -> Response:
    """Returns the current state, for a client whose cursor is beyond the end of the event log."""
    seq, state = snapshot.snapshot(session.pk)
    return Response(
        {
            "detail": "The cursor is beyond the end of the event log. Continue from this snapshot.",
            "code": "resync",
            "type": "resync",
            "seq": seq,
            "snapshot": state,
        },
        status=410,
    )


def _page(request: Request, session: ChatSession, after: int, limit: int) -> HttpResponse:
    """Returns a page made of the events' stored JSON."""
    events = log.read_now(session.pk, after, limit)
    ends = ChatSession.objects.values_list("last_seq", "project__board_version")
    last, board = ends.get(pk=session.pk)
    seq = events[-1].seq if events else after
    next_url = f'"{request.build_absolute_uri(request.path)}?after={seq}&limit={limit}"'
    body = (
        f'{{"results":[{",".join(event.body for event in events)}],"last_seq":{last},'
        f'"board":{board},"draft":{_draft(session, seq)},"next":{next_url if seq < last else "null"}}}'
    )
    return HttpResponse(body, content_type="application/json")


def _draft(session: ChatSession, seq: int) -> str:
    """Returns the frame of the draft that there is, for a client with the events up to `seq`."""
    draft = drafts.of_session(session.pk)
    return "null" if draft is None or draft.seq > seq else frames.draft(draft)
