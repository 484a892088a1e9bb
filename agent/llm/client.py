"""Calls to a model's server, with JSON modes, deadlines, retries and usage counts.

`agent.llm.openai` makes the requests; `responses` and `streams` read the answers.
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
from agent.llm.errors import RequestFailed, Server
from agent.llm.streams import AnswerStream, EventStream
from agent.llm.structured_output import (
    Mismatch,
    Question,
    Turn,
    Validator,
    validated,
    without_system,
)

T = TypeVar("T")
Record = Callable[[JsonMode, str], None]  # of a mode and the name of a schema

PATH = "/chat/completions"
RETRIES = 2
BACKOFF = 0.25  # seconds before the first retry, doubled for the second
MAX_PAUSE = 10.0  # seconds; when a server asks for a longer pause, the call fails


@dataclass(slots=True)
class Retries:
    """The retries that one call has left, within its deadline."""

    deadline: float  # of the loop's clock
    left: int = RETRIES

    async def pause(self, failed: RequestFailed) -> None:
        """Waits until the next retry. Raises the error when no retry or no time is left."""
        seconds = failed.pause
        if seconds is None:
            seconds = BACKOFF * 2 ** (RETRIES - self.left) * random.uniform(0.5, 1.5)
        remaining = self.deadline - asyncio.get_running_loop().time()
        if not failed.retryable or not self.left or seconds > min(MAX_PAUSE, remaining):
            raise failed.error from failed
        self.left -= 1
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class ModelClient:
    """Calls one model of one server and counts its usage. `timeout` is in seconds."""

    server: Server
    timeout: float
    usage: Usage = field(default_factory=Usage)

    async def structured(self, question: Question, validate: Validator[T]) -> T:
        """Returns the answer as `validate` converts it. All retries together take at most `timeout`."""
        try:
            async with asyncio.timeout(self.timeout) as limit:
                return await self._validated(question, validate, Retries(limit.when() or 0))
        except TimeoutError:
            raise self._timed_out() from None

    async def stream(self, turns: list[Turn]) -> AsyncIterator[str | StartOver]:
        """Yields an answer, in chunks if the server streams. `timeout` limits the wait for each chunk."""
        answer = await self._opened(turns)
        if not isinstance(answer, AnswerStream):
            text, error = responses.answer_of(answer, self.server)
            yield text
            if error is not None:
                raise error
            return
        try:
            while (chunk := await answer.next()) is not None:
                yield chunk
        finally:
            await answer.close()

    def _timed_out(self) -> ModelTimeout:
        return ModelTimeout(f"The model did not answer within {self.timeout:g} seconds.")

    async def _post(self, body: dict[str, Any], **options: Any) -> Any:
        """Sends a request, and sends it again without the role `system` if the server refuses that."""
        known = capabilities.of(self.server)
        try:
            return await self._send(body, with_system=known.system_role, **options)
        except RequestFailed as failed:
            if not known.system_role or not failed.refuses_system:
                raise
        response = await self._send(body, with_system=False, **options)
        known.system_role = False
        return response

    async def _send(self, body: dict[str, Any], *, with_system: bool, **options: Any) -> Any:
        client = await client_of(self.server)
        turns = body["messages"] if with_system else without_system(body["messages"])
        request = {"model": self.server.model, **body, "messages": turns}
        try:
            return await client.post(PATH, body=request, **options)
        except openai.APIError as error:
            raise errors.from_exception(error, self.server) from error
        except UnicodeError:
            raise ModelRefused("OPENAI_API_KEY contains invalid characters.") from None

    # -- structured --------------------------------------------------------------------------------

    async def _validated(self, question: Question, validate: Validator[T], retries: Retries) -> T:
        """Asks; when the answer is invalid, asks once more with the errors."""
        message, mode = await self._ask(question, retries)
        try:
            return validated(message, validate)
        except Mismatch as mismatch:
            repaired = question.repaired(message, mismatch.errors)
        message, _ = await self._ask(repaired, retries)
        try:
            value = validated(message, validate)
        except Mismatch as mismatch:
            raise ModelInvalid(
                f"The model's answer does not match the schema “{question.name}”, even after one"
                f" correction: {mismatch}."
            ) from None
        capabilities.of(self.server).ignored(mode, question.name)
        return value

    async def _ask(
        self, question: Question, retries: Retries
    ) -> tuple[Mapping[str, Any], JsonMode]:
        """Asks in the best JSON mode that the server is known to support, then in worse ones."""
        known = capabilities.of(self.server)
        first = mode = known.best_mode(question.name)
        records: list[Record] = []
        while True:
            try:
                message = await self._message(question.body(mode))
            except RequestFailed as failed:
                if record := await self._downgrade(failed, mode, retries):
                    records.append(record)
                    mode = JsonMode(mode + 1)
            else:
                break
        # Recorded only now: this answer shows that the modes failed, and not the request.
        for step, record in enumerate(records):
            record(JsonMode(first + step), question.name)
        known.worked(mode, question.name)
        return message, mode

    async def _downgrade(
        self, failed: RequestFailed, mode: JsonMode, retries: Retries
    ) -> Record | None:
        """Returns how to record that the mode failed, or None to retry in the same mode.

        Raises when neither another mode nor a retry can help.
        """
        known = capabilities.of(self.server)
        is_last = mode is JsonMode.TEXT
        if not is_last and failed.status in (400, 422) and not failed.too_long:
            return known.refused
        await retries.pause(failed)
        if not is_last and failed.status == 500 and not known.has_worked(mode):
            return known.server_error
        return None

    async def _message(self, body: dict[str, Any]) -> Mapping[str, Any]:
        """Sends one request; returns the message of its first choice."""
        return responses.message_of(await self._complete(body), self.server)

    async def _complete(self, body: dict[str, Any]) -> dict[str, Any]:
        body = {**body, "stream": False}
        response: httpx2.Response = await self._post(body, cast_to=httpx2.Response)
        return self._counted(responses.read(response, self.server))

    def _counted(self, answer: dict[str, Any]) -> dict[str, Any]:
        self.usage.calls += 1
        responses.count(self.usage, answer.get("usage"))
        return answer

    # -- streamed ----------------------------------------------------------------------------------

    async def _opened(self, turns: list[Turn]) -> AnswerStream | dict[str, Any]:
        """Returns a stream, or the complete response of a server that does not stream."""
        try:
            async with asyncio.timeout(self.timeout) as limit:
                return await self._open(turns, Retries(limit.when() or 0))
        except TimeoutError:
            raise self._timed_out() from None

    async def _open(self, turns: list[Turn], retries: Retries) -> AnswerStream | dict[str, Any]:
        known = capabilities.of(self.server)
        form = StreamForm(known.streams, known.usage_in_streams)
        while True:
            try:
                opened = await self._open_as(form, turns, retries)
            except RequestFailed as failed:
                fallback = form.fallback(failed)
                if fallback is None:
                    await retries.pause(failed)
                form = fallback or form
            else:
                break
        known.streams, known.usage_in_streams = form.streams, form.with_usage
        return opened

    async def _open_as(
        self, form: StreamForm, turns: list[Turn], retries: Retries
    ) -> AnswerStream | dict[str, Any]:
        if not form.streams:
            return await self._complete({"messages": turns})
        source: EventStream = await self._post(
            {"messages": turns, **form.fields}, cast_to=object, stream=True, stream_cls=EventStream
        )
        if (response := await streams.complete_response(source, self.server)) is not None:
            return self._counted(response)
        self.usage.calls += 1
        left = retries.deadline - asyncio.get_running_loop().time()
        return AnswerStream(source, self.server, self.usage, timeout=self.timeout, left=left)


@dataclass(frozen=True, slots=True)
class StreamForm:
    """How a text answer is requested."""

    streams: bool
    with_usage: bool

    @property
    def fields(self) -> dict[str, Any]:
        usage = {"stream_options": {"include_usage": True}} if self.with_usage else {}
        return {"stream": True, **usage}

    def fallback(self, failed: RequestFailed) -> StreamForm | None:
        """Returns another form to try, or None when the server did not refuse this one."""
        if not self.streams or failed.status not in (400, 403, 422) or failed.too_long:
            return None
        if self.with_usage and not failed.refuses_streams:
            return replace(self, with_usage=False) if failed.status != 403 else None
        return replace(self, streams=False) if failed.refuses_streams else None
