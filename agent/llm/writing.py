"""One call to a model: what was sent, and what the model writes, while it writes and afterwards."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from agent.llm.reasoning import AnswerText, Part
from agent.support import metrics


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request is waited for. Times in seconds since the epoch, None if there is none.

    `attempt` of `attempts`; `reason`: why the request before it has no valid answer; `again_at`: when the
    next attempt follows a failed one.
    """

    attempt: int = 1
    attempts: int = 1
    reason: str = ""
    gives_up_at: float | None = None
    again_at: float | None = None


class Writing:
    """The state of one call to a model. Nothing of it is validated.

    `verb`: the method of the model; `prompt_tokens`: estimated; `prompt`: what was sent, as `pack` returns
    it, or None if nobody keeps it; `turns`: the same as they were sent, or none. `started_at`,
    `thought_at` (the first reasoning), `wrote_at` (the first text) and `ended_at`: seconds since the epoch,
    None before it happens. `used`: the tokens that the server counted, of the prompt and of the answer;
    `error`: why the call failed, in words.
    """

    def __init__(
        self,
        verb: str,
        model: str,
        prompt_tokens: int,
        watch: Watch | None,
        prompt: bytes | None = None,
        patience: Patience = Patience(),
        turns: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self.verb, self.model, self.prompt_tokens = verb, model, prompt_tokens
        self.prompt, self.patience, self.turns = prompt, patience, turns
        self.id: UUID = uuid4()
        self.used = (0, 0)
        self.error = ""
        self.ended_at: float | None = None
        self.started_at = time.time()
        self.thought_at: float | None = None
        self.wrote_at: float | None = None
        self._watch = watch
        self._whole: tuple[str, str] | None = None  # of a response that was not streamed
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
        if content or thoughts:
            inside = len(self._answer.thoughts)
            self._add(self._answer.feed(content), [thoughts, *self._answer.thoughts[inside:]])
            self._report()

    def take_whole(self, content: str, thoughts: str) -> None:
        """Keeps the text of a response that was not streamed. It is validated at once, so that `text`
        and `thoughts`, which are shown meanwhile, stay empty.
        """
        reader, text = AnswerText(), ""
        for part in (*reader.feed(content), *reader.rest()):
            text = part.text if part.starts_over else text + part.text
        self._whole = text, thoughts + "".join(reader.thoughts)

    @property
    def written(self) -> tuple[str, str]:
        """Returns the text and the reasoning of a call that is over, streamed or not."""
        return self._whole or (self.text, self.thoughts)

    def count(self, prompt: int, answer: int) -> None:
        """Notes the tokens that the server counted."""
        self.used = prompt, answer
        metrics.MODEL_TOKENS.add(self.model, "input", amount=prompt)
        metrics.MODEL_TOKENS.add(self.model, "output", amount=answer)

    def pause(self, patience: Patience) -> None:
        """The request has failed, and another one follows."""
        self.patience = patience
        self._report()

    def end(self) -> None:
        """Ends the call. An unfinished mark at the end of its text is text."""
        self.ended_at = time.time()
        self._add(self._answer.rest(), [])

    def _add(self, parts: Sequence[Part], thoughts: list[str]) -> None:
        self._think(thoughts)
        for part in parts:
            if part.starts_over:
                self._think(self._text)
                self._text, self.wrote_at = [], None
            if part.text:
                self.wrote_at = self.wrote_at or time.time()
                self._text.append(part.text)

    def _think(self, thoughts: list[str]) -> None:
        if any(thoughts):
            self.thought_at = self.thought_at or time.time()
            self._thoughts += thoughts

    def _report(self) -> None:
        if self._watch is not None:
            self._watch(self)


def pack(turns: Sequence[Mapping[str, str]]) -> bytes:
    """Returns the turns of a prompt, each with `role` and `content`, as compressed JSON."""
    return zlib.compress(json.dumps(turns, ensure_ascii=False).encode(errors="replace"), 1)


def unpack(prompt: bytes) -> list[dict[str, str]]:
    turns: list[dict[str, str]] = json.loads(zlib.decompress(prompt))
    return turns


# Called on the event loop whenever a call begins or goes on. It must not block.
Watch = Callable[[Writing], None]
