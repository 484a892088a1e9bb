"""Parses a plan from JSON and reports errors of its form. Knows no tools and no project."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from agent.exceptions import PlanInvalid
from agent.plan import MAX_STEPS, Plan, Step, StepType
from agent.plans import open_points
from agent.shorten import shorten
from agent.support.counts import too_long
from agent.support.words import is_text

MAX_TEXT = 2_000  # characters of a summary or a description
MAX_ID = 40
# Levels of nested arguments. No tool needs more.
MAX_DEPTH = 20
# Steps whose errors are reported. A plan with more steps has to be rewritten anyway.
MAX_READ = 5 * MAX_STEPS

# The step of a plan that has nothing but open questions, with which the answer ends.
_ASK = {"id": "s1", "type": "answer", "description": "Answer and ask what is open"}
_PLAN = {"summary", "steps", "assumptions", "questions"}
_STEP = {"id", "type", "tool", "description", "arguments", "depends_on"}


def parse(raw: Any, *, shortens: bool = True) -> Plan:
    """Returns the plan that `raw` describes. Raises `PlanInvalid` with all errors.

    `shortens`: a model wrote it. Descriptions that are too long are shortened, and a plan that only asks
    gets the step that answers; otherwise both are errors.
    """
    if not isinstance(raw, Mapping):
        raise PlanInvalid(["plan: must be an object"])
    items = raw.get("steps")
    if shortens and items == [] and open_points.questions_of(raw):
        items = [_ASK]
    if not isinstance(items, list) or not items:
        raise PlanInvalid(["steps: must be a list of at least one step"])
    errors = [
        error
        for place, item in enumerate(items[:MAX_READ], 1)
        for error in _step_errors(place, item)
    ]
    errors += _plan_errors(raw, items)
    if not errors and not shortens:
        errors = _long_descriptions(items)
    if errors:
        raise PlanInvalid(errors)
    return Plan(
        shorten(raw.get("summary", ""), MAX_TEXT),
        tuple(_step(item) for item in items),
        open_points.assumptions_of(raw),
        open_points.questions_of(raw),
    )


def _long_descriptions(items: list[Any]) -> list[str]:
    return [
        f"{_name(place, item)}: {too_long('the description', length, MAX_TEXT)}"
        for place, item in enumerate(items, 1)
        if (length := len(item.get("description", ""))) > MAX_TEXT
    ]


def _plan_errors(raw: Mapping[str, Any], items: list[Any]) -> list[str]:
    errors = [f"plan: unknown field {name}" for name in _unknown(raw, _PLAN)]
    errors += [f"summary: {text}" for text in _text_errors(raw.get("summary", ""))]
    if len(items) > MAX_STEPS:
        name = _name(MAX_STEPS + 1, items[MAX_STEPS])
        errors.append(
            f"{name}: a plan may have at most {MAX_STEPS} steps, not {len(items)}. Use a tool that "
            "takes a list"
        )
    return errors


def _step_errors(place: int, item: Any) -> list[str]:
    name = _name(place, item)
    if not isinstance(item, Mapping):
        return [f"{name}: must be an object"]
    return [f"{name}: {error}" for error in _form_errors(item)]


def _name(place: int, item: Any) -> str:
    """Returns the name of a step in errors: its id, or its position if the id is invalid."""
    key = item.get("id") if isinstance(item, Mapping) else None
    return f"step {key}" if isinstance(key, str) and _is_id(key) else f"step {place}"


def _is_id(key: str) -> bool:
    return 0 < len(key) <= MAX_ID and key.isprintable() and key == key.strip()


def _form_errors(item: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"unknown field {name}" for name in _unknown(item, _STEP))
    key = item.get("id")
    if not isinstance(key, str) or not _is_id(key):
        yield f"id must be a string of 1 to {MAX_ID} characters"
    if item.get("type") not in list(StepType):
        yield "type must be tool, compose, answer or ask"
    if not isinstance(item.get("tool") or "", str):
        yield "tool must be the name of a tool, or null"
    yield from (f"description {text}" for text in _text_errors(item.get("description", "")))
    yield from _needs_errors(item.get("depends_on") or [])
    yield from _arguments_errors(item.get("arguments") or {})


def _needs_errors(needs: Any) -> list[str]:
    is_right = isinstance(needs, list) and all(isinstance(need, str) for need in needs)
    return [] if is_right else ["depends_on must be a list of step ids"]


def _arguments_errors(arguments: Any) -> list[str]:
    if not isinstance(arguments, Mapping):
        return ["arguments must be an object"]
    error = json_error(arguments)
    return [f"arguments: {error}"] if error else []


def _unknown(item: Mapping[str, Any], known: set[str]) -> list[str]:
    return [repr(name)[:MAX_ID] for name in item if name not in known]


def _text_errors(value: Any) -> list[str]:
    if not isinstance(value, str):
        return ["must be a string"]
    return [] if is_text(value) else ["contains invalid characters"]


def json_error(value: Any) -> str:
    """Returns why `value` cannot be stored and sent as JSON, or ""."""
    pending = [(value, 0)]
    while pending:
        part, depth = pending.pop()
        if depth > MAX_DEPTH:
            return f"nested more than {MAX_DEPTH} levels deep"
        if isinstance(part, Mapping):
            pending += [(item, depth + 1) for pair in part.items() for item in pair]
        elif isinstance(part, list):
            pending += [(item, depth + 1) for item in part]
        elif error := _scalar_error(part):
            return error
    return ""


def _scalar_error(value: Any) -> str:
    match value:
        case str():
            return "" if is_text(value) else "a string contains invalid characters"
        case int():
            return "" if abs(value) < 2**63 else "a number is too large"
        case float():
            return "" if math.isfinite(value) else "a number is not finite"
        case None:
            return ""
    return f"{type(value).__name__} is not a JSON type"


def _step(item: Mapping[str, Any]) -> Step:
    return Step(
        id=item["id"],
        type=StepType(item["type"]),
        description=shorten(item.get("description", ""), MAX_TEXT),
        tool=item.get("tool") or "",
        arguments=dict(item.get("arguments") or {}),
        depends_on=tuple(dict.fromkeys(item.get("depends_on") or [])),
    )
