"""How the steps of a plan ended, as a model is told of them."""

from __future__ import annotations

from collections.abc import Iterable

from agent.llm.base import StepOutcome
from agent.models import PlanStep


def outcomes(steps: Iterable[PlanStep]) -> tuple[StepOutcome, ...]:
    return tuple(
        StepOutcome(
            id=step.key,
            type=step.type,
            tool=step.tool,
            description=step.description,
            status=step.status,
            arguments=step.arguments,
            result=step.result,
            error=step.error,
        )
        for step in steps
    )
