"""How fast new runs are taken up: no faster than this process can carry them through. Knows no run.

Most of a run is waiting for a model, so that hundreds fit into a process. But what hundreds do when
they begin at the same moment takes seconds, and comes back at once behind each of their calls: then
each waits for all others at every step. So new ones wait for their turn instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# So many may begin at once, after a while in which fewer did; and at first, when a process takes over
# from one that is gone.
BURST, AT_FIRST = 6, 20
# Of one processor, what runs may take on the average. Nearer to all of it, each step waits for many.
SHARE = 0.64
# Seconds of the processor that a run takes, until it is measured; and the most that is believed, for
# what the process does beside a few runs is counted as theirs.
COST, MOST = 0.05, 0.06
# How many runs that assumption is worth; and over how many it is measured, about: each counts half as
# much after as many more.
ASSUMED, MEMORY = 32, 512
# Seconds until one that was held up by a crowd asks again.
AGAIN = 0.05


class Admission:
    """A bucket of runs that may begin. `is_crowded` tells whether those under way wait for each other:
    then nothing begins, and what waited for the crowd to go begins at the pace, not at once.
    """

    def __init__(
        self,
        has_backlog: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        processor: Callable[[], float] = time.process_time,
    ) -> None:
        self._is_crowded, self._clock, self._processor = has_backlog, clock, processor
        self._left, self._at = float(AT_FIRST), clock()
        self._spent, self._runs, self._seen = ASSUMED * COST, ASSUMED, processor()
        self._active = 0

    @property
    def rate(self) -> float:
        """Runs a second."""
        return SHARE / min(self._spent / self._runs, MOST)

    def pause(self) -> float:
        """Returns the seconds until the next run may begin, or one may ask again; 0 for now."""
        now = self._clock()
        refilled = min(float(BURST), self._left + (now - self._at) * self.rate)
        self._left = max(self._left, refilled)
        self._at = now
        if self._is_crowded():
            self._left = min(self._left, 1.0)
            return AGAIN
        return (1 - self._left) / self.rate if self._left < 1 else 0.0

    def begin(self) -> None:
        self._left -= 1
        self._measure()
        self._active += 1

    def end(self, *, used: bool) -> None:
        """The run is over; not `used`: there was none."""
        if used:
            self._measure()
            self._runs += 1
            if self._runs > 2 * MEMORY:
                self._runs, self._spent = self._runs // 2, self._spent / 2
        else:
            self._left += 1
        self._active -= 1

    def _measure(self) -> None:
        """Counts what the processor did for the runs under way.

        A run counts at its end alone: where many are under way and none has ended, it seems to take
        much, and fewer begin.
        """
        seen, self._seen = self._seen, self._processor()
        if self._active:  # otherwise there was none until now to take anything
            self._spent += self._seen - seen
