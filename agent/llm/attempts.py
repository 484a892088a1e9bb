"""The attempts to send one prompt: each is shorter than the one that the server refused for its length."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.exceptions import BudgetExceeded
from agent.llm.fitting import Fitted, Prompt, fit
from agent.llm.options import SMALLEST
from agent.llm.retries import Retries
from agent.llm.tokens import estimate
from agent.llm.windows import Window, room
from agent.llm.writing import pack

MAX_ATTEMPTS = 5
MARGIN = 1.1  # how much longer a prompt may be than estimated


@dataclass(slots=True)
class Attempts:
    """Of the prompt that was sent last, by verb: `left_out` is filled with what is not in it, `shown` with
    its context; {} if the server cut the prompt; `packed` with its turns, if `keeps`.
    """

    prompt: Prompt
    window: Window
    model: str
    left_out: dict[str, str]
    shown: dict[str, Mapping[str, Any]]
    keeps: bool = False
    retries: Retries | None = None
    packed: bytes | None = field(default=None, init=False)
    _sent: Fitted | None = field(default=None, init=False)
    _refusal: BudgetExceeded | None = field(default=None, init=False)  # of what was sent last
    _refusals: int = field(default=0, init=False)

    @property
    def prompt_tokens(self) -> int:
        """Returns about how many tokens were sent last."""
        return self.window.real(self._sent.tokens) if self._sent else 0

    async def turns(self) -> list[dict[str, str]]:
        """Returns the turns for the next attempt. Raises BudgetExceeded when they cannot be short enough."""
        size = self.window.size
        limit = None if size is None else int(room(size) / self.window.ratio)
        fitted, self.packed = await asyncio.to_thread(self._fit, limit)  # it would block the loop
        if self._refusal and self._sent and fitted.tokens >= self._sent.tokens:
            self.window.guessed = None
            raise self._too_long(fitted) if self.window.known else self._refusal
        if self.window.known and self.window.real(fitted.tokens) > self.window.known:
            raise self._too_long(fitted)
        self._sent, self._refusal = fitted, None
        self._tell(fitted)
        self.shown[self.prompt.verb] = fitted.context
        return fitted.turns

    def _fit(self, limit: int | None) -> tuple[Fitted, bytes | None]:
        fitted = fit(self.prompt, limit)
        return fitted, pack(fitted.turns) if self.keeps else None

    def room(self, limit: int) -> int:
        """Returns how many tokens the answer may have: `limit`, or what the window has left."""
        assert self._sent is not None, "something was sent"
        if self.window.size is None:
            return limit
        # The estimate may be too low, and a server refuses a sum above its window.
        left = self.window.size - round(self.sent_tokens * MARGIN)
        return min(limit, max(left, SMALLEST))

    @property
    def kept_turns(self) -> list[dict[str, str]]:
        """Returns the turns that were sent last, if `keeps`."""
        return self._sent.turns if self._sent and self.keeps else []

    @property
    def sent_tokens(self) -> int:
        """About how many tokens the last prompt has."""
        return self.window.real(self._sent.tokens) if self._sent else 0

    def refused(self, error: BudgetExceeded) -> None:
        """Learns from a refusal for length. Raises it after the last attempt."""
        assert self._sent is not None, "something was sent"
        self.window.refused(error, self._sent.tokens)
        self._note(error)
        if self._refusals >= MAX_ATTEMPTS:
            raise error

    def _note(self, refusal: BudgetExceeded) -> None:
        self._refusal = refusal
        self._refusals += 1

    def counted(self, tokens: int) -> bool:
        """Learns from the server's count of the prompt. Returns whether to send a shorter one.

        Some servers cut a prompt that is too long, and answer what is left of it.
        """
        assert self._sent is not None, "something was sent"
        if not self.window.counted(tokens, self._sent.tokens):
            return False
        self._note(BudgetExceeded("The model's server cut the prompt.", tokens))
        self.shown[self.prompt.verb] = {}
        self.left_out[self.prompt.verb] = (
            f"The model's server cut the prompt to {tokens:,} tokens: the answer may miss something"
        )
        return self._refusals < MAX_ATTEMPTS

    def _tell(self, fitted: Fitted) -> None:
        if not fitted.left_out:
            self.left_out.pop(self.prompt.verb, None)
            return
        about = "" if self.window.size == self.window.known else "about "
        self.left_out[self.prompt.verb] = (
            f"Left out to fit the model's window of {about}{self.window.size:,} tokens:"
            f" {fitted.left_out}"
        )

    def _too_long(self, fitted: Fitted) -> BudgetExceeded:
        message = self.window.real(estimate(self.prompt.context.message))
        others = self.window.real(fitted.tokens) - message
        size = f" of {self.window.size:,} tokens" if self.window.size else ""
        is_message = message > others
        return BudgetExceeded(
            f"The request is too long for the model {self.model}: the message has about {message:,}"
            f" tokens and the instructions {others:,}, more than the model's window{size} has room"
            f" for. "
            + ("Shorten the message." if is_message else "Use a model with a larger window.")
        )
