"""The WebSocket of a session: who connects, and what the client asks for.

A consumer starts runs and awaits none of them, so a closed tab ends none.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404

from agent.accounts.shared_links import Guest
from agent.event_log.payloads import StepComment
from agent.exceptions import Refused
from agent.models.projects import Role
from agent.runs import approvals, ending, runs, steering
from agent.runs.runs import MessageRequest
from agent.runs.steering import Steer
from agent.support import database, metrics, origin
from agent.support.token_bucket import TokenBucket
from chat import access, feed, frames, guest_cookie, page_user, request_origin, session_hash
from chat.connection_identity import (
    NOT_LOGGED_IN,
    NOT_THERE,
    OTHER_USER,
    ConnectionIdentity,
    Login,
)
from chat.socket_protocol import EXTENSION
from chat.socket_viewer import TRY_LATER, WEBSOCKET, Send, SocketViewer
from chat.viewer import AGAIN

logger = logging.getLogger(__name__)

TOO_MANY = 4429
# A client may send this many frames at once, and this many a second in the long run; and of frames over
# `FREE_BYTES` this many bytes. A client that goes on after so many refusals is disconnected.
BURST, RATE = 100, 20.0
FREE_BYTES, BURST_BYTES, RATE_BYTES = 1_024, 1_048_576, 131_072.0
BURST_REFUSALS, RATE_REFUSALS = 200, 2.0

Receive = Callable[[], Awaitable[dict[str, Any]]]


class SessionConsumer(AsyncConsumer):  # type: ignore[misc]  # channels ships no types
    """One connection that watches one session."""

    base_send: Send
    scope: dict[str, Any]

    def __init__(self) -> None:
        self.clock = asyncio.get_running_loop().time
        now = self.clock()
        self.bucket = TokenBucket(burst=BURST, rate=RATE, now=now)
        self.bytes = TokenBucket(burst=BURST_BYTES, rate=RATE_BYTES, now=now)
        self.refusals = TokenBucket(burst=BURST_REFUSALS, rate=RATE_REFUSALS, now=now)
        self.viewer: SocketViewer | None = None  # while the session is watched

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Unlike Channels' own, makes no task of each wait for a frame, and has no channel layer: an outage
        of Redis would close every socket.
        """
        self.scope, self.base_send = scope, send
        with contextlib.suppress(StopConsumer):
            while True:
                await self.dispatch(await receive())
                await asyncio.sleep(0)  # so that others get a turn while a client floods

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Unlike Channels' own, uses no database thread: that one is shared by the whole process."""
        try:
            match message["type"]:
                case "websocket.connect":
                    await self._connect()
                case "websocket.receive":
                    await self._receive(message.get("text") or message.get("bytes") or "")
                case "websocket.disconnect":
                    if self.viewer is not None and _is_broken(message):
                        metrics.STREAM_ERRORS.add("broken")
                    self._leave()
                    raise StopConsumer
        except database.CONNECTION_ERRORS:
            # Nothing is lost: the client sends what was not confirmed again, with its client_id.
            logger.exception("The database is away; closing a connection")
            metrics.STREAM_ERRORS.add("database")
            self._leave()
            await self._close(TRY_LATER)

    # -- connecting --------------------------------------------------------------------------------

    async def _connect(self) -> None:
        headers = session_hash.headers_of(self.scope)
        if not session_hash.is_welcome(self.scope, headers):
            await self.base_send({"type": "websocket.close"})  # before accepting: HTTP 403
            raise StopConsumer
        await self.base_send({"type": "websocket.accept"})
        identity = await database.call(self._identity, headers)
        if isinstance(identity, int):
            await self._close(identity)
        elif feed.here().count_of(identity.counted) >= feed.MAX_CONNECTIONS:
            metrics.STREAM_ERRORS.add("too_many")
            await self._close(TOO_MANY)
        else:
            await self._watch(identity)

    def _identity(self, headers: session_hash.Headers) -> ConnectionIdentity | int:
        """Returns who watches which session, or the code with which the connection is closed."""
        page_of = _last(self.scope["query_string"], page_user.PARAMETER)
        return _identity(headers, page_of, self.scope["url_route"]["kwargs"]["session"])

    async def _watch(self, identity: ConnectionIdentity) -> None:
        after = _after(self.scope["query_string"])
        sidebar = _last(self.scope["query_string"], "sidebar")
        if _last(self.scope["query_string"], AGAIN) not in (None, "0"):
            metrics.RECONNECTS.add(WEBSOCKET)
        self.viewer = SocketViewer(
            identity,
            after or 0,
            self.base_send,
            sidebar=sidebar,
            together=EXTENSION in self.scope.get("extensions", ()),
        )
        feed.here().join(self.viewer)
        await self.viewer.greet()
        if after is None:
            self._reject(Refused("invalid_frame", "after must be a whole number, 0 or more."), None)
        self.viewer.start()

    def _leave(self) -> None:
        if self.viewer is not None:
            self.viewer.stop()
            self.viewer = None

    async def _close(self, code: int) -> None:
        await self.base_send({"type": "websocket.close", "code": code})

    # -- receiving ---------------------------------------------------------------------------------

    async def _receive(self, content: str | bytes) -> None:
        if self.viewer is None or self.viewer.close_code is not None:
            return  # frames that were on their way when we closed
        frame: dict[str, Any] = {}
        try:
            size = frames.size_of(content)
            self._limit(size)
            if size > frames.MAX_BYTES:  # such a frame is read only for who may send it
                await database.call(_editor_of, self.viewer.identity)
            frame = frames.read(content)
            await self._handle(self.viewer, frames.parse(frame))
        except Refused as refused:
            self._reject(refused, frames.client_id_of(frame))

    def _limit(self, size: int) -> None:
        now = self.clock()
        if not self.bucket.take(now):
            raise Refused("rate_limited", "Too many frames; wait a little.")
        if not self.bytes.take(now, max(0, size - FREE_BYTES)):
            raise Refused("rate_limited", "Too many large frames; wait a little.")

    def _reject(self, refused: Refused, client_id: str | None) -> None:
        if self.viewer is None:
            return
        self.viewer.notify("rejected", code=refused.code, error=str(refused), client_id=client_id)
        if not self.refusals.take(self.clock()):
            metrics.STREAM_ERRORS.add("refused_frames")
            self.viewer.expel(TOO_MANY)

    async def _handle(self, viewer: SocketViewer, frame: frames.ClientFrame) -> None:
        match frame:
            case frames.AckFrame():
                if viewer.acknowledge(frame.seq):
                    self.bucket.give_back()  # the protocol asks for this frame, so it is free
            case frames.PingFrame():
                viewer.heartbeat()
            case _:
                user = await database.call(_editor_of, viewer.identity)
                token = getattr(viewer.identity.login, "token", None)
                origin.current.set(request_origin.of_socket(self.scope, token))
                await _act(viewer.session, user, frame)


class GuestConsumer(SessionConsumer):
    """One connection of a guest, who has a shared link. Its cookie counts only with an origin."""

    def _identity(self, headers: session_hash.Headers) -> ConnectionIdentity | int:
        cookies = headers.get("cookie", "") if "origin" in headers else ""
        try:
            link = self.scope["url_route"]["kwargs"]["link_id"]
            return ConnectionIdentity.of_guest(guest_cookie.guest_by_header(cookies, link))
        except Http404:
            return NOT_THERE


async def _act(session: UUID, user: User, frame: frames.ClientFrame) -> None:
    match frame:
        case frames.MessageFrame():
            request = MessageRequest(frame.content, frame.client_id, frame.approval, frame.task)
            await runs.start(session, user, request)
        case frames.SteerFrame():
            await steering.send(session, frame.run, user, Steer(frame.content, frame.client_id))
        case frames.CancelFrame():
            await ending.cancel(session, frame.run, user)
        case frames.ApproveFrame():
            await approvals.approve(session, frame.run, frame.plan_revision, user)
        case frames.RejectFrame():
            comments = [StepComment(step=one.step, text=one.text) for one in frame.comments]
            await approvals.reject(
                session, frame.run, frame.plan_revision, user, frame.reason, comments
            )
        case frames.EditPlanFrame():
            await approvals.edit(session, frame.run, frame.plan_revision, user, frame.steps)


def _identity(
    headers: session_hash.Headers, page_of: str | None, session: str
) -> ConnectionIdentity | int:
    """Returns who watches which session, or the code with which the connection is closed."""
    if (login := session_hash.login_of(headers)) is None:
        return NOT_LOGGED_IN
    if page_user.is_other(page_of, login.user):
        return OTHER_USER
    try:
        key = UUID(session)
    except ValueError:
        return NOT_THERE
    project = access.project_of_session(login.user, key, login.only_project)
    return NOT_THERE if project is None else ConnectionIdentity(login, key, project)


def _editor_of(identity: ConnectionIdentity) -> User:
    """Returns the user, who may change things in the session now. Raises `Refused`."""
    try:
        login = identity.login
        if isinstance(login, Guest):
            person = access.get_person(login, identity.session, Role.EDITOR)
        else:
            only = login.only_project
            person = access.get_person(login.user, identity.session, Role.EDITOR, only)
    except Http404:
        raise Refused("not_found", "Session not found.") from None
    except PermissionDenied as error:
        raise Refused("forbidden", str(error)) from None
    if isinstance(login, Login) and not login.may_write:
        raise Refused("forbidden", "This token is read-only.")
    return person


def _is_broken(disconnect: Mapping[str, Any]) -> bool:
    """Tells whether the line was lost: nothing closed the connection, or a ping had no answer."""
    code = disconnect.get("code")
    # uvicorn has 1005 also for a line that was lost, and then gives no reason, not even an empty one.
    return code in (1006, 1011) or (code == 1005 and "reason" not in disconnect)


def _after(query: bytes) -> int | None:
    """Returns the cursor of the query string, or None for one that is no position."""
    text = _last(query, "after") or "0"
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _last(query: bytes, name: str) -> str | None:
    """Returns the last value of `name` in the query string."""
    values = parse_qs(query.decode("latin-1")).get(name)
    return values[-1] if values else None
