"""An answer while a model's server streams it: its pieces, its end, what goes wrong between."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import openai
from openai import AsyncStream

from agent.exceptions import (
    ModelError,
    ModelInvalid,
    ModelTimeout,
    ModelTruncated,
    ModelUnavailable,
)
from agent.llm.base import Usage
from agent.llm.errors import Failed, Server, from_error, from_exception
from agent.llm.reading import Pieces, text_of
from agent.llm.responses import bad_end, count, declined, first_choice, read, refusal_of

# Seconds that a finished answer is kept open for its usage; not every server then ends the stream.
AFTER_END = 2.0


async def check(source: AsyncStream[object], server: Server) -> None:
    """Raises Failed when what was opened is no stream of events but JSON or a web page."""
    kind = source.response.headers.get("content-type", "")
    if "json" not in kind and "html" not in kind:
        return
    try:
        await source.response.aread()
        read(source.response, server)
    finally:
        await source.close()
    text = "The model's server sent one JSON answer where a stream of pieces was expected."
    raise Failed(ModelInvalid(text))


class AnswerStream:
    """Yields by `next`; whoever opened it closes it.

    `timeout`: seconds of waiting between two pieces; `left`: for the first. Only waiting counts, a
    reader may take its time.
    """

    def __init__(
        self,
        source: AsyncStream[object],
        server: Server,
        usage: Usage,
        *,
        timeout: float,
        left: float,
    ) -> None:
        self._source, self._server, self._usage = source, server, usage
        self._timeout, self._left = timeout, left
        self._pieces = Pieces()
        self._used: Any = None
        self._finished = self._written = self._any = self._over = False
        self._refusal = ""

    async def next(self) -> str:
        """Returns the next piece, or "" after the last. Raises ModelError when it is no answer."""
        while not self._over:
            event = await self._event()
            text = self._rest() if event is None else self._take(event)
            if text.strip():
                self._written = True
            if text:
                return text
        if not self._written:
            raise ModelInvalid("The model answered with nothing: an answer in words was expected.")
        return ""

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

    def _rest(self) -> str:
        self._over = True
        if self._refusal and not self._written:
            raise declined(self._refusal, self._server)
        return self._pieces.rest()

    def _take(self, event: Any) -> str:
        """Returns the text that `event` adds."""
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
        text = text_of(delta.get("content"))
        self._keep_time(alive=bool(text or _thinks(delta)))
        self._note_end(choice.get("finish_reason"))
        return self._pieces.feed(text)

    def _keep_time(self, *, alive: bool) -> None:
        if alive and not self._finished:
            self._left = self._timeout

    def _note_end(self, reason: Any) -> None:
        if not reason or self._finished:
            return
        if (ended := bad_end(reason)) is not None:
            raise ended
        self._finished = True
        self._left = AFTER_END


def _thinks(delta: Mapping[str, Any]) -> bool:
    """Tells whether a model that writes nothing yet is at least thinking aloud."""
    return bool(delta.get("reasoning_content") or delta.get("reasoning") or delta.get("content"))
