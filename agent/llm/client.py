"""Calls to a model's server, with JSON modes, deadlines, retries and usage counts.

`agent.llm.openai` makes the requests; `responses` and `streams` read the answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2

from agent.exceptions import (
    BudgetExceeded,
    ModelInvalid,
    ModelTimeout,
    ModelTruncated,
)
from agent.llm import capabilities, lookup, responses, sending, streams
from agent.llm.attempts import Attempts
from agent.llm.base import StartOver, Usage
from agent.llm.capabilities import JsonMode
from agent.llm.errors import RequestFailed, Server
from agent.llm.fitting import Prompt, Turn
from agent.llm.kept_calls import keep, kept
from agent.llm.options import LIMIT
from agent.llm.retries import Retries
from agent.llm.stream_form import StreamForm
from agent.llm.streams import AnswerStream, BrokenStream, EventStream
from agent.llm.structured_output import (
    Mismatch,
    Question,
    Validator,
    validated,
)
from agent.llm.writing import Patience, Watch, Writing

T = TypeVar("T")
Record = Callable[[JsonMode, str], None]  # of a mode and the name of a schema


@dataclass(slots=True)
class ModelClient:
    """Calls one model of one server and counts its usage.

    `timeout`: in seconds; `context`: the size of the window in the settings, in tokens, 0 if not set.
    `left_out`: what the last prompt of each verb does not contain, in words; `shown`: the context as that
    prompt has it. `watch` is told of each call; with `keeps`, `usage` gets each with its prompt.
    """

    server: Server
    timeout: float
    context: int = 0
    usage: Usage = field(default_factory=Usage)
    left_out: dict[str, str] = field(default_factory=dict)
    shown: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    watch: Watch | None = None
    keeps: bool = False

    async def structured(self, question: Question, validate: Validator[T]) -> T:
        """Returns the answer as `validate` converts it. All retries together take at most `timeout`."""
        deadline = asyncio.get_running_loop().time() + self.timeout
        retries = Retries(deadline)
        try:
            async with asyncio.timeout_at(deadline):
                return await self._validated(question, validate, retries)
        except TimeoutError:
            raise self._timed_out(retries) from None

    async def stream(self, prompt: Prompt) -> AsyncIterator[str | StartOver]:
        """Yields an answer, in chunks if the server streams. `timeout` limits the wait for each chunk."""
        attempts = self._attempts(prompt)
        while True:
            answer = await self._opened(attempts)
            if not isinstance(answer, AnswerStream):
                text, error = responses.answer_of(answer, self.server)
                yield text
                if error is not None:
                    raise error
                return
            try:
                with kept(self.usage, answer.writing):
                    try:
                        while (chunk := await answer.next()) is not None:
                            yield chunk
                    finally:
                        await answer.close()  # counts the tokens
                return
            except BudgetExceeded as refusal:  # before the first text
                attempts.refused(refusal)
            except ModelTruncated:
                if not self._learn_reasoning(answer.cut_while_reasoning):
                    raise
            finally:
                attempts.counted(answer.prompt_tokens)

    def _timed_out(self, retries: Retries) -> ModelTimeout:
        error = ModelTimeout(f"The model did not answer within {self.timeout:g} seconds.")
        retries.failed(error)
        return error

    # -- fitting -----------------------------------------------------------------------------------

    def _attempts(self, prompt: Prompt, retries: Retries | None = None) -> Attempts:
        window, model = capabilities.of(self.server).window, self.server.model
        return Attempts(
            prompt, window, model, self.left_out, self.shown, self.keeps, retries=retries
        )

    async def _fitting(self, attempts: Attempts, ask: Callable[[list[Turn]], Awaitable[T]]) -> T:
        """Asks with a prompt that fits, and with a shorter one if the server refuses its length."""
        await lookup.ask_size(self.server, attempts.window)
        if self.context:
            attempts.window.limit(self.context)
        while True:
            turns = await attempts.turns()
            if self.usage.before_call is not None:
                await self.usage.before_call()
            try:
                return await ask(turns)
            except RequestFailed as failed:
                if not isinstance(failed.error, BudgetExceeded):
                    raise
                attempts.refused(failed.error)

    # -- structured --------------------------------------------------------------------------------

    async def _validated(self, question: Question, validate: Validator[T], retries: Retries) -> T:
        """Asks; when the answer is invalid, asks once more with the errors."""
        message, mode = await self._ask(question, retries)
        try:
            return validated(message, validate)
        except Mismatch as mismatch:
            repaired = question.repaired(message, mismatch.errors)
            retries.reason = f"The first answer is invalid: {mismatch}."
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
                message = await self._message(question, mode, retries)
            except RequestFailed as failed:
                if mode is JsonMode.TEXT and self._give_up_stream(failed):
                    records.clear()  # not the modes were refused
                elif record := await self._downgrade(failed, mode, retries):
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
        if not is_last and failed.status in (400, 422):
            return known.refused
        await retries.pause(failed)
        if not is_last and failed.status == 500 and not known.has_worked(mode):
            return known.server_error
        return None

    def _give_up_stream(self, failed: RequestFailed) -> bool:
        """Tells whether the server may have refused the stream in unknown words."""
        known = capabilities.of(self.server)
        streamed = known.streams and known.streams_json
        if failed.status not in (400, 422) or not streamed or known.has_streamed_json:
            return False
        known.streams_json = False
        return True

    async def _message(
        self, question: Question, mode: JsonMode, retries: Retries
    ) -> Mapping[str, Any]:
        """Asks once; returns the message of the first choice."""
        attempts = self._attempts(question.prompt_for(mode), retries)
        answer = await self._structured(attempts, question.fields(mode))
        if self._learn_reasoning(responses.is_cut_while_reasoning(answer)):
            answer = await self._structured(attempts, question.fields(mode))
        self._learn_reasoning(responses.reasons(answer))
        try:
            return responses.message_of(answer, self.server)
        except RequestFailed as failed:
            retries.failed(failed.error)
            raise

    async def _structured(self, attempts: Attempts, fields: dict[str, Any]) -> dict[str, Any]:
        known = capabilities.of(self.server)
        try:
            return await self._complete(attempts, fields, stream=True)
        except RequestFailed as failed:
            known.streams_json = known.streams_json and not isinstance(failed, BrokenStream)
            raise

    def _learn_reasoning(self, reasoned: bool) -> bool:
        """Notes that the model reasons, so that it gets more tokens; returns whether that is new."""
        options = capabilities.of(self.server).options
        is_new = reasoned and not options.reasons
        options.reasons = options.reasons or reasoned
        return is_new

    def _limit(self, attempts: Attempts) -> dict[str, int]:
        """Returns the field that says how many tokens the answer may have."""
        limit = capabilities.of(self.server).options.max_tokens(attempts.prompt.verb)
        return {LIMIT: attempts.room(limit)}

    async def _complete(
        self, attempts: Attempts, fields: dict[str, Any], *, stream: bool
    ) -> dict[str, Any]:
        """Returns a complete response. If the server cut the prompt, it gets a shorter one."""

        async def ask(turns: list[Turn]) -> dict[str, Any]:
            body = {"messages": turns, **fields, **self._limit(attempts)}
            writing = self._writing(attempts)
            whole = self._streamed(body, writing) if stream else self._plain(body)
            try:
                with kept(self.usage, writing):
                    return self._counted(await whole, writing)
            except asyncio.CancelledError:
                # The server worked on it: at least the prompt was used.
                self.usage.calls += 1
                self.usage.input_tokens += attempts.sent_tokens
                raise

        answer = await self._fitting(attempts, ask)
        while attempts.counted(responses.prompt_tokens(answer)):
            try:
                answer = await self._fitting(attempts, ask)
            except BudgetExceeded:  # nothing more can be left out
                break
        return answer

    async def _streamed(self, body: dict[str, Any], writing: Writing) -> dict[str, Any]:
        """Sends a request; returns the complete response, which is streamed if the server can."""
        known = capabilities.of(self.server)
        form = StreamForm(known.streams and known.streams_json, known.usage_in_streams)
        while form.streams:
            try:
                response = await self._joined({**body, **form.fields}, writing)
            except RequestFailed as failed:
                form = form.fallback_of_json(failed)
            else:
                known.has_streamed_json, known.usage_in_streams = True, form.with_usage
                return response
        response = await self._plain(body)
        known.streams_json = False
        return response

    async def _joined(self, body: dict[str, Any], writing: Writing) -> dict[str, Any]:
        source: EventStream = await sending.post(
            self.server, body, cast_to=object, stream=True, stream_cls=EventStream
        )
        return await streams.joined_response(source, self.server, writing)

    async def _plain(self, body: dict[str, Any]) -> dict[str, Any]:
        plain = {**body, "stream": False}
        response: httpx2.Response = await sending.post(self.server, plain, cast_to=httpx2.Response)
        return responses.read(response, self.server)

    def _writing(self, attempts: Attempts) -> Writing:
        verb, tokens = attempts.prompt.verb, attempts.prompt_tokens
        asked = attempts.retries
        patience = asked.patience() if asked else Patience()
        packed, turns = attempts.packed, attempts.kept_turns
        writing = Writing(verb, self.server.model, tokens, self.watch, packed, patience, turns)
        if asked:
            asked.call = writing
        return writing

    def _counted(self, answer: dict[str, Any], writing: Writing) -> dict[str, Any]:
        self.usage.calls += 1
        if writing.wrote_at is None:  # it was not streamed
            writing.take_whole(*responses.texts_of(answer))
        writing.count(*responses.count(self.usage, answer.get("usage")))
        return answer

    # -- streamed ----------------------------------------------------------------------------------

    async def _opened(self, attempts: Attempts) -> AnswerStream | dict[str, Any]:
        """Returns a stream, or the complete response of a server that does not stream."""
        deadline = asyncio.get_running_loop().time() + self.timeout
        retries = Retries(deadline)
        try:
            async with asyncio.timeout_at(deadline):
                return await self._open(attempts, retries)
        except TimeoutError:
            raise self._timed_out(retries) from None

    async def _open(self, attempts: Attempts, retries: Retries) -> AnswerStream | dict[str, Any]:
        known = capabilities.of(self.server)
        attempts.retries = retries
        form = StreamForm(known.streams, known.usage_in_streams)
        while True:
            try:
                opened = await self._open_as(form, attempts, retries)
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
        self, form: StreamForm, attempts: Attempts, retries: Retries
    ) -> AnswerStream | dict[str, Any]:
        if not form.streams:
            return await self._complete(attempts, {}, stream=False)

        async def ask(turns: list[Turn]) -> AnswerStream | dict[str, Any]:
            body = {"messages": turns, **form.fields, **self._limit(attempts)}
            writing = self._writing(attempts)
            source = await self._begun(body, writing)
            if not isinstance(source, EventStream):
                return source
            self.usage.calls += 1
            left = retries.deadline - asyncio.get_running_loop().time()
            options = {"timeout": self.timeout, "left": left}
            prompt = attempts.sent_tokens if form.with_usage else 0
            return AnswerStream(
                source, self.server, self.usage, **options, writing=writing, prompt=prompt
            )

        return await self._fitting(attempts, ask)

    async def _begun(self, body: dict[str, Any], writing: Writing) -> EventStream | dict[str, Any]:
        """Returns the stream, or the complete response of a server that does not stream."""
        try:
            source: EventStream = await sending.post(
                self.server, body, cast_to=object, stream=True, stream_cls=EventStream
            )
            response = await streams.complete_response(source, self.server)
        except BaseException as error:
            keep(self.usage, writing, error)
            raise
        if response is None:
            return source
        counted = self._counted(response, writing)
        keep(self.usage, writing)
        return counted
