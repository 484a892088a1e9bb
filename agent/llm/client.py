"""One call to a model's server, with its ladder, deadline, retries and usage.

What to ask is `agent.llm.openai`'s business; what came is read in `responses` and `streams`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2
import openai
from openai import AsyncStream

from agent.exceptions import ModelInvalid, ModelRefused, ModelTimeout
from agent.llm import capabilities, errors, responses, streams
from agent.llm.base import Usage
from agent.llm.capabilities import JsonMode
from agent.llm.connections import client_of
from agent.llm.errors import Failed, Server
from agent.llm.streams import AnswerStream
from agent.llm.structured_output import Fit, Mismatch, Question, Turn, fitted

T = TypeVar("T")

PATH = "/chat/completions"
RETRIES = 2
BACKOFF = 0.25  # seconds before the first retry, doubled for the second
MAX_PAUSE = 10.0  # seconds; a server that asks for more is not waited for


@dataclass(slots=True)
class Tries:
    """How often one call may still be tried again, within its deadline."""

    deadline: float  # of the loop's clock
    left: int = RETRIES

    async def pause(self, failed: Failed) -> None:
        """Waits until the next try. Raises the error when there is none, or no time for it."""
        seconds = failed.pause
        if seconds is None:
            seconds = BACKOFF * 2 ** (RETRIES - self.left) * random.uniform(0.5, 1.5)
        remaining = self.deadline - asyncio.get_running_loop().time()
        if not failed.again or not self.left or seconds > min(MAX_PAUSE, remaining):
            raise failed.error from failed
        self.left -= 1
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class ModelClient:
    """Asks one model of one server and counts what that uses. `timeout` is in seconds."""

    server: Server
    timeout: float
    usage: Usage = field(default_factory=Usage)

    async def structured(self, question: Question, fit: Fit[T]) -> T:
        """Returns what `fit` makes of the answer. All tries together take at most `timeout`."""
        try:
            async with asyncio.timeout(self.timeout) as limit:
                return await self._fitting(question, fit, Tries(limit.when() or 0))
        except TimeoutError:
            raise self._late() from None

    async def stream(self, turns: list[Turn]) -> AsyncIterator[str]:
        """Yields a streamed answer. `timeout` bounds the wait for the first piece and each next."""
        answer = await self._opened(turns)
        try:
            while piece := await answer.next():
                yield piece
        finally:
            await answer.close()

    def _late(self) -> ModelTimeout:
        return ModelTimeout(f"The model did not answer within {self.timeout:g} seconds.")

    async def _post(self, body: dict[str, Any], **how: Any) -> Any:
        client = await client_of(self.server)
        try:
            return await client.post(PATH, body={"model": self.server.model, **body}, **how)
        except openai.APIError as error:
            raise errors.from_exception(error, self.server) from error
        except UnicodeError:
            raise ModelRefused("OPENAI_API_KEY holds signs that a key cannot have.") from None

    # -- structured --------------------------------------------------------------------------------

    async def _fitting(self, question: Question, fit: Fit[T], tries: Tries) -> T:
        """Asks, and when the answer does not fit, once more with what is wrong with it."""
        message, rung = await self._ask(question, tries)
        try:
            return fitted(message, fit)
        except Mismatch as misfit:
            repaired = question.repaired(message, misfit.errors)
        message, _ = await self._ask(repaired, tries)
        try:
            value = fitted(message, fit)
        except Mismatch as misfit:
            raise ModelInvalid(
                "The model's answer could not be used, after one correction too. Expected was the"
                f" JSON of “{question.name}”; wrong with what came: {misfit}."
            ) from None
        capabilities.of(self.server).ignored(rung, question.name)
        return value

    async def _ask(self, question: Question, tries: Tries) -> tuple[Mapping[str, Any], JsonMode]:
        """Asks on the best rung that the server has, and goes down the ladder as it must."""
        able = capabilities.of(self.server)
        rung = able.rung(question.name)
        lessons: list[Callable[[JsonMode, str], None]] = []
        start = rung
        while True:
            try:
                message = await self._message(question.body(rung))
            except Failed as failed:
                lesson = await self._lesson(failed, rung, tries)
                if lesson is not None:
                    lessons.append(lesson)
                    rung = JsonMode(rung + 1)
            else:
                break
        # Only now is it known that the rungs above were the matter, and not the request.
        for step, lesson in enumerate(lessons):
            lesson(JsonMode(start + step), question.name)
        able.worked(rung)
        return message, rung

    async def _lesson(
        self, failed: Failed, rung: JsonMode, tries: Tries
    ) -> Callable[[JsonMode, str], None] | None:
        """Returns why to go one rung down, or None to try again here. Raises when neither helps."""
        able = capabilities.of(self.server)
        lowest = rung is JsonMode.TEXT
        if not lowest and failed.status in (400, 422) and not failed.too_long:
            return able.refused
        await tries.pause(failed)
        if not lowest and failed.status == 500 and not able.has_worked(rung):
            return able.broke
        return None

    async def _message(self, body: dict[str, Any]) -> Mapping[str, Any]:
        """Sends one request. Returns the message of its first choice."""
        response: httpx2.Response = await self._post(body, cast_to=httpx2.Response)
        answer = responses.read(response, self.server)
        self.usage.calls += 1
        responses.count(self.usage, answer.get("usage"))
        return responses.message_of(answer, self.server)

    # -- streamed ----------------------------------------------------------------------------------

    async def _opened(self, turns: list[Turn]) -> AnswerStream:
        try:
            async with asyncio.timeout(self.timeout) as limit:
                return await self._open(turns, Tries(limit.when() or 0))
        except TimeoutError:
            raise self._late() from None

    async def _open(self, turns: list[Turn], tries: Tries) -> AnswerStream:
        able = capabilities.of(self.server)
        with_usage = able.usage_in_streams
        while True:
            try:
                source = await self._source(turns, with_usage)
            except Failed as failed:
                if with_usage and failed.status in (400, 422) and not failed.too_long:
                    with_usage = False
                else:
                    await tries.pause(failed)
            else:
                break
        able.usage_in_streams = with_usage
        self.usage.calls += 1
        left = tries.deadline - asyncio.get_running_loop().time()
        return AnswerStream(source, self.server, self.usage, timeout=self.timeout, left=left)

    async def _source(self, turns: list[Turn], with_usage: bool) -> AsyncStream[object]:
        body: dict[str, Any] = {"messages": turns, "stream": True}
        if with_usage:
            body["stream_options"] = {"include_usage": True}
        source: AsyncStream[object] = await self._post(
            body, cast_to=object, stream=True, stream_cls=AsyncStream[object]
        )
        await streams.check(source, self.server)
        return source
