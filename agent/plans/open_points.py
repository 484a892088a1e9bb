"""What a plan leaves open: its assumptions, which the tasks that it creates state, and its questions.

Texts for the person. They are read as far as they are texts: a slip in them does not cost the plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.plan import Assumption, OpenQuestion, Plan, Step, StepType, as_placeholder
from agent.shorten import shorten
from agent.support.offers import offer, plain
from agent.support.words import is_text

MAX_ASSUMPTIONS, MAX_QUESTIONS, MAX_CHOICES = 10, 5, 5
MAX_TEXT, MAX_CHOICE = 500, 100  # characters
# The tools that create tasks, and their argument that holds several.
_CREATING = {"create_task": "", "create_tasks": "tasks"}


def assumptions_of(raw: Mapping[str, Any]) -> tuple[Assumption, ...]:
    found = {
        text: Assumption(text, tuple(_texts(item.get("steps"), MAX_TEXT)))
        for item in _items(raw.get("assumptions"), "text")
        if (text := _text(item.get("text"), MAX_TEXT))
    }
    return tuple(found.values())[:MAX_ASSUMPTIONS]


def questions_of(raw: Mapping[str, Any]) -> tuple[OpenQuestion, ...]:
    found = {
        text: OpenQuestion(text, tuple(_texts(item.get("choices"), MAX_CHOICE))[:MAX_CHOICES])
        for item in _items(raw.get("questions"), "question")
        if (text := _text(item.get("question"), MAX_TEXT))
    }
    return tuple(found.values())[:MAX_QUESTIONS]


def _items(value: Any, name: str) -> Iterator[Mapping[str, Any]]:
    """Yields the objects of a list; a text stands for an object that has only `name`."""
    for item in value if isinstance(value, list) else []:
        if isinstance(item, Mapping):
            yield item
        elif isinstance(item, str):
            yield {name: item}


def _texts(value: Any, most: int) -> Iterator[str]:
    items = value if isinstance(value, list) else []
    return (text for item in dict.fromkeys(map(str, items)) if (text := _text(item, most)))


def _text(value: Any, most: int) -> str:
    valid = isinstance(value, str) and is_text(value)
    return shorten(" ".join(value.split()), most) if valid else ""


# -- assumptions in tasks --------------------------------------------------------------------------


def written(plan: Plan, done: Collection[str]) -> Plan:
    """Returns the plan with each assumption in the descriptions of the tasks that rest on it.

    An assumption that names no step of the plan counts for all tasks. Steps that are `done` stay.
    """
    if not plan.assumptions:
        return plan
    known = {step.id for step in plan.steps}
    steps = []
    for step in plan.steps:
        texts = [
            one.text
            for one in plan.assumptions
            if step.id in one.steps or not known.intersection(one.steps)
        ]
        is_made = step.type == StepType.TOOL and step.tool in _CREATING and step.id not in done
        steps.append(_stating(step, texts) if is_made and texts else step)
    return replace(plan, steps=tuple(steps))


def _stating(step: Step, texts: Sequence[str]) -> Step:
    several = _CREATING[step.tool]
    if not several:
        return replace(step, arguments=_described(step.arguments, texts))
    tasks = step.arguments.get(several)
    if not isinstance(tasks, list):
        return step
    described = [_described(task, texts) if isinstance(task, Mapping) else task for task in tasks]
    return replace(step, arguments={**step.arguments, several: described})


def _described(task: Mapping[str, Any], texts: Sequence[str]) -> Mapping[str, Any]:
    description = task.get("description") or ""
    if not isinstance(description, str) or as_placeholder(task) is not None:
        return task
    added = [f"Assumed: {text}" for text in texts if text not in description]
    blocks = [description, "\n".join(added)]
    return {**task, "description": "\n\n".join(filter(None, blocks))}


# -- questions in the answer -----------------------------------------------------------------------


def as_markdown(questions: Sequence[OpenQuestion]) -> str:
    """Returns the end of an answer: each question with its choices, one of which a click sends."""
    return "\n".join(f"- {_asked(one)}" for one in questions)


def _asked(one: OpenQuestion) -> str:
    return " · ".join([plain(one.question), *map(offer, one.choices)])
