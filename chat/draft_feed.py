"""Brings the drafts of runs to the viewers of one event loop, whichever process writes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import django.db

from agent.runs import drafts
from agent.runs.drafts import Draft
from agent.support import database
from agent.support.per_loop import PerLoop
from agent.support.task_group import background_task
from chat.viewer import Viewer

logger = logging.getLogger(__name__)


class DraftFeed:
    """The newest draft of each watched session."""

    def __init__(self) -> None:
        self._viewers: dict[UUID, set[Viewer]] = {}  # by session
        self._newest: dict[UUID, Draft] = {}
        self._unread: set[UUID] = set()  # runs whose draft another process wrote
        self._reading: asyncio.Task[None] | None = None

    def join(self, viewer: Viewer) -> None:
        self._viewers.setdefault(viewer.session, set()).add(viewer)

    def leave(self, viewer: Viewer) -> None:
        viewers = self._viewers.get(viewer.session, set())
        viewers.discard(viewer)
        if not viewers:
            self._viewers.pop(viewer.session, None)
            self._newest.pop(viewer.session, None)

    def publish(self, written: Iterable[Draft]) -> None:
        for draft in written:
            viewers = self._viewers.get(draft.session)
            if viewers and draft.replaces(self._newest.get(draft.session)):
                self._newest[draft.session] = draft
                for viewer in viewers:
                    viewer.drafted(draft)

    def announced(self, runs: Mapping[UUID, UUID]) -> None:
        """Other processes wrote the drafts of these runs, by session: those that are watched are read."""
        self._unread.update(run for session, run in runs.items() if session in self._viewers)
        if self._unread and self._reading is None:
            self._reading = background_task(self._read())

    async def look(self) -> None:
        """Reads the drafts that no wake-up told of."""
        written = await database.call(drafts.all_written)
        known = {session: (draft.run, draft.written_ms) for session, draft in self._newest.items()}
        self.announced(
            {session: of[0] for session, of in written.items() if known.get(session) != of}
        )

    async def _read(self) -> None:
        try:
            while self._unread:
                runs, self._unread = self._unread, set()
                self.publish(await database.call(drafts.of_runs, runs))
        except django.db.Error:
            logger.exception("The drafts cannot be read")
        finally:
            self._reading = None


_feeds = PerLoop(DraftFeed)


def here() -> DraftFeed:
    """Returns the feed of the running event loop."""
    return _feeds.here()


def on_written(written: Sequence[Draft]) -> None:
    """Listens to `agent.runs.drafts`."""
    if (feed := _feeds.find()) is not None:
        feed.publish(written)


def on_announcement(runs: Mapping[UUID, UUID]) -> None:
    """Listens to `chat.wakeups`."""
    if (feed := _feeds.find()) is not None:
        feed.announced(runs)
