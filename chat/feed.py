"""The viewers of one event loop: informs them of changed boards and interrupted runs, and expels those
whose user has lost access. Viewers read the events from the log by themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from uuid import UUID

import django.db

from agent.event_log import recent_events
from agent.event_log.log import Committed
from agent.models import Project
from agent.runs import claiming
from agent.support import database, metrics
from agent.support.per_loop import PerLoop
from agent.support.turns import Turns
from chat import connection_identity, draft_feed, waiting_feed, wakeups
from chat.viewer import Viewer
from chat.wakeups import Announcement

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 200  # of one user, or by one shared link, in one process
# Seconds between looks at the database for boards that other processes changed, interrupted runs and drafts,
# if there may be any: who may still watch is checked at each look of `recent_events`.
LOOK = 2.0
# At least so many viewers, or boards, are checked at a time, and all of them within so many times: a viewer
# that has lost access is expelled within a second.
AT_A_TIME, TIMES = 200, 2


class Feed:
    """Looks at the database while there is a viewer and anything was committed."""

    def __init__(self) -> None:
        self._of_project: dict[UUID, set[Viewer]] = {}
        self._of_user: Counter[int | UUID] = Counter()  # of each user, and of each shared link
        self._had_interrupted = False  # runs, at the last look
        self._may_be_interrupted = False  # a run was running then
        self._look_at = 0.0  # on the event loop's clock
        recent_events.here().also_look(self._look_around)
        self._checked: Turns[Viewer] = Turns(AT_A_TIME, TIMES)
        self._looked_at: Turns[UUID] = Turns(AT_A_TIME, TIMES)

    def viewers(self) -> list[Viewer]:
        return [viewer for viewers in self._of_project.values() for viewer in viewers]

    def count_of(self, user: int | UUID) -> int:
        """Returns the number of connections of a user, or by a shared link."""
        return self._of_user[user]

    def join(self, viewer: Viewer) -> None:
        self._of_project.setdefault(viewer.identity.project, set()).add(viewer)
        self._of_user[viewer.identity.counted] += 1
        metrics.CONNECTIONS.add(viewer.transport)
        metrics.CONNECTIONS_OPENED.add(viewer.transport)
        draft_feed.here().join(viewer)
        waiting_feed.here().join(viewer)
        self._checked.add(viewer)  # its access was read before it joined
        wakeups.start()

    def leave(self, viewer: Viewer) -> None:
        """Closes the viewer. It may be called again."""
        viewer.close()
        draft_feed.here().leave(viewer)
        waiting_feed.here().leave(viewer)
        project = viewer.identity.project
        viewers = self._of_project.get(project, set())
        if viewer in viewers:
            viewers.remove(viewer)
            metrics.CONNECTIONS.add(viewer.transport, amount=-1)
            self._count_out(viewer.identity.counted)
        if not viewers:
            self._of_project.pop(project, None)

    def _count_out(self, user: int | UUID) -> None:
        self._of_user[user] -= 1
        if not self._of_user[user]:
            del self._of_user[user]

    def board_changed(self, source: UUID, project: UUID, version: int) -> None:
        """Tells the viewers of `project` that a commit in the session `source` changed its board."""
        for viewer in self._of_project.get(project, ()):
            viewer.board_changed(project, version, seen=viewer.session == source)

    async def _look_around(self, is_changed: bool) -> None:
        """Called several times a second; `is_changed`: something was committed since the last time."""
        if is_changed:
            self._renew()
        if not self._of_project:
            return
        try:
            await self._expel_unauthorized()
            await waiting_feed.here().look()
            now = asyncio.get_running_loop().time()
            # A lease also ends without a commit.
            if now >= self._look_at and (self._looked_at.is_waiting or self._may_be_interrupted):
                await self._look()
                self._look_at = now + LOOK
        except django.db.Error:  # without looks, who has lost access would go on watching
            logger.exception("The feed cannot look at the database")
            self._renew()

    def _renew(self) -> None:
        self._checked.renew()
        self._looked_at.renew()
        waiting_feed.here().renew()

    async def _look(self) -> None:
        projects = self._looked_at.next(lambda: self._of_project)
        found = await database.call(_look, projects)
        versions, interrupted, self._may_be_interrupted = found
        for project, version in versions.items():
            for viewer in self._of_project.get(project, ()):
                viewer.board_changed(project, version, seen=False)
        if interrupted or self._had_interrupted:
            for viewer in self.viewers():
                viewer.interrupted(interrupted.get(viewer.session))
        self._had_interrupted = bool(interrupted)
        await draft_feed.here().look()

    async def _expel_unauthorized(self) -> None:
        if not (viewers := self._checked.next(self.viewers)):
            return
        identities = {viewer.identity for viewer in viewers}
        codes = await database.call(connection_identity.not_allowed, identities)
        for viewer in viewers:
            if (code := codes.get(viewer.identity)) is not None:
                viewer.expel(code)


def _look(projects: list[UUID]) -> tuple[dict[UUID, int], dict[UUID, UUID], bool]:
    """Returns the version of each project's board, the interrupted run of each session with one, and whether
    another one may become interrupted.
    """
    versions = Project.objects.filter(pk__in=projects).values_list("pk", "board_version")
    is_any_running = claiming.is_any_running()  # first: a run may end in between
    return dict(versions), claiming.interrupted(), is_any_running


_feeds = PerLoop(Feed)


def here() -> Feed:
    """Returns the feed of the running event loop."""
    return _feeds.here()


def on_commit(committed: Committed) -> None:
    """Listens to `agent.event_log.log`."""
    if committed.board is not None and (feed := _feeds.find()) is not None:
        feed.board_changed(committed.session, *committed.board)


def on_announcement(announced: Announcement) -> None:
    """Listens to `chat.wakeups`."""
    recent_events.here().reached(announced.session, announced.seq, announced.at)
    if announced.board is not None and (feed := _feeds.find()) is not None:
        feed.board_changed(announced.session, *announced.board)
