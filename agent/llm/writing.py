"""What a model writes, while it writes: the text of one call so far, and the reasoning before it."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.llm.reasoning import AnswerText


class Writing:
    """The state of one call to a model. Nothing of it is validated.

    `verb`: the method of the model; `prompt_tokens`: estimated. `started_at`, `thought_at` (the first
    reasoning) and `wrote_at` (the first text): seconds since the epoch, None before it happens.
    """

    def __init__(self, verb: str, model: str, prompt_tokens: int, watch: Watch | None) -> None:
        self.verb, self.model, self.prompt_tokens = verb, model, prompt_tokens
        self.started_at = time.time()
        self.thought_at: float | None = None
        self.wrote_at: float | None = None
        self._watch = watch
        self._answer = AnswerText()
        self._text: list[str] = []
        self._thoughts: list[str] = []
        self._report()

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def thoughts(self) -> str:
        return "".join(self._thoughts)

    def take(self, content: str, thoughts: str = "") -> None:
        """Adds a chunk. `content` may have reasoning in it, `thoughts` came beside it."""
        if self._watch is None or not (content or thoughts):
            return
        inside = len(self._answer.thoughts)
        parts = self._answer.feed(content)
        self._think([thoughts, *self._answer.thoughts[inside:]])
        for part in parts:
            if part.starts_over:
                self._think(self._text)
                self._text, self.wrote_at = [], None
            if part.text:
                self.wrote_at = self.wrote_at or time.time()
                self._text.append(part.text)
        self._report()

    def _think(self, thoughts: list[str]) -> None:
        if any(thoughts):
            self.thought_at = self.thought_at or time.time()
            self._thoughts += thoughts

    def _report(self) -> None:
        if self._watch is not None:
            self._watch(self)


# Called on the event loop whenever a call begins or goes on. It must not block.
Watch = Callable[[Writing], None]
