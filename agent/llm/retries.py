"""The retries of one call to a model: how many are left, how long, and why the last request failed."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, replace

from agent.llm.errors import RequestFailed
from agent.llm.writing import Patience, Writing

RETRIES = 2
BACKOFF = 0.25  # seconds before the first retry, doubled for the second
MAX_PAUSE = 10.0  # seconds; when a server asks for a longer pause, the call fails


@dataclass(slots=True)
class Retries:
    """The retries that one call has left, within its deadline. `call`: the last request."""

    deadline: float  # of the loop's clock
    left: int = RETRIES
    reason: str = ""  # why the last request has no valid answer
    call: Writing | None = None

    def patience(self) -> Patience:
        attempt = RETRIES - self.left + 1
        gives_up_at = time.time() + self._remaining()
        return Patience(attempt, RETRIES + 1, self.reason, gives_up_at)

    async def pause(self, failed: RequestFailed) -> None:
        """Waits until the next retry. Raises the error when no retry or no time is left."""
        seconds = failed.pause
        if seconds is None:
            seconds = BACKOFF * 2 ** (RETRIES - self.left) * random.uniform(0.5, 1.5)
        if not failed.retryable or not self.left or seconds > min(MAX_PAUSE, self._remaining()):
            raise failed.error from failed
        self.left -= 1
        self.reason = str(failed.error)
        if self.call is not None:
            self.call.pause(replace(self.patience(), again_at=time.time() + seconds))
        await asyncio.sleep(seconds)

    def failed(self, error: Exception) -> None:
        """Notes why the last request has no valid answer, although its response came or was cut short."""
        if self.call is not None:
            self.call.error = str(error)

    def _remaining(self) -> float:
        return self.deadline - asyncio.get_running_loop().time()
