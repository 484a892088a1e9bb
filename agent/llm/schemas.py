"""The JSON Schemas of structured answers, in the strict form that servers can enforce.

Strict: every property is required and no other is allowed. An optional argument is nullable, and its
null is removed from the answer. Of the limits only the greatest lengths of texts and lists are in the
strict form, so that a small model comes to an end; `signature` tells the model all of them, and the
tool's arguments are validated later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from agent.llm.base import ToolSpec
from agent.plan import MAX_STEPS

JSON = dict[str, Any]
TEXT: JSON = {"type": "string"}
NULL: JSON = {"type": "null"}
PLACEHOLDER: JSON = {"$ref": "#/$defs/placeholder"}
# The definitions that `PLACEHOLDER` refers to.
PLACEHOLDERS: JSON = {}
SCALARS = {"string", "integer", "number", "boolean"}
BOUNDS = ("maxLength", "maxItems")
MAX_NOTES = 3  # of one message; more is a copy of it
MAX_OPEN_POINTS = 5  # assumptions, questions, and choices of one question
MAX_LENGTH = 1_000  # characters; servers that compile a schema fail on longer texts


class Inexpressible(Exception):
    """The schema has no strict form, for example because it allows any key."""


def unbounded(schema: Any) -> Any:
    """Returns the schema without the greatest lengths of its texts and lists."""
    if isinstance(schema, Mapping):
        return {key: unbounded(value) for key, value in schema.items() if key not in BOUNDS}
    return [unbounded(item) for item in schema] if isinstance(schema, list) else schema


def exactly(**properties: JSON) -> JSON:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def one_of(*values: str) -> JSON:
    return {"type": "string", "enum": list(values)}


def list_of(items: JSON, most: int | None = None) -> JSON:
    return {"type": "array", "items": items, **({} if most is None else {"maxItems": most})}


def text(most: int, description: str = "") -> JSON:
    """Returns the schema of a text of at most `most` characters."""
    return {**TEXT, "maxLength": most, **({"description": description} if description else {})}


PLACEHOLDERS["placeholder"] = exactly(**{"$from": TEXT, "path": TEXT})

ANALYSIS = exactly(
    intent=one_of("command", "question", "greeting", "statement", "unsupported"),
    summary=text(300, "One line for the user: what the message asks for."),
    needs_tools={"type": "boolean", "description": "Whether a tool is needed."},
    question={
        "anyOf": [text(500), NULL],
        "description": "Null, or the question without whose answer nothing can be done.",
    },
    search=text(200, "Words to look for in the memory: what the message refers to; or empty."),
    tells={"type": "boolean", "description": "Whether the person tells something to remember."},
)

MEMORY = exactly(
    notes=list_of(
        exactly(
            memory_id={
                "anyOf": [text(40), NULL],
                "description": "The id of the memory that this updates; null for a new one.",
            },
            title=text(200, "A few words, at most 200 characters."),
            content=text(MAX_LENGTH, "One full sentence that is clear without context."),
            kind=one_of("decision", "preference", "fact", "spec", "note"),
            category=text(50, "One word, or empty."),
        ),
        MAX_NOTES,
    )
)


def analysis_schema(tools: Sequence[ToolSpec]) -> tuple[JSON, bool]:
    """Returns the schema of an analysis that may ask for calls of the reading ones of `tools`, and
    whether it is strict.
    """
    return _with_reading(ANALYSIS, tools)


def analysis_shown(tools: Sequence[ToolSpec]) -> JSON:
    """Returns the schema of an analysis as a prompt has it."""
    return _with_reading_shown(ANALYSIS, tools)


def _with_reading(schema: JSON, tools: Sequence[ToolSpec]) -> tuple[JSON, bool]:
    """Adds `read_first` to the properties of `schema`, if any of `tools` reads."""
    readers = [tool for tool in tools if tool.reads]
    if not readers:
        return schema, True
    forms = [_arguments(tool) for tool in readers]
    calls = [
        exactly(tool=one_of(tool.name), arguments=form)
        for tool, (form, _) in zip(readers, forms, strict=True)
    ]
    properties = {"read_first": list_of({"anyOf": calls}), **schema["properties"]}
    full = {**schema, **exactly(**properties), "$defs": PLACEHOLDERS}
    return full, all(strict for _, strict in forms)


def _with_reading_shown(schema: JSON, tools: Sequence[ToolSpec]) -> JSON:
    names = [tool.name for tool in tools if tool.reads]
    if not names:
        return schema
    call = exactly(tool=one_of(*names), arguments={"type": "object"})
    return exactly(read_first=list_of(call), **schema["properties"])


# The arguments of a step of type compose. Strict objects have no free keys, so that its inputs are a list
# here; `named_inputs` makes an object of them.
COMPOSE = exactly(
    instruction=text(MAX_LENGTH),
    inputs=list_of(exactly(name=text(40), value={"anyOf": [TEXT, PLACEHOLDER]}), 10),
    returns=text(100, "“text”, or a tool and its argument, e.g. “create_tasks.tasks”."),
)


def named_inputs(arguments: JSON) -> JSON:
    """Returns the arguments of a step of type compose with its inputs by name."""
    inputs = arguments.get("inputs")
    if not isinstance(inputs, list) or not all(_is_named(one) for one in inputs):
        return arguments
    named = {one["name"]: one["value"] for one in inputs}
    return {**arguments, "inputs": named} if len(named) == len(inputs) else arguments


def _is_named(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"name", "value"}
        and isinstance(value["name"], str)
    )


# -- the plan --------------------------------------------------------------------------------------


def plan_schema(tools: Sequence[ToolSpec], *, may_read: bool = False) -> tuple[JSON, bool]:
    """Returns the schema of a plan with `tools`, and whether it is strict. `may_read`: the model may
    ask for calls of those that read, instead of steps.
    """
    forms = [_arguments(tool) for tool in tools]
    steps = [
        _step("tool", one_of(tool.name), form) for tool, (form, _) in zip(tools, forms, strict=True)
    ]
    answer = _step("answer", NULL, exactly())
    answer["properties"]["type"] = one_of("answer", "ask")
    steps.append(_step("compose", NULL, COMPOSE))
    schema = exactly(
        summary=text(500),
        steps=list_of({"anyOf": [*steps, answer]}, MAX_STEPS),
        assumptions=list_of(
            exactly(text=text(300), steps=list_of(text(40), MAX_STEPS)), MAX_OPEN_POINTS
        ),
        questions=list_of(
            exactly(question=text(300), choices=list_of(text(100), MAX_OPEN_POINTS)),
            MAX_OPEN_POINTS,
        ),
    )
    schema["$defs"] = PLACEHOLDERS
    full, strict_reading = _with_reading(schema, tools if may_read else ())
    return full, strict_reading and all(strict for _, strict in forms)


def plan_shown(tools: Sequence[ToolSpec], *, may_read: bool = False) -> JSON:
    """Returns the schema of a plan as a prompt has it."""
    return _with_reading_shown(PLAN_SHOWN, tools if may_read else ())


# A plan's schema as a prompt has it: the prompt describes the tools and their arguments already.
PLAN_SHOWN = exactly(
    summary=TEXT,
    steps=list_of(
        exactly(
            id=TEXT,
            type=one_of("tool", "compose", "answer", "ask"),
            tool={"anyOf": [TEXT, NULL]},
            description=TEXT,
            arguments={"type": "object"},
            depends_on=list_of(TEXT),
        )
    ),
    assumptions=list_of(exactly(text=TEXT, steps=list_of(TEXT))),
    questions=list_of(exactly(question=TEXT, choices=list_of(TEXT))),
)


def _step(type: str, tool: JSON, arguments: JSON) -> JSON:
    return exactly(
        id=text(40),
        type=one_of(type),
        tool=tool,
        description=text(500),
        arguments=arguments,
        depends_on=list_of(text(40), MAX_STEPS),
    )


@cache  # every run uses the same tools
def _arguments(tool: ToolSpec) -> tuple[JSON, bool]:
    try:
        return strict(tool.parameters), True
    except Inexpressible:
        return {"type": "object"}, False


def strict(schema: JSON) -> JSON:
    """Returns the strict form of a tool's parameters. Raises Inexpressible."""
    if not schema.get("properties"):
        return exactly()
    return _object(schema, schema.get("$defs", {}), ())


def composed(schema: JSON) -> tuple[JSON, bool]:
    """Returns the form of an object that a model composes, and whether it is strict: like `strict`, but
    with no placeholders in it.
    """
    try:
        form: JSON = _without_placeholders(strict(schema))
    except Inexpressible:
        return schema, False
    return form, True


def _without_placeholders(form: Any) -> Any:
    if isinstance(form, list):
        return [_without_placeholders(item) for item in form if item != PLACEHOLDER]
    if not isinstance(form, dict):
        return form
    cleared = {key: _without_placeholders(item) for key, item in form.items()}
    branches = cleared.get("anyOf", ())
    if len(branches) == 1:
        del cleared["anyOf"]
        return {**branches[0], **cleared}
    return cleared


def _object(schema: JSON, defs: JSON, seen: tuple[str, ...]) -> JSON:
    required = schema.get("required", ())
    properties = {
        name: _value(item, defs, seen, optional=name not in required)
        for name, item in schema["properties"].items()
    }
    return exactly(**properties)


def _value(schema: JSON, defs: JSON, seen: tuple[str, ...], *, optional: bool = False) -> JSON:
    """Returns the strict form of a value, which may be a placeholder or null instead."""
    branches = _branches(schema, defs, seen)
    if any(_takes_placeholder(branch) for branch in branches):
        branches.append(PLACEHOLDER)
    if optional and NULL not in branches:
        branches.append(NULL)
    form = branches[0] if len(branches) == 1 else {"anyOf": branches}
    if "description" in schema and form is not PLACEHOLDER:
        form = {**form, "description": schema["description"]}
    return form


def _takes_placeholder(branch: JSON) -> bool:
    return "enum" not in branch and branch.get("type") in SCALARS | {"array"}


def _branches(schema: JSON, defs: JSON, seen: tuple[str, ...]) -> list[JSON]:
    schema, seen = _resolved(schema, defs, seen)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema and (key != "allOf" or len(schema[key]) == 1):
            return [form for item in schema[key] for form in _branches(item, defs, seen)]
    if "enum" in schema or "const" in schema:
        return [_enumeration(schema)]
    types = schema.get("type")
    if isinstance(types, list):
        return [form for kind in types for form in _branches({**schema, "type": kind}, defs, seen)]
    return [_typed(schema, defs, seen)]


def _typed(schema: JSON, defs: JSON, seen: tuple[str, ...]) -> JSON:
    match schema.get("type"):
        case "object" if schema.get("properties"):
            return _object(schema, defs, seen)
        case "array" if isinstance(schema.get("items"), dict):
            return list_of(_value(schema["items"], defs, seen), schema.get("maxItems"))
        case "null":
            return NULL
        case "string" if schema.get("maxLength", MAX_LENGTH + 1) <= MAX_LENGTH:
            return text(schema["maxLength"])
        case str(scalar) if scalar in SCALARS:
            return {"type": scalar}
    raise Inexpressible


def _enumeration(schema: JSON) -> JSON:
    values = schema.get("enum", [schema.get("const")])
    if not all(isinstance(value, str) for value in values):
        raise Inexpressible
    return one_of(*values)


def _resolved(schema: JSON, defs: JSON, seen: tuple[str, ...]) -> tuple[JSON, tuple[str, ...]]:
    """Follows `$ref`s into `defs`. Raises Inexpressible for a schema that contains itself."""
    while reference := schema.get("$ref"):
        name = reference.removeprefix("#/$defs/")
        if name in seen or name not in defs:
            raise Inexpressible
        schema, seen = defs[name], (*seen, name)
    return schema, seen


# -- answers ---------------------------------------------------------------------------------------


def without_nulls(value: Any, schema: JSON, defs: JSON | None = None) -> Any:
    """Returns arguments without the nulls that stand for omitted ones in the strict form."""
    defs = schema.get("$defs", {}) if defs is None else defs
    if isinstance(value, Mapping):
        form = form_of("properties", schema, defs)
        return {
            name: without_nulls(item, form.get("properties", {}).get(name, {}), defs)
            for name, item in value.items()
            if item is not None or name in form.get("required", ()) or not form
        }
    if isinstance(value, list):
        form = form_of("items", schema, defs)
        return [without_nulls(item, form.get("items", {}), defs) for item in value]
    return value


def form_of(key: str, schema: JSON, defs: JSON, depth: int = 0) -> JSON:
    """Returns the first branch of `schema` that has `key`, or {}."""
    if depth > 8:  # circular references
        return {}
    if "$ref" in schema:
        schema = defs.get(schema["$ref"].removeprefix("#/$defs/"), {})
        return form_of(key, schema, defs, depth + 1)
    if key in schema:
        return schema
    branches = (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ()))
    forms = (form_of(key, branch, defs, depth + 1) for branch in branches)
    return next(filter(None, forms), {})
