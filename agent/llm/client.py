"""One call to a model's server, with its ladder, deadline, retries and usage.

What to ask is `agent.llm.openai`'s business; what came is read in `responses` and `streams`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import httpx2
import openai

from agent.exceptions import ModelInvalid, ModelRefused, ModelTimeout
from agent.llm import capabilities, errors, responses, streams
from agent.llm.base import StartOver, Usage
from agent.llm.capabilities import JsonMode
from agent.llm.connections import client_of
from agent.llm.errors import Failed, Server
from agent.llm.streams import AnswerStream, EventStream
from agent.llm.structured_output import Fit, Mismatch, Question, Turn, fitted, without_system

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

    async def stream(self, turns: list[Turn]) -> AsyncIterator[str | StartOver]:
        """Yields an answer, in pieces where the server streams.

        `timeout` bounds the wait for the first piece and for each next one.
        """
        answer = await self._opened(turns)
        if not isinstance(answer, AnswerStream):
            text, error = responses.answer_of(answer, self.server)
            yield text
            if error is not None:
                raise error
            return
        try:
            while (piece := await answer.next()) is not None:
                yield piece
        finally:
            await answer.close()

    def _late(self) -> ModelTimeout:
        return ModelTimeout(f"The model did not answer within {self.timeout:g} seconds.")

    async def _post(self, body: dict[str, Any], **how: Any) -> Any:
        """Sends one request; once more without the role `system` where the server refuses that."""
        able = capabilities.of(self.server)
        try:
            return await self._send(body, with_system=able.system_role, **how)
        except Failed as failed:
            if not able.system_role or not failed.refuses_system:
                raise
        response = await self._send(body, with_system=False, **how)
        able.system_role = False
        return response

    async def _send(self, body: dict[str, Any], *, with_system: bool, **how: Any) -> Any:
        client = await client_of(self.server)
        turns = body["messages"] if with_system else without_system(body["messages"])
        whole = {"model": self.server.model, **body, "messages": turns}
        try:
            return await client.post(PATH, body=whole, **how)
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
        able.worked(rung, question.name)
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
        return responses.message_of(await self._whole(body), self.server)

    async def _whole(self, body: dict[str, Any]) -> dict[str, Any]:
        body = {**body, "stream": False}
        response: httpx2.Response = await self._post(body, cast_to=httpx2.Response)
        return self._counted(responses.read(response, self.server))

    def _counted(self, answer: dict[str, Any]) -> dict[str, Any]:
        self.usage.calls += 1
        responses.count(self.usage, answer.get("usage"))
        return answer

    # -- streamed ----------------------------------------------------------------------------------

    async def _opened(self, turns: list[Turn]) -> AnswerStream | dict[str, Any]:
        """Returns a stream, or the whole answer of a server that has none."""
        try:
            async with asyncio.timeout(self.timeout) as limit:
                return await self._open(turns, Tries(limit.when() or 0))
        except TimeoutError:
            raise self._late() from None

    async def _open(self, turns: list[Turn], tries: Tries) -> AnswerStream | dict[str, Any]:
        able = capabilities.of(self.server)
        form = StreamForm(able.streams, able.usage_in_streams)
        while True:
            try:
                opened = await self._open_as(form, turns, tries)
            except Failed as failed:
                lower = form.lower(failed)
                if lower is None:
                    await tries.pause(failed)
                form = lower or form
            else:
                break
        able.streams, able.usage_in_streams = form.streams, form.with_usage
        return opened

    async def _open_as(
        self, form: StreamForm, turns: list[Turn], tries: Tries
    ) -> AnswerStream | dict[str, Any]:
        if not form.streams:
            return await self._whole({"messages": turns})
        source: EventStream = await self._post(
            {"messages": turns, **form.fields}, cast_to=object, stream=True, stream_cls=EventStream
        )
        if (whole := await streams.whole_answer(source, self.server)) is not None:
            return self._counted(whole)
        self.usage.calls += 1
        left = tries.deadline - asyncio.get_running_loop().time()
        return AnswerStream(source, self.server, self.usage, timeout=self.timeout, left=left)


@dataclass(frozen=True, slots=True)
class StreamForm:
    """How an answer in words is asked for."""

    streams: bool
    with_usage: bool

    @property
    def fields(self) -> dict[str, Any]:
        usage = {"stream_options": {"include_usage": True}} if self.with_usage else {}
        return {"stream": True, **usage}

    def lower(self, failed: Failed) -> StreamForm | None:
        """Returns how to ask a server that refused this; None when it did not refuse the form."""
        if not self.streams or failed.status not in (400, 403, 422) or failed.too_long:
            return None
        if self.with_usage and not failed.refuses_streams:
            return replace(self, with_usage=False) if failed.status != 403 else None
        return replace(self, streams=False) if failed.refuses_streams else None
