"""Limits of a connection: events that its client has not acknowledged, and frames that it may send."""

from __future__ import annotations

from collections import deque

MAX_EVENTS = 1024
MAX_BYTES = 1_048_576
PATIENCE = 30.0  # seconds that the window may stay full, or that sending one frame may take


class Window:
    """The events that were sent and not yet acknowledged."""

    def __init__(self) -> None:
        # Position and size. None while there are none: an empty deque takes 600 bytes.
        self._open: deque[tuple[int, int]] | None = None
        self._bytes = 0
        self.full_since: float | None = None  # when the window became full, if it is

    @property
    def is_full(self) -> bool:
        return self._bytes >= MAX_BYTES or len(self._open or ()) >= MAX_EVENTS

    def sent(self, seq: int, size: int, now: float) -> None:
        if self._open is None:
            self._open = deque()
        self._open.append((seq, size))
        self._bytes += size
        if self.full_since is None and self.is_full:
            self.full_since = now

    def acknowledged(self, seq: int) -> bool:
        """Forgets the events up to `seq`; tells whether there were any."""
        is_further = False
        while self._open and self._open[0][0] <= seq:
            self._bytes -= self._open.popleft()[1]
            is_further = True
        self._open = self._open or None
        if not self.is_full:
            self.full_since = None
        return is_further

    def is_too_slow(self, now: float) -> bool:
        return self.full_since is not None and now - self.full_since > PATIENCE
