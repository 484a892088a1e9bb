"""Reads JSON Schemas as pydantic writes them: follows paths, names types, creates example values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

# The types of JSON Schema. An integer is also a number.
_ANY = frozenset(("string", "integer", "number", "boolean", "array", "object", "null"))


def at(schema: Schema, path: Sequence[str | int]) -> list[Schema]:
    """Returns the schemas of the values allowed at `path`; empty if `schema` has no such path."""
    options = list(branches(schema, schema.get("$defs", {})))
    for part in path:
        options = [
            branch
            for option in options
            for inner in _inside(option, part)
            for branch in branches(inner, schema.get("$defs", {}))
        ]
    return options


def branches(schema: Schema, named: Mapping[str, Schema], depth: int = 0) -> Iterator[Schema]:
    """Yields the alternatives of `schema`, with references and unions resolved."""
    if depth > 8:  # circular references
        return
    if "$ref" in schema:
        yield from branches(named[schema["$ref"].rpartition("/")[2]], named, depth + 1)
    elif union := schema.get("anyOf") or schema.get("oneOf"):
        for inner in union:
            yield from branches(inner, named, depth + 1)
    else:
        yield schema


def _inside(schema: Schema, part: str | int) -> Iterator[Schema]:
    """Yields the schema of a property, or of an array's item."""
    if str(part) in schema.get("properties", {}):
        yield schema["properties"][str(part)]
    elif isinstance(additional := schema.get("additionalProperties"), Mapping):
        yield additional
    elif str(part).isdecimal() and isinstance(schema.get("items"), Mapping):
        yield schema["items"]


def within(schema: Schema, named: Mapping[str, Schema], depth: int = 0) -> Iterator[Schema]:
    """Yields the alternatives of `schema`, and those of everything inside of them."""
    if depth > 8:  # circular references
        return
    for branch in branches(schema, named):
        yield branch
        for inner in (*branch.get("properties", {}).values(), branch.get("items")):
            if isinstance(inner, Mapping):
                yield from within(inner, named, depth + 1)


def compatible(sources: Sequence[Schema], targets: Sequence[Schema]) -> bool:
    """Tells whether some value fits both one of `sources` and one of `targets`, by types and enums."""
    return any(_overlap(source, target) for source in sources for target in targets)


def _overlap(source: Schema, target: Schema) -> bool:
    source_types, target_types = _types(source), _types(target)
    if "number" in target_types:
        target_types |= {"integer"}
    if not source_types & target_types:
        return False
    source_values, target_values = _values(source), _values(target)
    if source_values is None or target_values is None:
        return True
    return any(value in target_values for value in source_values)


def _types(schema: Schema) -> frozenset[str]:
    if "type" in schema:
        kinds = schema["type"]
        return frozenset([kinds] if isinstance(kinds, str) else kinds)
    return _ANY


def _values(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return schema.get("enum")


def phrase(schemas: Sequence[Schema]) -> str:
    """Returns the types of `schemas` in words: "string or null", "low|medium|high"."""
    return " or ".join(dict.fromkeys(_phrase(schema) for schema in schemas))


def _phrase(schema: Schema) -> str:
    values = _values(schema)
    return "|".join(map(str, values if values is not None else sorted(_types(schema))))


def example(schemas: Sequence[Schema]) -> Any:
    """Returns a value that fits one of `schemas`, and its limits of length or size."""
    for schema in schemas:
        for kind in ("string", "integer", "number", "boolean", "array"):
            if kind in _types(schema):
                return _example_of(kind, schema)
    return None


def _example_of(kind: str, schema: Schema) -> Any:
    if values := _values(schema):
        return values[0]
    match kind:
        case "string":
            return "x" * max(1, schema.get("minLength", 1))
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        case "boolean":
            return True
    return []
