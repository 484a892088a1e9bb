"""A session's event log: a page of it, or a stream that follows it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from agent.accounts.shared_links import Guest
from agent.event_log import log
from agent.event_log.log import Frame
from agent.models import ChatSession
from agent.runs import drafts
from agent.support import metrics
from chat import access, frames, guest_view, snapshot
from chat.api import polling, sse
from chat.api.authentication import GuestAuthentication, guest_of, user_of
from chat.api.schema import operation, stream_of
from chat.api.views import ApiView, on_loop
from chat.connection_identity import ConnectionIdentity
from chat.viewer import AGAIN

DEFAULT_LIMIT, MAX_LIMIT = 500, 1000  # events


class Cursor(serializers.Serializer[None]):
    after = serializers.IntegerField(min_value=0, max_value=sse.MAX_POSITION, default=0)


class PageQuery(serializers.Serializer[None]):
    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    sidebar = serializers.CharField(
        max_length=50,
        required=False,
        help_text="A stream has the frames `sidebar`, too: the `version` that is known, or 0.",
    )
    again = serializers.IntegerField(
        min_value=0,
        max_value=sse.MAX_POSITION,
        default=0,
        help_text="How often the client has connected before. It is only counted.",
    )


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
        return self.respond(request, session, sse.identity_of(request, session))

    def respond(
        self, request: Request, session: ChatSession, identity: ConnectionIdentity
    ) -> HttpResponseBase:
        after = sse.cursor_of(request)
        if isinstance(request.accepted_renderer, sse.EventStreamRenderer):
            sse.require_place_for(identity.counted)
            query = self.query(PageQuery)
            if query[AGAIN]:
                metrics.RECONNECTS.add(sse.TRANSPORT)
            blocks = sse.blocks(identity, after, sidebar=query.get("sidebar"))
            return sse.stream(request, blocks)
        if metrics.are_measured():
            metrics.POLLS.add()
            on_loop(polling.seen, identity)
        if not session.first_seq - 1 <= after <= session.last_seq:
            metrics.RESYNCS.add()
            return _gone(session, identity.guest)
        limit = self.query(PageQuery)["limit"]
        return _page(request, session, after, limit, identity.guest)


class GuestEvents(SessionEvents):
    """The same by a shared link. It is for the link's page, so no document describes it."""

    schema = None
    authentication_classes = [GuestAuthentication]

    @operation(query=(Cursor, PageQuery))
    def get(self, request: Request, link_id: UUID) -> HttpResponseBase:
        guest = guest_of(request)
        session = access.get_session(guest, guest.session)
        return self.respond(request, session, ConnectionIdentity.of_guest(guest))


def _gone(session: ChatSession, guest: Guest | None) -> Response:
    """Returns the current state, for a client whose cursor is outside of the event log."""
    seq, state = snapshot.snapshot(session.pk, guest)
    return Response(
        {
            "detail": "The event log does not go on at this cursor: it was pruned, or restored from an older "
            "backup. Continue from this snapshot.",
            "code": "resync",
            "type": "resync",
            "seq": seq,
            "snapshot": state,
        },
        status=410,
    )


def _page(
    request: Request, session: ChatSession, after: int, limit: int, guest: Guest | None
) -> HttpResponse:
    """Returns a page made of the events' stored JSON, as far as a `guest` gets it."""
    events: Sequence[Frame] = log.read_now(session.pk, after, limit)
    ends = ChatSession.objects.values_list("last_seq", "project__board_version")
    last, board = ends.get(pk=session.pk)
    shown_board = str(board)
    if guest is not None:
        events = guest_view.frames(guest, events)
        shown_board = str(board) if guest_view.shows_board(guest) else "null"
    seq = events[-1].seq if events else after
    next_url = f'"{request.build_absolute_uri(request.path)}?after={seq}&limit={limit}"'
    draft = "null" if guest else _draft(session, seq)
    body = (
        f'{{"results":[{",".join(event.body for event in events)}],"last_seq":{last},'
        f'"board":{shown_board},"draft":{draft},"next":{next_url if seq < last else "null"}}}'
    )
    return HttpResponse(body, content_type="application/json")


def _draft(session: ChatSession, seq: int) -> str:
    """Returns the frame of the draft that there is, for a client with the events up to `seq`."""
    draft = drafts.of_session(session.pk)
    return "null" if draft is None or draft.seq > seq else frames.draft(draft)
