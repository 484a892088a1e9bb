"""The WebSocket of a session: starts runs and passes on the log. Awaits no run and holds no state of one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404

from agent.event_log.times import now as timestamp
from agent.exceptions import Refused
from agent.models import ChatSession
from agent.models.projects import Role
from agent.runs import approvals, ending, runs
from agent.runs.runs import MessageRequest
from agent.support import database
from agent.support.task_group import background_task
from chat import access, feed, flow_control, frames, session_hash, snapshot
from chat.connection_identity import NOT_LOGGED_IN, NOT_THERE, ConnectionIdentity, Login
from chat.feed import Kept
from chat.flow_control import Bucket, Window

logger = logging.getLogger(__name__)

TOO_SLOW = 4408
TOO_MANY = 4429
TRY_LATER = 4503
MAX_CONNECTIONS = 200  # of one user in one process
HEARTBEAT = 14.0  # seconds without a frame; the protocol promises one at least every 15
# Frames of a client: so many at once, so many a second in the long run.
BURST, RATE = 100, 20.0
# Answers to a client that does not read them; the oldest are dropped.
ASIDE = 256
# Events in a row before others get a turn on the event loop.
TURN = 64


class SessionConsumer(AsyncConsumer):  # type: ignore[misc]  # channels ships no types
    """One connection that watches one session."""

    # No layer of its own: an outage of Redis would close every socket.
    channel_layer_alias = "none"

    base_send: Callable[[dict[str, Any]], Awaitable[None]]
    scope: dict[str, Any]

    def __init__(self) -> None:
        self.presence: ConnectionIdentity  # set once it is known who connects
        self.cursor = 0
        self.tail: feed.Tail | None = None
        self.window = Window()
        self.loop = asyncio.get_running_loop()
        self.clock = self.loop.time
        # Done when there may be something to send. A bare future: an `asyncio.Event` costs more than
        # all the rest of a frame's way through here.
        self.news: asyncio.Future[None] = self.loop.create_future()
        self.aside: deque[str] = deque(maxlen=ASIDE)  # frames that are in no log
        self.close_code: int | None = None
        self.sender: asyncio.Task[None] | None = None
        self.read_ahead: deque[Kept] = deque()  # the events after the cursor, read from the log
        self.last_sent = self.sending_since = 0.0
        self.board_version = 0
        self.left_run: UUID | None = None  # told as interrupted

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Unlike Channels' own, touches no database thread: that one is shared by the whole process."""
        try:
            match message["type"]:
                case "websocket.connect":
                    await self._connect()
                case "websocket.receive":
                    await self._receive(message.get("text"))
                case "websocket.disconnect":
                    self._leave()
                    raise StopConsumer
        except database.CONNECTION_ERRORS:
            # Nothing is lost: what was not confirmed is sent again with its client_id.
            logger.exception("The database is away; closing a connection")
            await self._close(TRY_LATER)

    # -- connecting --------------------------------------------------------------------------------

    async def _connect(self) -> None:
        headers = session_hash.headers_of(self.scope)
        if not session_hash.is_welcome(self.scope, headers):
            await self.base_send({"type": "websocket.close"})  # before accepting: HTTP 403
            raise StopConsumer
        await self.base_send({"type": "websocket.accept"})
        user = await database.call(session_hash.login_of, headers)
        if user is None:
            await self._close(NOT_LOGGED_IN)
            return
        session = await database.call(
            _session_of, user, self.scope["url_route"]["kwargs"]["session"]
        )
        if session is None:
            await self._close(NOT_THERE)
        elif feed.here().count_of(user.user) >= MAX_CONNECTIONS:
            await self._close(TOO_MANY)
        else:
            await self._watch(user, session)

    async def _watch(self, user: Login, session: ChatSession) -> None:
        self.bucket = Bucket(burst=BURST, rate=RATE, now=self.clock())
        self.presence = ConnectionIdentity(user, session.pk, session.project_id)
        self.tail = feed.here().join(self)  # join first, read second
        row, first = await database.call(snapshot.greeting, session.pk)
        self.board_version = row.project.board_version
        self.tail.last = max(self.tail.last, row.last_seq)
        self.aside.append(frames.ephemeral("hello", **first))
        await self._set_cursor(row.last_seq)
        self.last_sent = self.clock()
        self.sender = background_task(self._send_all())

    async def _set_cursor(self, last_seq: int) -> None:
        asked = _after(self.scope["query_string"])
        if asked is None:
            self._reject(Refused("invalid_frame", "after must be a whole number, 0 or more."), None)
        after = asked or 0
        if after > last_seq:  # beyond the log's end: go on from the state as it is
            after, state = await database.call(snapshot.snapshot, self.presence.session)
            self.aside.append(frames.ephemeral("resync", seq=after, snapshot=state))
        self.cursor = after

    def _leave(self) -> None:
        if self.sender is not None:
            self.sender.cancel()
        if self.tail is not None:
            feed.here().leave(self)
            self.tail = None

    # -- what the feed calls -----------------------------------------------------------------------

    def wake(self) -> None:
        if not self.news.done():
            self.news.set_result(None)

    def board_changed(self, project: UUID, version: int, *, seen: bool) -> None:
        if self.sender is None or version <= self.board_version:
            return
        self.board_version = version
        if not seen:
            self.aside.append(frames.ephemeral("board", project=str(project), version=version))
            self.wake()

    def interrupted(self, run: UUID | None) -> None:
        if self.sender is None or run == self.left_run:
            return
        self.aside.extend(frames.interruption(self.left_run, run))
        self.left_run = run
        self.wake()

    def tick(self, now: float) -> None:
        if self.sender is None:
            return  # nothing goes before `hello`
        stuck = self.sending_since and now - self.sending_since > flow_control.PATIENCE
        if stuck or self.window.is_too_slow(now):
            self.expel(TOO_SLOW)
        elif now - self.last_sent > HEARTBEAT:
            self.aside.append(frames.ephemeral("heartbeat", timestamp=timestamp()))
            self.wake()

    def expel(self, code: int) -> None:
        if self.close_code is None:
            self.close_code = code
            self.wake()

    # -- sending: one task, so that frames never overtake each other -------------------------------

    async def _send_all(self) -> None:
        with contextlib.suppress(OSError, RuntimeError):  # the connection is gone
            try:
                while self.close_code is None:
                    self.news = self.loop.create_future()
                    await self._send_what_there_is()
                    await self.news
            except database.CONNECTION_ERRORS:
                logger.exception("The log cannot be read; closing a connection")
                self.close_code = TRY_LATER
            await self._close(self.close_code)

    async def _send_what_there_is(self) -> None:
        sent = 0
        while self.close_code is None:
            while self.aside:
                await self._send(self.aside.popleft())
            if self.window.is_full:
                return
            if (kept := self._at_hand()) is None:
                if not await self._read_ahead():
                    return
                continue
            self.cursor += 1
            self.window.sent(self.cursor, kept.size, self.clock())
            await self._send(kept.body)
            sent += 1
            if sent % TURN == 0:
                await asyncio.sleep(0)

    def _at_hand(self) -> Kept | None:
        """Returns the event after the cursor, unless it must be read from the log first."""
        if self.read_ahead:
            return self.read_ahead.popleft()
        assert self.tail is not None, "watching"
        return self.tail.frames.get(self.cursor + 1)

    async def _read_ahead(self) -> bool:
        """Reads what the log has after the cursor; tells whether that is anything."""
        assert self.tail is not None, "watching"
        if self.cursor < self.tail.last:
            self.read_ahead = await feed.here().after(self.presence.session, self.cursor)
        return bool(self.read_ahead)

    async def _send(self, text: str) -> None:
        self.last_sent = self.sending_since = self.clock()
        await self.base_send({"type": "websocket.send", "text": text})
        self.sending_since = 0.0

    async def _close(self, code: int) -> None:
        self.close_code = code
        if self.tail is not None:
            feed.here().leave(self)
            self.tail = None
        await self.base_send({"type": "websocket.close", "code": code})

    # -- receiving ---------------------------------------------------------------------------------

    async def _receive(self, text: str | None) -> None:
        if self.close_code is not None or self.tail is None:
            return  # frames that were on their way when we closed
        frame: dict[str, Any] = {}
        try:
            if not self.bucket.take(self.clock()):
                raise Refused("rate_limited", "Too many frames; wait a little.")
            frame = frames.read(text)
            await self._handle(frames.parse(frame))
        except Refused as refused:
            self._reject(refused, frames.client_id_of(frame))

    def _reject(self, refused: Refused, client_id: str | None) -> None:
        self.aside.append(
            frames.ephemeral("rejected", code=refused.code, error=str(refused), client_id=client_id)
        )
        self.wake()

    async def _handle(self, frame: frames.ClientFrame) -> None:
        session = self.presence.session
        match frame:
            case frames.AckFrame():
                self.window.acknowledged(frame.seq)
                self.wake()
            case frames.PingFrame():
                self.aside.append(frames.ephemeral("heartbeat", timestamp=timestamp()))
                self.wake()
            case frames.MessageFrame():
                request = MessageRequest(frame.content, frame.client_id, frame.approval, frame.task)
                await runs.start(session, await self._editor(), request)
            case frames.CancelFrame():
                await ending.cancel(session, frame.run, await self._editor())
            case frames.ApproveFrame():
                user = await self._editor()
                await approvals.approve(session, frame.run, frame.plan_revision, user)
            case frames.RejectFrame():
                user = await self._editor()
                await approvals.reject(session, frame.run, frame.plan_revision, user, frame.reason)
            case frames.EditPlanFrame():
                user = await self._editor()
                await approvals.edit(session, frame.run, frame.plan_revision, user, frame.steps)

    async def _editor(self) -> User:
        """Returns the user, who may change things here now. Raises `Refused`."""
        return await database.call(_editor_of, self.presence)


def _session_of(user: Login, session: str) -> ChatSession | None:
    person = get_user_model().objects.get(pk=user.user)
    try:
        return access.get_session(person, UUID(session))
    except (Http404, ValueError):
        return None


def _editor_of(presence: ConnectionIdentity) -> User:
    person = get_user_model().objects.get(pk=presence.user)
    try:
        access.get_session(person, presence.session, Role.EDITOR)
    except Http404:
        raise Refused("not_found", "There is no such session.") from None
    except PermissionDenied as error:
        raise Refused("forbidden", str(error)) from None
    if not presence.login.may_write:
        raise Refused("forbidden", "This token may only read.")
    return person


def _after(query: bytes) -> int | None:
    """Returns the cursor of the query string, or None for one that is no position."""
    values = parse_qs(query.decode("latin-1")).get("after", ["0"])
    text = values[-1]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
