"""What a step of type compose says: its instruction, its inputs, and the schema of its value.

Its model gets the inputs and nothing else. Asks no model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from agent.llm.base import Composition
from agent.plan import Step, StepType, fill, placeholders
from agent.plans.parser import json_error
from agent.support.counts import too_long
from agent.support.invalid import message
from agent.support.words import is_text
from agent.tools import registry, schemas
from agent.tools.registry import Tool

# The field of a result that says which part of the inputs the model did not see, if there is such a part.
LEFT_OUT = "left_out"
TEXT = "text"  # what `returns` says when no argument of a tool is composed
MAX_TEXT = 20_000  # characters of a composed text
MAX_VALUE = 200_000  # characters of another value, as JSON
MAX_INSTRUCTION = 2_000
MAX_INPUTS = 10
MAX_COMPOSITIONS = 8  # steps of this type in a plan: each is a call of the model
_FIELDS = ("instruction", "inputs", "returns")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,39}")
_RETURNS = f'returns: must be "{TEXT}", or an argument of a tool such as "create_tasks.tasks"'


# -- what is wrong with a step ---------------------------------------------------------------------


def problems(arguments: Mapping[str, Any]) -> list[str]:
    """Returns the errors of a step's arguments, phrased for a model."""
    found = [
        f"{name}: no such argument; use {', '.join(_FIELDS)}"
        for name in arguments.keys() - {*_FIELDS}
    ]
    return [*found, *_instruction(arguments), *_inputs(arguments), *_returns(arguments)]


def _instruction(arguments: Mapping[str, Any]) -> Iterator[str]:
    text = arguments.get("instruction")
    if not isinstance(text, str) or not text.strip():
        yield "instruction: must be a text that says what to write"
    elif len(text) > MAX_INSTRUCTION:
        yield f"instruction: {too_long('the text', len(text), MAX_INSTRUCTION)}"


def _inputs(arguments: Mapping[str, Any]) -> Iterator[str]:
    inputs = arguments.get("inputs")
    if not isinstance(inputs, Mapping) or not 0 < len(inputs) <= MAX_INPUTS:
        yield f"inputs: must be 1 to {MAX_INPUTS} values by name; the model sees nothing else"
        return
    for name in inputs:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            yield f"inputs: {str(name)[:40]!r} is no name; use up to 40 letters, digits, _ and -"


def _returns(arguments: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(arguments.get("returns"), str):
        yield _RETURNS
    elif not result_schema(arguments):
        yield f"{_RETURNS}; there is no {str(arguments['returns'])[:80]!r}"


# -- the schema of its result ----------------------------------------------------------------------


def result_schema(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the JSON Schema of the step's result, an object with the field `value`; {} if `returns`
    names nothing.
    """
    returns = arguments.get("returns")
    if returns == TEXT:
        return _object({"type": "string", "maxLength": MAX_TEXT}, {})
    tool, path = _target(returns)
    if tool is None:
        return {}
    parameters = tool.spec.parameters
    forms = [form for form in schemas.at(parameters, path) if form.get("type") != "null"]
    if not forms:
        return {}
    value = forms[0] if len(forms) == 1 else {"anyOf": forms}
    return _object(value, parameters.get("$defs", {}))


def _object(value: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    form = {"type": "object", "properties": {"value": value}, "required": ["value"]}
    return {**form, "additionalProperties": False, **({"$defs": named} if named else {})}


def _target(returns: Any) -> tuple[Tool | None, list[str]]:
    """Returns the tool and the path of its argument that `returns` names."""
    name, _, path = returns.partition(".") if isinstance(returns, str) else ("", "", "")
    return (registry.get(name), path.split(".")) if path else (None, [])


def schema_of_result(step: Step) -> Mapping[str, Any]:
    """Returns the JSON Schema of what a step returns to later steps; {} if it returns nothing."""
    if step.type == StepType.COMPOSE:
        return result_schema(step.arguments)
    tool = registry.get(step.tool) if step.type == StepType.TOOL else None
    return {} if tool is None else tool.spec.result


# -- its call of the model -------------------------------------------------------------------------


def of(step: Step, results: Mapping[str, Any]) -> Composition:
    """Returns what the model is asked for. `results`: of the finished steps, by id. Raises LookupError."""
    returns = step.arguments["returns"]
    return Composition(
        instruction=step.arguments["instruction"],
        inputs=fill(step.arguments["inputs"], results),
        schema=result_schema(step.arguments),
        check=lambda value: errors(returns, value),
    )


def errors(returns: str, value: Any) -> list[str]:
    """Returns why `value` is not what the step returns, phrased for a model."""
    if error := json_error(value):
        return [f"value: {error}"]
    if has_reference(value):
        return ['value: must not contain "$from": nothing is filled in here']
    if returns == TEXT:
        return _text_errors(value)
    if (length := len(json.dumps(value, ensure_ascii=False))) > MAX_VALUE:
        return [f"value: {too_long('the JSON', length, MAX_VALUE)}"]
    tool, path = _target(returns)
    return (
        [f"{returns}: there is no such argument"] if tool is None else _misfits(tool, path, value)
    )


def _text_errors(value: Any) -> list[str]:
    if not isinstance(value, str) or not value.strip() or not is_text(value):
        return ["value: must be a text that is not empty"]
    return [f"value: {too_long('the text', len(value), MAX_TEXT)}"] if len(value) > MAX_TEXT else []


def _misfits(tool: Tool, path: list[str], value: Any) -> list[str]:
    """Returns the errors that the tool's arguments have at `path`, if `value` is there."""
    given: Any = value
    for part in reversed(path):
        given = [given] if part.isdecimal() else {part: given}
    place = tuple(0 if part.isdecimal() else part for part in path)
    try:
        tool.arguments.model_validate(given)
    except ValidationError as error:
        return [
            f"{'.'.join(map(str, ('value', *item['loc'][len(place) :])))}: {message(item)}"
            for item in error.errors(include_url=False)
            if item["loc"][: len(place)] == place
        ]
    return []


def has_reference(value: Any) -> bool:
    """Tells whether a value contains an object that a plan would take for a placeholder, or for part of
    one: a result that is written into a plan must not become one.
    """
    if isinstance(value, Mapping):
        return "$from" in value or any(map(has_reference, value.values()))
    return isinstance(value, list | tuple) and any(map(has_reference, value))


def sources(step: Step, steps: Mapping[str, Step]) -> set[str]:
    """Returns the ids of the steps of type compose whose values the arguments of `step` take."""
    named = {placeholder.step for _, placeholder in placeholders(step.arguments)}
    return {name for name in named if name in steps and steps[name].type == StepType.COMPOSE}
