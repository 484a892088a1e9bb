"""Reads a streamed answer: its chunks, its end, and errors in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
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
from agent.llm.connections import from_exception
from agent.llm.errors import RequestFailed, Server, from_error
from agent.llm.joining import Joined, first_choice
from agent.llm.reading import SurrogateJoiner, reasoning_of, text_of
from agent.llm.reasoning import AnswerText, Part
from agent.llm.responses import (
    Ending,
    abnormal_end,
    count,
    declined,
    empty_answer,
    ending_of,
    prompt_tokens,
    read,
    refusal_of,
)
from agent.llm.writing import Writing

# Seconds to wait for the usage after a finished answer. Not every server then ends the stream.
USAGE_TIMEOUT = 2.0
_LOST = "The model's answer is incomplete: the connection was lost."


class EventStream(AsyncStream[object]):
    """A stream that remembers whether the server sent `[DONE]`, which the client hides."""

    done = False

    async def _iter_events(self) -> AsyncIterator[ServerSentEvent]:
        async for event in super()._iter_events():
            self.done = self.done or event.data.startswith("[DONE]")
            yield event


async def complete_response(source: EventStream, server: Server) -> dict[str, Any] | None:
    """Returns the JSON response of a server that did not stream, else None.

    Raises RequestFailed when it is a web page or an error.
    """
    kind = _kind(source)
    return await _whole(source, server) if "json" in kind or "html" in kind else None


async def joined_response(source: EventStream, server: Server, writing: Writing) -> dict[str, Any]:
    """Returns the response, joined from its chunks if the server streams; `writing` gets these at once.

    Raises RequestFailed, and BrokenStream when the server seems unable to stream this response.
    """
    if "event-stream" not in _kind(source):
        return await _whole(source, server)
    joined = Joined(writing)
    try:
        while not source.done and (event := await _next(source, joined)) is not None:
            joined.take(event)
        body = joined.body()
    except openai.APIError as error:
        if joined.has_text and isinstance(error, openai.APIConnectionError):
            raise RequestFailed(ModelTruncated(_LOST), retryable=True) from error
        raise from_exception(error, server) from error
    except (ValueError, RecursionError):
        text = "The model's server sent a chunk that is not valid JSON."
        raise BrokenStream(ModelInvalid(text)) from None
    finally:
        await source.close()
    if body.get("error"):
        raise from_error(body["error"], server)
    if not (joined.has_chunk and (source.done or joined.is_ended)):
        raise BrokenStream(incomplete(server, has_chunk=joined.has_chunk))
    return body


class BrokenStream(RequestFailed):
    """A stream ended early or cannot be read. The same request without a stream may succeed."""

    def __init__(self, error: ModelError) -> None:
        super().__init__(error, retryable=True)


async def _next(source: EventStream, joined: Joined) -> Any:
    """Returns the next event, or None after the last."""
    try:
        async with asyncio.timeout(USAGE_TIMEOUT if joined.is_complete else None):
            return await anext(source, None)
    except TimeoutError:
        if not joined.is_complete:
            raise  # the deadline of the call
        return None


def incomplete(server: Server, *, has_chunk: bool) -> ModelError:
    if has_chunk:
        return ModelTruncated("The model's answer is incomplete: the stream ended early.")
    return ModelUnavailable(f"The server at {server.host} sent no answer: the stream was empty.")


def _kind(source: EventStream) -> str:
    return str(source.response.headers.get("content-type", ""))


async def _whole(source: EventStream, server: Server) -> dict[str, Any]:
    try:
        await source.response.aread()
        return read(source.response, server)
    except httpx2.HTTPError as error:
        request = source.response.request
        raise from_exception(openai.APIConnectionError(request=request), server) from error
    finally:
        await source.close()


class AnswerStream:
    """An open stream, to be read by `next` and closed by `close`.

    `timeout`: seconds to wait between two chunks; `left`: for the first one. The time that the reader
    takes does not count. `prompt`: its estimated tokens, which count if the stream ends before the
    server's own counts; 0 if it would send none.
    """

    def __init__(
        self,
        source: EventStream,
        server: Server,
        usage: Usage,
        *,
        timeout: float,
        left: float,
        writing: Writing,
        prompt: int = 0,
    ) -> None:
        self._source, self._server, self._usage = source, server, usage
        self.writing = writing
        self._timeout, self._left, self._prompt = timeout, left, prompt
        self._pieces = 0  # events with text or reasoning: each is about a token
        self._joiner, self._answer = SurrogateJoiner(), AnswerText()
        self._ready: deque[str | StartOver] = deque()
        self._last_usage: Any = None
        self._finished = False  # the server has reported a complete answer
        self._error: ModelError | None = None  # to be raised after the ready chunks
        self._has_text = self._has_event = self._over = self._reasoned = self._too_long = False
        self._refusal = ""
        self.prompt_tokens = 0  # as the server counted them; known after `close`

    async def next(self) -> str | StartOver | None:
        """Returns the next chunk; None after the last. Raises ModelError when the answer failed."""
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
        if not self._has_text:
            raise empty_answer(reasoned=self._reasoned or self._answer.reasoned)
        return None

    async def close(self) -> None:
        """Closes the connection if it is still open, and counts the usage so far."""
        used = self._last_usage
        if used is None and self._prompt and not self._over:  # it was cut
            used = {"prompt_tokens": self._prompt, "completion_tokens": self._pieces}
        counted = count(self._usage, used)
        if used is not None:  # `close` may be called again
            self.writing.count(*counted)
        self.prompt_tokens = prompt_tokens({"usage": self._last_usage})
        self._last_usage = None
        await self._source.close()

    @property
    def cut_while_reasoning(self) -> bool:
        """Whether the answer reached its maximum length before it began."""
        return self._too_long and not self._has_text

    async def _event(self) -> Any:
        """Returns the next event, or None at the end of a finished answer. Raises ModelError."""
        clock = asyncio.get_running_loop().time
        since = clock()
        try:
            async with asyncio.timeout(self._left):
                event = await anext(self._source)
            self._left -= clock() - since
            return event
        except StopAsyncIteration:
            if self._source.done and self._has_event:
                return None  # `[DONE]` ends the answer, with or without a reason
            failure: ModelError = incomplete(self._server, has_chunk=self._has_event)
        except TimeoutError:
            failure = ModelTimeout(f"The model sent nothing for {self._timeout:g} seconds.")
        except openai.APIError as error:
            failure = self._cut(error)
        except (ValueError, RecursionError):
            failure = ModelInvalid("The model's server sent a chunk that is not valid JSON.")
        if self._finished:
            return None
        raise failure

    def _cut(self, error: openai.APIError) -> ModelError:
        failed = from_exception(error, self._server)
        return self._ended_by(failed, isinstance(error, openai.APIConnectionError))

    def _ended_by(self, failed: RequestFailed, connection: bool) -> ModelError:
        if connection and self._pieces:
            return ModelTruncated(_LOST)
        if not self._has_text:
            return failed.error
        return ModelTruncated(f"The model's answer is incomplete. {failed.error}")

    def _end(self) -> None:
        self._over = True
        self._add([*self._answer.feed(self._joiner.rest()), *self._answer.rest()])
        if self._refusal and not self._has_text:
            raise declined(self._refusal, self._server)

    def _take(self, event: Any) -> None:
        """Adds the event's text to the answer."""
        if not isinstance(event, Mapping):
            raise ModelInvalid("The model's server sent a chunk that is not valid JSON.")
        if event.get("error"):
            raise self._ended_by(from_error(event["error"], self._server), connection=False)
        self._has_event = True
        self._last_usage = event.get("usage") or self._last_usage  # may be a running total
        choice = first_choice(event)
        delta = choice.get("delta")
        delta = delta if isinstance(delta, Mapping) else {}
        self._refusal += refusal_of(delta)
        text = self._joiner.feed(text_of(delta.get("content")))
        thoughts = "".join(reasoning_of(delta))
        reasons = bool(thoughts)
        self.writing.take(text, thoughts)
        self._reasoned = self._reasoned or reasons
        self._pieces += bool(text) or reasons
        self._add(self._answer.feed(text))
        self._note_end(choice.get("finish_reason"), active=bool(text) or reasons)

    def _add(self, parts: list[Part]) -> None:
        for part in parts:
            if part.starts_over:
                self._has_text = False
                self._ready.append(StartOver())
            if part.text:
                self._has_text = self._has_text or bool(part.text.strip())
                self._ready.append(part.text)

    def _note_end(self, reason: Any, *, active: bool) -> None:
        """Updates the deadline and whether the answer is finished.

        Some servers send `stop` with each chunk, or after the reasoning: the answer is finished only
        when nothing follows. After a chunk with `stop` alone, we wait just long enough for the usage.
        """
        ended = abnormal_end(reason)
        if ended is not None:
            self._error = ended
            self._too_long = ending_of(reason) is Ending.TOO_LONG
            self._add(self._answer.rest())
        elif ending_of(reason) is Ending.COMPLETE:
            self._finished = True
            self._left = self._timeout if active or not self._has_text else USAGE_TIMEOUT
        elif active:
            self._finished, self._left = False, self._timeout
