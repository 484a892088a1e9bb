"""Has the model write the values of steps of type compose. Decides and stores nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from agent.exceptions import ModelError, ToolFailed
from agent.llm.base import Model
from agent.pipeline.drafting import Drafting
from agent.pipeline.planner import Planner
from agent.plan import Step
from agent.plans import composition
from agent.plans.composition import LEFT_OUT


class Composer:
    """The compositions of one run, one at a time: a run has one draft of what its model writes."""

    def __init__(self, model: Model, drafting: Drafting, planner: Planner) -> None:
        self._model = model
        self._drafting = drafting
        self._planner = planner
        self._turn = asyncio.Lock()

    @property
    def seen(self) -> Sequence[str]:
        """The marks of the texts that the model saw when it made the plan."""
        return self._planner.seen or ()

    async def compose(self, step: Step, results: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the result of the step. `results`: of the finished steps, by id. Raises ToolFailed."""
        try:
            asked = composition.of(step, results)
        except LookupError as error:
            raise ToolFailed(f"A value from an earlier step is missing: {error}") from None
        async with self._turn:
            self._drafting.composed_step = step.id
            try:
                value = await self._model.compose(asked)
            except ModelError as error:
                raise ToolFailed(str(error)) from None
            finally:
                self._drafting.end()
            left_out = self._model.left_out.pop("compose", "")
        if errors := asked.check(value):
            raise ToolFailed(f"The model composed no valid value: {'; '.join(errors)}")
        return {"value": value, **({LEFT_OUT: left_out} if left_out else {})}
