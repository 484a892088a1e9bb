"""A session's frames, one by one, for streams over HTTP. What its reader has not taken stays in the log."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator

from agent.event_log.log import Frame
from agent.support import database, metrics
from chat import feed
from chat.connection_identity import ConnectionIdentity
from chat.viewer import Notice, Viewer

logger = logging.getLogger(__name__)


async def frames(
    identity: ConnectionIdentity, after: int, transport: str, *, sidebar: str | None = None
) -> AsyncGenerator[Frame | Notice, None]:
    """Yields `hello`, the events after `after`, and each new one; ends when access does.

    Notices such as heartbeats, and the sidebar for a client that shows one, come in between. A cursor
    beyond the log's end gets `resync` first. `transport`: what the stream is counted as.
    """
    viewer = Viewer(identity, after, transport, sidebar=sidebar)
    feed.here().join(viewer)
    sent = 0  # events of a burst
    try:
        await viewer.greet()
        while viewer.close_code is None:
            viewer.expect_news()
            while viewer.close_code is None and (frame := await _next(viewer)) is not None:
                viewer.sent_at = viewer.loop.time()
                sent += frame.seq is not None
                yield frame
            if sent:
                viewer.delivered()
                sent = 0
            await viewer.news
    except database.CONNECTION_ERRORS:  # the reader comes back with its cursor
        logger.exception("The log cannot be read; ending a stream")
        metrics.STREAM_ERRORS.add("database")
    finally:
        feed.here().leave(viewer)


async def _next(viewer: Viewer) -> Frame | Notice | None:
    if viewer.notices:
        return viewer.notices.pop(0)
    return await viewer.next() or viewer.take_sidebar() or viewer.take_draft()
