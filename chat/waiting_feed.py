"""Tells the viewers of one event loop how many runs wait for them, in all of their projects, and what the
list of projects and sessions shows them.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from agent.runs import waiting
from agent.support import database
from agent.support.database_changes import DatabaseChanges
from agent.support.per_loop import PerLoop
from agent.support.turns import Turns
from chat import sidebar
from chat.sidebar import Key, Sidebar
from chat.viewer import Viewer

# Users whose counts are read at a time, and times within which all are read: a count is right within a
# second.
AT_A_TIME, TIMES = 200, 2
MAX_KEPT = 200  # sidebars, for pages that follow no session


class WaitingFeed:
    """The viewers by user. `chat.feed` calls `renew` after commits, and `look` several times a second."""

    def __init__(self) -> None:
        self._viewers: dict[int, set[Viewer]] = {}
        self._users: Turns[int] = Turns(AT_A_TIME, TIMES)
        self._changes = DatabaseChanges()
        self._kept: dict[Key, Sidebar] = {}  # of the newest state that is known

    def join(self, viewer: Viewer) -> None:
        if (user := viewer.identity.told_all) is not None:
            self._viewers.setdefault(user, set()).add(viewer)
            self._users.add(user)

    def leave(self, viewer: Viewer) -> None:
        if (user := viewer.identity.told_all) is None:
            return
        viewers = self._viewers.get(user, set())
        viewers.discard(viewer)
        if not viewers:
            self._viewers.pop(user, None)

    def renew(self) -> None:
        self._users.renew()

    async def look(self) -> None:
        if not (users := self._users.next(lambda: self._viewers)):
            return
        viewers = [(user, viewer) for user in set(users) for viewer in self._viewers.get(user, ())]
        keys: set[Key] = {
            (user, viewer.identity.project)
            for user, viewer in viewers
            if viewer.sidebar_version is not None
        }
        counts, sidebars = await database.call(_read, set(users), keys)
        for user, viewer in viewers:
            viewer.waits(counts[user])
            if viewer.sidebar_version is not None:
                viewer.lists(sidebars[user, viewer.identity.project])

    async def of_page(self, user: int, project: UUID | None) -> Sidebar:
        """Returns the sidebar for a page that follows no session. It is read once after each change of the
        database, for all pages that ask for it.
        """
        if await self._changes.since_last() or len(self._kept) >= MAX_KEPT:
            self._kept = {}  # not cleared: who reads now must not add an older state
        kept, key = self._kept, (user, project)
        if key not in kept:
            kept[key] = (await database.call(sidebar.read, [key]))[key]
        return kept[key]


def _read(users: Iterable[int], keys: set[Key]) -> tuple[dict[int, int], dict[Key, Sidebar]]:
    return waiting.counts(users), sidebar.read(keys) if keys else {}


_feeds = PerLoop(WaitingFeed)


def here() -> WaitingFeed:
    """Returns the feed of the running event loop."""
    return _feeds.here()
