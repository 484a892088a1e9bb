"""Which plan another model makes for the message of a capsule. Nothing is carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from django.conf import settings

from agent.capsule.form import Capsule, NoCapsule
from agent.exceptions import PlanInvalid
from agent.llm.base import Context, MemoryBrief, Reading
from agent.llm.factory import has_server
from agent.plans import parser
from agent.shorten import shorten
from agent.tools import registry

WIDTH = 58  # characters of a column


async def plans_beside(capsule: Capsule, name: str) -> list[str]:
    """Returns the recorded plan and that of the model `name`, side by side, as lines.

    Raises `NoCapsule` if the run has no context or no model's server is set, and `ModelError`.
    """
    if capsule.state is None:
        raise NoCapsule("The run ended before it had gathered its context.")
    if not has_server():
        raise NoCapsule("No model is connected: set OPENAI_API_KEY or OPENAI_BASE_URL.")
    # Imported here: the client takes most of a second.
    from agent.llm.openai import OpenAIModel

    settings.SAMURAI_MODEL = name
    model = OpenAIModel()
    tools = [tool.spec for tool in registry.all_tools() if tool.name not in capsule.state.off]
    context = Context.from_json(capsule.state.context)
    analysis = await model.analyze(context, tools)
    recalled = capsule.state.recalled
    if recalled is not None:
        context = replace(context, memories=tuple(MemoryBrief(**one) for one in recalled))
    readings = tuple(Reading(**one) for one in capsule.readings)
    raw = await model.plan(replace(context, readings=readings), analysis, tools)
    return list(_beside(_recorded(capsule), _made(raw), capsule.run.model, name))


def _recorded(capsule: Capsule) -> list[str]:
    plans = [event["plan"] for event in capsule.events if event["type"] == "plan"]
    return _lines(plans[0]["steps"]) if plans else ["(no valid plan)"]


def _made(raw: Mapping[str, Any]) -> list[str]:
    try:
        plan = parser.parse(raw)
    except PlanInvalid as error:
        return [f"(no valid plan: {error})"]
    return _lines([step.as_json() for step in plan.steps])


def _lines(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{step['id']} {step['tool'] or step['type']}: {step['description']}" for step in steps]


def _beside(recorded: Sequence[str], made: Sequence[str], former: str, name: str) -> Iterator[str]:
    for left, right in zip_longest([former, *recorded], [name, *made], fillvalue=""):
        yield f"{shorten(left, WIDTH):<{WIDTH}}  {shorten(right, WIDTH)}".rstrip()
