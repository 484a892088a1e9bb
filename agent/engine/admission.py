"""Limits how fast runs start in this process, by the processor time that runs take. Knows no run.

A run mostly waits for a model, so hundreds fit into a process. But the start of a run takes processor
time, and hundreds that start together delay each other's every step for seconds. So a run starts at once
while few are active, and otherwise one starts after the other, at a rate that the processor can sustain.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.support.token_bucket import TokenBucket

# So many active runs never crowd a process, whatever the speed of their model.
FEW = 6
# Runs that may start at once: after a quiet while, and in a new process, which may take over from one
# that is gone.
BURST, INITIAL_BURST = 6, 20
# The share of one processor that runs may use on average. With more, steps queue for the processor.
CPU_SHARE = 0.64
# Processor seconds for a run: the estimate before any is measured, and an upper bound of the measured
# value, which includes the work of the process beside its runs.
CPU_PER_RUN, MAX_CPU_PER_RUN = 0.05, 0.06
# How many runs the estimate weighs as, and after how many runs an old one weighs half.
PRIOR_RUNS, HALF_LIFE = 32, 512
RETRY_AFTER = 0.05  # seconds until the next check while there is a backlog


class Admission:
    """Few runs start at once; more start by a token bucket whose rate follows the measured cost of a run.

    `has_backlog` tells whether running runs wait for each other's writes: then no run starts, and
    afterwards runs start one by one instead of in a burst.
    """

    def __init__(
        self,
        has_backlog: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        processor: Callable[[], float] = time.process_time,
    ) -> None:
        self._has_backlog, self._clock, self._processor = has_backlog, clock, processor
        self._cpu, self._runs, self._measured_at = PRIOR_RUNS * CPU_PER_RUN, PRIOR_RUNS, processor()
        self._active = 0
        self._bucket = TokenBucket(burst=BURST, rate=self.rate, now=clock(), tokens=INITIAL_BURST)

    @property
    def rate(self) -> float:
        """Runs a second."""
        return CPU_SHARE / min(self._cpu / self._runs, MAX_CPU_PER_RUN)

    def pause(self) -> float:
        """Returns the seconds until the next run may start, or until the next check; 0 for now."""
        bucket = self._bucket
        bucket.rate = self.rate
        bucket.refill(self._clock())
        if self._active < FEW:
            return 0.0
        if self._has_backlog():
            bucket.tokens = min(bucket.tokens, 1.0)
            return RETRY_AFTER
        return max(0.0, 1 - bucket.tokens) / bucket.rate

    def begin(self) -> None:
        # Not below 0: the few that need no token leave no debt.
        self._bucket.tokens = max(0.0, self._bucket.tokens - 1)
        self._measure()
        self._active += 1

    def end(self, *, used: bool) -> None:
        """Call once after each `begin`. `used`: there was a run to execute."""
        if used:
            self._measure()
            self._runs += 1
            if self._runs > 2 * HALF_LIFE:
                self._runs, self._cpu = self._runs // 2, self._cpu / 2
        else:
            self._bucket.give_back()
        self._active -= 1

    def _measure(self) -> None:
        """Adds the processor time since the last measurement, if runs were active.

        A run is counted only when it ends. While many are active and none has ended, a run seems
        expensive, and fewer start.
        """
        before, self._measured_at = self._measured_at, self._processor()
        if self._active:
            self._cpu += self._measured_at - before
