"""A watch on an event loop: the log says what held the loop for more than `HELD` seconds.

What counts is the processor time of the loop's thread, so that a busy machine is not taken for a busy
loop. The loop beats; a thread looks at the stack of the loop's thread whenever a beat is late. A hold is
told when all looks found the same callback: many short callbacks in a row are load, and not a hold.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType

from agent.support.per_loop import PerLoop

logger = logging.getLogger(__name__)

HELD = 0.1  # seconds of the processor
PERIOD = 0.025  # seconds between two beats
STEP = 0.01  # seconds between two looks while a beat is late
ENDLESS = 5.0  # seconds after which a hold is told before its end
MOST_PLACES = 12


@dataclass(slots=True)
class _Looks:
    """What was seen since the last beat. `callback`: the frame that the loop called, if it was always the
    same; `stack`: that of the first look.
    """

    callback: FrameType | None = None
    stack: str = ""
    are_same: bool = True
    is_told: bool = False

    def add(self, chain: list[FrameType]) -> None:
        if self.callback is None:
            self.callback, self.stack = chain[-1], _places(chain)
        self.are_same = self.are_same and chain[-1] is self.callback


@dataclass(slots=True)
class _Hold:
    seconds: float
    stack: str


@dataclass(slots=True)
class LoopWatch:
    """The watch on the running loop, from `start` to `stop`."""

    _looks: _Looks = field(default_factory=_Looks)
    _holds: deque[_Hold] = field(default_factory=deque)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _timer: asyncio.TimerHandle | None = None
    _thread: int = 0  # the loop's
    _below: list[CodeType] = field(default_factory=list)  # a callback, the nearest first
    _beat_at: float = 0.0
    _beat_cpu: float = 0.0

    def start(self) -> None:
        self._thread = threading.get_ident()
        self._beat_at, self._beat_cpu = time.monotonic(), time.thread_time()
        self._schedule()
        threading.Thread(target=self._watch, name="loop-watch", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()

    # -- on the loop -------------------------------------------------------------------------------

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        # In an empty context: that of a request keeps its thread.
        self._timer = loop.call_later(PERIOD, self._beat, context=contextvars.Context())

    def _beat(self) -> None:
        if not self._below:
            self._below = [frame.f_code for frame in _chain(sys._getframe())[1:]]
        now, looks = time.thread_time(), self._looks
        # The beat was due after `PERIOD`; since then, the loop has not come back once.
        held = now - self._beat_cpu - PERIOD
        if held > HELD and looks.are_same and looks.stack:
            self._holds.append(_Hold(held + PERIOD, looks.stack))
        if looks.callback is not None:
            self._looks = _Looks()
        self._beat_at, self._beat_cpu = time.monotonic(), now
        self._schedule()

    # -- in the thread -----------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stopped.wait(STEP if self._looks.callback else 2 * PERIOD):
            late = time.monotonic() - self._beat_at - PERIOD
            if late > STEP and self._below:
                self._look(late)
            while self._holds:
                hold = self._holds.popleft()
                _tell("was held for", hold)

    def _look(self, late: float) -> None:
        looks, below = self._looks, self._below
        chain = _chain(sys._current_frames().get(self._thread))
        called = chain[: -len(below)]
        # The loop waits, or has gone on while the frames were read.
        if not called or [frame.f_code for frame in chain[len(called) :]] != below:
            return
        if called[-1].f_code is not LoopWatch._beat.__code__:
            looks.add(called)
        if late > ENDLESS and looks.are_same and not looks.is_told:
            looks.is_told = True
            _tell("is held, so far for", _Hold(late, looks.stack))


def _tell(what: str, hold: _Hold) -> None:
    logger.warning("The event loop %s %d ms by %s", what, hold.seconds * 1000, hold.stack)


def _chain(frame: FrameType | None) -> list[FrameType]:
    """Returns the frame and those below it, the innermost first."""
    chain = []
    while frame is not None:
        chain.append(frame)
        frame = frame.f_back
    return chain


def _places(chain: list[FrameType]) -> str:
    """Returns where each function is, the innermost first: "board/tasks.py:12 create_task < …"."""
    places = [
        f"{'/'.join(Path(one.f_code.co_filename).parts[-2:])}:{one.f_lineno} {one.f_code.co_name}"
        for one in chain
    ]
    if len(places) > MOST_PLACES:
        places[MOST_PLACES // 2 : -MOST_PLACES // 2] = ["…"]
    return " < ".join(places)


_watches = PerLoop(LoopWatch)


def start() -> None:
    """Watches the running loop from now on; does nothing if it is watched already."""
    if _watches.find() is None:
        _watches.here().start()


def stop() -> None:
    """Ends the watch on the running loop."""
    if (watch := _watches.drop()) is not None:
        watch.stop()
