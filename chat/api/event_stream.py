"""A session's frames, one by one, for streams over HTTP. What its reader has not taken stays in the log."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator

from agent.event_log.log import Frame
from agent.support import database
from chat import feed
from chat.connection_identity import ConnectionIdentity
from chat.viewer import Notice, Viewer

logger = logging.getLogger(__name__)


async def frames(
    identity: ConnectionIdentity, after: int, *, sidebar: str | None = None
) -> AsyncGenerator[Frame | Notice, None]:
    """Yields `hello`, the events after `after`, and each new one; ends when access does.

    Notices such as heartbeats, and the sidebar for a client that shows one, come in between. A cursor
    beyond the log's end gets `resync` first.
    """
    viewer = Viewer(identity, after, sidebar=sidebar)
    feed.here().join(viewer)
    try:
        await viewer.greet()
        while viewer.close_code is None:
            viewer.expect_news()
            while viewer.close_code is None and (frame := await _next(viewer)) is not None:
                viewer.sent_at = viewer.loop.time()
                yield frame
            await viewer.news
    except database.CONNECTION_ERRORS:  # the reader comes back with its cursor
        logger.exception("The log cannot be read; ending a stream")
    finally:
        feed.here().leave(viewer)


async def _next(viewer: Viewer) -> Frame | Notice | None:
    if viewer.notices:
        return viewer.notices.pop(0)
    return await viewer.next() or viewer.take_sidebar() or viewer.take_draft()
