"""Reads JSON Schemas as pydantic writes them: follows paths, names types, makes up a value that fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

# Type names of JSON Schema; a whole number is a number too.
_ANY = frozenset(("string", "integer", "number", "boolean", "array", "object", "null"))


def at(schema: Schema, path: Sequence[str | int]) -> list[Schema]:
    """Returns what may stand at `path` in a value that fits `schema`; nothing when nothing may."""
    found = list(branches(schema, schema.get("$defs", {})))
    for part in path:
        found = [
            branch
            for one in found
            for inner in _inside(one, part)
            for branch in branches(inner, schema.get("$defs", {}))
        ]
    return found


def branches(schema: Schema, named: Mapping[str, Schema], depth: int = 0) -> Iterator[Schema]:
    """Yields the alternatives that `schema` stands for, without references and unions."""
    if depth > 8:  # references that lead in a circle
        return
    if "$ref" in schema:
        yield from branches(named[schema["$ref"].rpartition("/")[2]], named, depth + 1)
    elif union := schema.get("anyOf") or schema.get("oneOf"):
        for inner in union:
            yield from branches(inner, named, depth + 1)
    else:
        yield schema


def _inside(schema: Schema, part: str | int) -> Iterator[Schema]:
    """Yields what stands under a name, or at a place of a list."""
    if str(part) in schema.get("properties", {}):
        yield schema["properties"][str(part)]
    elif isinstance(more := schema.get("additionalProperties"), Mapping):
        yield more
    elif str(part).isdecimal() and isinstance(schema.get("items"), Mapping):
        yield schema["items"]


def compatible(sources: Sequence[Schema], targets: Sequence[Schema]) -> bool:
    """Tells whether a value of one of `sources` can be one of `targets`, as far as types tell."""
    return any(_may_be(source, target) for source in sources for target in targets)


def _may_be(source: Schema, target: Schema) -> bool:
    gives, takes = _types(source), _types(target)
    if "number" in takes:
        takes |= {"integer"}
    if not gives & takes:
        return False
    of_source, of_target = _values(source), _values(target)
    if of_source is None or of_target is None:
        return True
    return any(value in of_target for value in of_source)


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
    """Returns a value that fits one of `schemas`, with what is known of its limits."""
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
