"""The schemas of tools as a prompt has them: one line for the arguments or the result of a tool."""

from __future__ import annotations

import json
from typing import Any

from agent.llm.schemas import JSON, form_of

# The keyword of a value that the prompt of a plan describes once, for all tools: its name there.
SHORT = "x-short"


def signature(schema: JSON) -> str:
    """Returns an object's schema as one line: `title: string (1 to 200 characters), ...`."""
    return ", ".join(_fields(schema, schema.get("$defs", {}), 0))


def outline(schema: JSON, *, values: bool = False) -> str:
    """Returns the names of an object's fields, and of those in lists of objects, as one line.

    `values`: with "?" after optional fields, and with the values that a field may have.
    """
    return ", ".join(_named(schema, schema.get("$defs", {}), values, 0))


def _named(schema: JSON, defs: JSON, values: bool, depth: int) -> list[str]:
    required = schema.get("required", ()) if values else schema.get("properties", {})
    return [
        f"{name}{'' if name in required else '?'}{_contents(item, defs, values, depth)}"
        for name, item in schema.get("properties", {}).items()
    ]


def _contents(schema: JSON, defs: JSON, values: bool, depth: int) -> str:
    """Returns the fields of a list's objects, or the values that a field may have."""
    items = form_of("items", schema, defs).get("items", {})
    form = form_of("properties", items, defs)
    if form and not depth and SHORT not in schema:
        return f": list of {{{', '.join(_named(form, defs, values, depth + 1))}}}"
    choices = form_of("enum", schema, defs).get("enum", ()) if values else ()
    return f": {'|'.join(map(str, choices))}" if choices else ""


def _fields(schema: JSON, defs: JSON, depth: int) -> list[str]:
    required = schema.get("required", ())
    return [
        f"{name}{'' if name in required else '?'}: {_phrase(item, defs, depth)}"
        for name, item in schema.get("properties", {}).items()
    ]


def _phrase(schema: JSON, defs: JSON, depth: int) -> str:
    if SHORT in schema:
        return str(schema[SHORT])
    text = _kind(schema, defs, depth) + _limits(schema)
    if schema.get("default") is not None:
        text += f" = {json.dumps(schema['default'], ensure_ascii=False)}"
    if schema.get("description"):
        text += f" ({schema['description']})"
    return text


def _kind(schema: JSON, defs: JSON, depth: int) -> str:
    if depth > 4:
        return "object"
    if "$ref" in schema:
        return _kind(defs.get(schema["$ref"].removeprefix("#/$defs/"), {}), defs, depth + 1)
    if (
        "x-object" in schema
    ):  # a task, a memory, a member or a day: the prompt says how they are given
        return str(schema["x-object"])
    if "enum" in schema:
        return "|".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(
            item.get(SHORT) or _kind(item, defs, depth + 1) + _limits(item)
            for item in schema["anyOf"]
            if item.get("type") != "null"  # the "?" of a field says that
        )
    if schema.get("type") == "array":
        return f"list of {_phrase(schema.get('items', {}), defs, depth + 1)}"
    if "properties" in schema:
        return "{" + ", ".join(_fields(schema, defs, depth + 1)) + "}"
    return str(schema.get("const") or schema.get("type", "any"))


def _limits(schema: JSON) -> str:
    for low, high, unit in (
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minimum", "maximum", ""),
    ):
        if low in schema or high in schema:
            return f" ({_range(schema.get(low), schema.get(high))}{unit})"
    return ""


def _range(low: Any, high: Any) -> str:
    if high is None:
        return f"{low} or more"
    return f"{low} to {high}" if low is not None else f"up to {high}"
