"""The model of a replay: what was recorded, in place of what a model says."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from agent.capsule.comparing import ID
from agent.capsule.form import Call, Capsule
from agent.capsule.pace import Pace
from agent.exceptions import AgentError, ModelError
from agent.llm.base import (
    Analysis,
    Composition,
    Context,
    MemoryNote,
    Model,
    Outcome,
    Revise,
    StartOver,
    ToolSpec,
    Usage,
)
from agent.llm.capabilities import JsonMode
from agent.llm.client import ModelClient
from agent.llm.errors import Server
from agent.llm.factory import OFFLINE_NAME
from agent.llm.fitting import Prompt, Turn
from agent.llm.kept_calls import CANCELLED
from agent.llm.offline.model import OfflineModel
from agent.llm.openai import OpenAIModel
from agent.llm.retries import Retries
from agent.llm.structured_output import Question
from agent.llm.writing import Watch

_TIME = re.compile(r"(?:\w+day, )?\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: ?\w+)?")
# The answer and what is remembered are asked for at the same time.
ASKED_IN_ORDER = ("analyze", "plan", "compose")
_SHOWN = 80  # characters of a prompt around its first difference


def model_of(capsule: Capsule, pace: Pace) -> Model:
    """Returns the model of a replay: the offline model does again what it did, others are recorded."""
    if capsule.run.model == OFFLINE_NAME:
        return _Paced(OfflineModel(), pace)
    return _Paced(_Recorded(capsule, pace), pace)


class _Paced:
    """A model whose words come at their recorded places in the log."""

    def __init__(self, model: Model, pace: Pace) -> None:
        self._model = model
        self._pace = pace
        self.name = model.name
        self.left_out, self.shown = model.left_out, model.shown
        self.watch: Watch | None = None

    @property
    def usage(self) -> Usage:
        return self._model.usage

    @usage.setter
    def usage(self, usage: Usage) -> None:
        self._model.usage = usage

    async def analyze(self, context: Context, tools: Sequence[ToolSpec] = ()) -> Analysis:
        analysis = await self._model.analyze(context, tools)
        await self._pace.people()
        return analysis

    async def plan(
        self,
        context: Context,
        analysis: Analysis,
        tools: Sequence[ToolSpec],
        revise: Revise | None = None,
    ) -> dict[str, Any]:
        plan = await self._model.plan(context, analysis, tools, revise)
        await self._pace.people()
        return plan

    async def compose(self, composition: Composition) -> Any:
        value = await self._model.compose(composition)
        await self._pace.people()
        return value

    async def answer(
        self, context: Context, analysis: Analysis, outcome: Outcome
    ) -> AsyncIterator[str | StartOver]:
        text, failure = "", None
        try:
            async for chunk in self._model.answer(context, analysis, outcome):
                text = "" if isinstance(chunk, StartOver) else text + chunk
        except (AgentError, _Cancelled) as error:
            failure = error
        async for piece in self._pace.answer(text):
            yield piece
        if isinstance(failure, _Cancelled):
            await self._pace.never()
        if failure is not None:
            raise failure

    async def consolidate(self, context: Context, outcome: Outcome) -> list[MemoryNote]:
        await self._pace.memory()
        return await self._model.consolidate(context, outcome)


class _Cancelled(Exception):
    """The recorded call was cancelled before it had an answer."""


class _Recorded(OpenAIModel):
    """Renders the prompts of this version, and reads the recorded answers."""

    def __init__(self, capsule: Capsule, pace: Pace) -> None:
        super().__init__()
        self.name = capsule.run.model
        self._client = _Client(capsule, pace, self.usage)
        self.left_out, self.shown = self._client.left_out, self._client.shown


class _Client(ModelClient):
    """Takes answers from a capsule in their order, and notes prompts that differ."""

    def __init__(self, capsule: Capsule, pace: Pace, usage: Usage) -> None:
        server = Server("recorded", capsule.run.model, "")
        super().__init__(server, 60.0, capsule.settings.model_context, usage)
        self._run = capsule.run
        self._pace = pace
        self._calls: dict[str, deque[Call]] = {}
        for call in capsule.calls:
            self._calls.setdefault(call.verb, deque()).append(call)

    async def _ask(
        self, question: Question, retries: Retries
    ) -> tuple[Mapping[str, Any], JsonMode]:
        call = await self._take([question.prompt_for(mode) for mode in JsonMode])
        if call.error:
            await self._fail(call)
        return {"content": call.text or call.thoughts}, JsonMode.TEXT

    async def stream(self, prompt: Prompt) -> AsyncIterator[str | StartOver]:
        call = await self._take([prompt])
        yield call.text
        if call.error == CANCELLED:
            raise _Cancelled
        if call.error:
            raise self._error(call.error)

    async def _take(self, prompts: Sequence[Prompt]) -> Call:
        """Returns the next recorded call of a method, the last one of several attempts that failed."""
        verb = prompts[0].verb
        ours = [await self._turns(prompt) for prompt in prompts]
        calls = self._calls.get(verb)
        if not calls:
            if not self._run.error:
                self._pace.notes.append(f"The model is asked to {verb} once more than recorded.")
            raise self._error(self._run.error or "This call to the model was not recorded.")
        call = self._next(calls)
        while call.error and calls and calls[0].turns in (call.turns, *ours):
            call = self._next(calls)
        if call.turns is not None and not any(_same(call.turns, turns) for turns in ours):
            self._pace.notes.append(_difference(verb, call.turns, ours[0]))
        if not call.error or verb == "answer":
            self.usage.calls += 1
            self.usage.input_tokens += call.used[0]
            self.usage.output_tokens += call.used[1]
        return call

    def _next(self, calls: deque[Call]) -> Call:
        if calls[0].verb in ASKED_IN_ORDER:
            self._pace.asked()
        return calls.popleft()

    async def _turns(self, prompt: Prompt) -> list[Turn]:
        attempts = self._attempts(prompt)
        if self.context:
            attempts.window.limit(self.context)
        return await attempts.turns()

    async def _fail(self, call: Call) -> None:
        if call.error == CANCELLED:
            await self._pace.never()
        await self._pace.people()
        raise self._error(call.error)

    def _error(self, text: str) -> AgentError:
        """Returns the error that the recorded text tells: with the code of the run, if that failed so."""
        is_runs = text == self._run.error or text.startswith("The call failed with ")
        if not self._run.error or not is_runs:
            return ModelError(text)
        told = {"code": self._run.error_code, "retryable": self._run.retryable}
        return type("RecordedError", (ModelError,), told)(self._run.error)  # type: ignore[no-any-return]


def _plain(turns: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    return [(turn["role"], _TIME.sub("T", ID.sub("I", turn["content"]))) for turn in turns]


def _same(one: Sequence[Mapping[str, str]], other: Sequence[Mapping[str, str]]) -> bool:
    return _plain(one) == _plain(other)


def _difference(
    verb: str, recorded: Sequence[Mapping[str, str]], ours: Sequence[Mapping[str, str]]
) -> str:
    before = "\n".join(text for _, text in _plain(recorded))
    now = "\n".join(text for _, text in _plain(ours))
    size = min(len(before), len(now))
    place = next((n for n in range(size) if before[n] != now[n]), size)
    start = max(0, place - _SHOWN // 2)
    shown = [repr(text[start : start + _SHOWN]) for text in (before, now)]
    return f"The prompt of “{verb}” differs: recorded {shown[0]}, now {shown[1]}"
