"""The deadline of an effect: everybody else's events wait for it in the commit.

A statement that is still executed then is ended, and the effect changes nothing. Python's own work cannot
be ended; its effect is refused afterwards.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import connection

from agent.exceptions import EffectTooSlow

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Half of a lease: on SQLite, nobody renews one meanwhile.
SECONDS = 5.0
CHECK = 1.0  # seconds between two calls of `end_slow_effect` during a commit


@dataclass(slots=True)
class Deadline:
    """The deadline of one effect, which may be executed again."""

    is_over: bool = False

    def execute(self, effect: Callable[[], T]) -> T:
        """Executes the effect. Raises EffectTooSlow when it was too slow, now or before."""
        global _running
        if self.is_over:
            raise EffectTooSlow
        _running = _Running(self, connection.connection, time.monotonic())
        try:
            value = effect()
        finally:
            with _ending:
                _running = None
        if self.is_over:
            raise EffectTooSlow
        return value


@dataclass(frozen=True, slots=True)
class _Running:
    """The effect that is executed, since when, and the driver's connection that it uses."""

    deadline: Deadline
    connection: Any
    since: float


_running: _Running | None = None  # of the one thread that commits
# Held while an effect is ended: what follows it on the connection waits, and is not ended in its place.
_ending = threading.Lock()


def end_slow_effect() -> None:
    """Ends the statement of an effect whose deadline is over. To be called from another thread."""
    with _ending:
        running = _running
        if running is None or time.monotonic() - running.since < SECONDS:
            return
        running.deadline.is_over = True
        logger.warning("An effect took longer than %g s and is refused", SECONDS)
        if connection.vendor == "sqlite":
            running.connection.interrupt()
        else:
            running.connection.cancel_safe(timeout=SECONDS)
