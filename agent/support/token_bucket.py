"""A token bucket limits how often something happens. Keeps no clock: callers pass the time in seconds."""

from __future__ import annotations


class TokenBucket:
    """`burst` tokens at once, `rate` a second in the long run; at first `tokens`, even if they are more."""

    def __init__(
        self, *, burst: float, rate: float, now: float, tokens: float | None = None
    ) -> None:
        self.burst, self.rate = burst, rate
        self.tokens = burst if tokens is None else tokens
        self._refilled_at = now

    def refill(self, now: float) -> None:
        refilled = min(self.burst, self.tokens + (now - self._refilled_at) * self.rate)
        self.tokens = max(self.tokens, refilled)
        self._refilled_at = now

    def take(self, now: float, amount: float = 1) -> bool:
        """Takes `amount` tokens and returns True, or returns False when there are fewer."""
        self.refill(now)
        if self.tokens < amount:
            return False
        self.tokens -= amount
        return True

    def give_back(self) -> None:
        """Undoes a `take`."""
        self.tokens += 1
