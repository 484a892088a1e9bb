"""Server-sent events: the format of a stream, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from agent.exceptions import Refused
from agent.models import ChatSession, Run
from agent.support import metrics
from chat import feed
from chat.api import event_stream
from chat.api.authentication import login_of, user_of
from chat.api.errors import TooMany
from chat.api.views import let_go, on_loop
from chat.connection_identity import ConnectionIdentity
from chat.flow_control import MAX_BYTES

# At one of these limits a stream ends and its client reconnects. That limits the memory for a stalled
# client: Daphne buffers everything that is sent, whether it is read or not.
MAX_EVENTS = 1000
MAX_SECONDS = 600.0
MAX_POSITION = 2**63 - 1
TRANSPORT = "sse"


class EventStreamRenderer(JSONRenderer):
    """Negotiates `Accept: text/event-stream`. It renders nothing: `block` does."""

    media_type = "text/event-stream"
    format = "event-stream"


def block(text: str, seq: int | None) -> str:
    """Returns the block of a frame, whose JSON is one line. `seq` is the cursor after it."""
    cursor = "" if seq is None else f"id: {seq}\n"
    return f"{cursor}data: {text}\n\n"


def require_events(run: Run) -> None:
    """Raises `Refused`, `pruned`, for a run whose events were deleted: nothing of it can be streamed."""
    if run.is_pruned:
        raise Refused("pruned", "The events of this run were deleted. Its result is still there.")


def cursor_of(request: Request) -> int:
    """Returns the client's last position, from `Last-Event-ID` or else `?after=`."""
    text = request.headers.get("Last-Event-ID") or request.query_params.get("after", "0")
    known = text.isascii() and text.isdigit() and len(text) < 20
    if not known or int(text) > MAX_POSITION:
        raise ValidationError({"after": ["Has to be an integer, 0 or more."]})
    return int(text)


def require_place(request: Request) -> None:
    """Raises `TooMany` when the user has too many streams. To be called before any change."""
    require_place_for(user_of(request).pk)


def require_place_for(counted: int | UUID) -> None:
    """As `require_place`, for a user or a shared link."""
    if on_loop(_count, counted) >= feed.MAX_CONNECTIONS:
        metrics.STREAM_ERRORS.add("too_many")
        raise TooMany(wait=5, detail="Too many open streams.")


def identity_of(request: Request, session: ChatSession) -> ConnectionIdentity:
    return ConnectionIdentity(login_of(request), session.pk, session.project_id)


async def _count(user: int | UUID) -> int:
    return feed.here().count_of(user)


async def blocks(
    identity: ConnectionIdentity, after: int, *, sidebar: str | None = None
) -> AsyncGenerator[str, None]:
    """Yields the session's frames; ends after `MAX_EVENTS`, `MAX_BYTES` or `MAX_SECONDS`."""
    clock = asyncio.get_running_loop().time
    over_at, events, size = clock() + MAX_SECONDS, 0, 0
    following = event_stream.frames(identity, after, TRANSPORT, sidebar=sidebar)
    async with aclosing(following) as frames:
        async for frame in frames:
            yield block(frame.body, frame.seq)
            events += frame.seq is not None
            size += frame.size
            if events >= MAX_EVENTS or size >= MAX_BYTES or clock() >= over_at:
                return


def stream(request: Request, blocks: AsyncGenerator[str, None]) -> HttpResponseBase:
    response: HttpResponseBase
    if request.method == "HEAD":  # without a body, which would never end
        response = HttpResponse(content_type=EventStreamRenderer.media_type)
    else:
        response = StreamingHttpResponse(blocks, content_type=EventStreamRenderer.media_type)
    response["Cache-Control"] = "no-store, no-transform"
    response["X-Accel-Buffering"] = "no"
    return let_go(response)
