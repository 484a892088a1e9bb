"""An answer while a model's server streams it: its pieces, its end, what goes wrong between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

import openai
from openai import AsyncStream
from openai._streaming import ServerSentEvent

from agent.exceptions import (
    ModelError,
    ModelInvalid,
    ModelTimeout,
    ModelTruncated,
    ModelUnavailable,
)
from agent.llm.base import StartOver, Usage
from agent.llm.errors import Failed, Server, from_error, from_exception
from agent.llm.reading import Signs, text_of, thoughts_of
from agent.llm.responses import (
    Ending,
    bad_end,
    count,
    declined,
    ending_of,
    first_choice,
    nothing_written,
    read,
    refusal_of,
)
from agent.llm.thoughts import AnswerText, Part

# Seconds that a finished answer is kept open for its usage; not every server then ends the stream.
AFTER_END = 2.0


class EventStream(AsyncStream[object]):
    """Knows whether the server said `[DONE]`, which the client takes as the end and passes over."""

    done = False

    async def _iter_events(self) -> AsyncIterator[ServerSentEvent]:
        async for event in super()._iter_events():
            self.done = self.done or event.data.startswith("[DONE]")
            yield event


async def whole_answer(source: EventStream, server: Server) -> dict[str, Any] | None:
    """Returns the response of a server that sent one JSON instead of a stream, else None.

    Raises Failed when it is a web page or an error.
    """
    kind = source.response.headers.get("content-type", "")
    if "json" not in kind and "html" not in kind:
        return None
    try:
        await source.response.aread()
        return read(source.response, server)
    finally:
        await source.close()


class AnswerStream:
    """Yields by `next`; whoever opened it closes it.

    `timeout`: seconds of waiting between two pieces; `left`: for the first. Only waiting counts, a
    reader may take its time.
    """

    def __init__(
        self,
        source: EventStream,
        server: Server,
        usage: Usage,
        *,
        timeout: float,
        left: float,
    ) -> None:
        self._source, self._server, self._usage = source, server, usage
        self._timeout, self._left = timeout, left
        self._signs, self._answer = Signs(), AnswerText()
        self._ready: deque[str | StartOver] = deque()
        self._used: Any = None
        self._finished = False  # the server has said that the answer is whole
        self._error: ModelError | None = None  # what to raise behind the pieces that are ready
        self._written = self._any = self._over = self._thought = False
        self._refusal = ""

    async def next(self) -> str | StartOver | None:
        """Returns the next piece; None after the last. Raises ModelError when it is no answer."""
        while not self._ready and not self._over:
            if self._error is not None:
                raise self._error
            event = await self._event()
            if event is None:
                self._end()
            else:
                self._take(event)
        if self._ready:
            return self._ready.popleft()
        if not self._written:
            raise nothing_written(thought=self._thought or self._answer.thought)
        return None

    async def close(self) -> None:
        """Ends the connection when it is still open, and counts what was used until now."""
        count(self._usage, self._used)
        self._used = None
        await self._source.close()

    async def _event(self) -> Any:
        """Returns what the server sends next, or None at the end of a finished answer."""
        clock = asyncio.get_running_loop().time
        since = clock()
        try:
            async with asyncio.timeout(self._left):
                event = await anext(self._source)
            self._left -= clock() - since
            return event
        except StopAsyncIteration:
            if self._source.done and self._any:
                return None  # the end of the stream is one of the answer, with a reason or without
            broken = self._broken_off()
        except TimeoutError:
            broken = ModelTimeout(f"The model wrote nothing for {self._timeout:g} seconds.")
        except openai.APIError as error:
            broken = self._cut(error)
        except (ValueError, RecursionError):
            broken = ModelInvalid("The model's server sent a piece of answer that cannot be read.")
        if self._finished:
            return None
        raise broken

    def _broken_off(self) -> ModelError:
        if self._any:
            return ModelTruncated("The model's answer broke off: its stream ended without an end.")
        return ModelUnavailable(
            f"The server at {self._server.host} sent no answer: the stream of pieces was empty."
        )

    def _cut(self, error: openai.APIError) -> ModelError:
        failed = from_exception(error, self._server)
        return self._ended_by(failed, isinstance(error, openai.APIConnectionError))

    def _ended_by(self, failed: Failed, connection: bool) -> ModelError:
        if not self._written:
            return failed.error
        if connection:
            return ModelTruncated("The model's answer broke off: the connection was cut.")
        return ModelTruncated(f"The model's answer broke off. {failed.error}")

    def _end(self) -> None:
        self._over = True
        self._add([*self._answer.feed(self._signs.rest()), *self._answer.rest()])
        if self._refusal and not self._written:
            raise declined(self._refusal, self._server)

    def _take(self, event: Any) -> None:
        """Adds what `event` says to the answer."""
        if not isinstance(event, Mapping):
            raise ModelInvalid("The model's server sent a piece of answer that cannot be read.")
        if event.get("error"):
            raise self._ended_by(from_error(event["error"], self._server), connection=False)
        self._any = True
        self._used = event.get("usage") or self._used  # some count up in each piece
        choice = first_choice(event)
        delta = choice.get("delta")
        delta = delta if isinstance(delta, Mapping) else {}
        self._refusal += refusal_of(delta)
        text = self._signs.feed(text_of(delta.get("content")))
        thinks = bool(thoughts_of(delta))
        self._thought = self._thought or thinks
        self._add(self._answer.feed(text))
        self._note_end(choice.get("finish_reason"), alive=bool(text) or thinks)

    def _add(self, parts: list[Part]) -> None:
        for part in parts:
            if part.starts_over:
                self._written = False
                self._ready.append(StartOver())
            if part.text:
                self._written = self._written or bool(part.text.strip())
                self._ready.append(part.text)

    def _note_end(self, reason: Any, *, alive: bool) -> None:
        """Keeps the time, and what the server says of the end.

        Some servers say `stop` with each piece, or behind a thought: the end is only where nothing
        follows any more. A `stop` with nothing beside it is mostly the end, so that it is waited for
        no longer than servers need that go on to count tokens.
        """
        ended = bad_end(reason)
        if ended is not None:
            self._error = ended
            self._add(self._answer.rest())
        elif ending_of(reason) is Ending.WHOLE:
            self._finished = True
            self._left = self._timeout if alive or not self._written else AFTER_END
        elif alive:
            self._finished, self._left = False, self._timeout
