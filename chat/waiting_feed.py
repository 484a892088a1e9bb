"""Tells the viewers of one event loop how many runs wait for them, in all of their projects."""

from __future__ import annotations

from agent.runs import waiting
from agent.support import database
from agent.support.per_loop import PerLoop
from agent.support.turns import Turns
from chat.viewer import Viewer

# Users whose counts are read at a time, and times within which all are read: a count is right within a
# second.
AT_A_TIME, TIMES = 200, 2


class WaitingFeed:
    """The viewers by user. `chat.feed` calls `renew` after commits, and `look` several times a second."""

    def __init__(self) -> None:
        self._viewers: dict[int, set[Viewer]] = {}
        self._users: Turns[int] = Turns(AT_A_TIME, TIMES)

    def join(self, viewer: Viewer) -> None:
        if (user := viewer.identity.user) is not None:  # nothing waits for a guest
            self._viewers.setdefault(user, set()).add(viewer)
            self._users.add(user)

    def leave(self, viewer: Viewer) -> None:
        if (user := viewer.identity.user) is None:
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
        for user, number in (await database.call(waiting.counts, set(users))).items():
            for viewer in self._viewers.get(user, ()):
                viewer.waits(number)


_feeds = PerLoop(WaitingFeed)


def here() -> WaitingFeed:
    """Returns the feed of the running event loop."""
    return _feeds.here()
