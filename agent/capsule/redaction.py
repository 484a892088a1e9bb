"""Replaces the texts of people and models in a capsule, word by word: the same word by the same other one.

What refers to a text still refers to it, and every length stays. Ids, times, numbers of up to four digits
and the names of tools and fields stay as they are. The prompts are left out: what they say of the project is
in the state.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from agent.capsule.comparing import DATE, ID, KEPT, LONG_NUMBER
from agent.capsule.decisions import EDITED
from agent.capsule.form import Capsule, ToolSpecForm
from agent.capsule.recording import OUR_PACKAGE
from agent.llm.base import ToolSpec
from agent.llm.factory import OFFLINE_NAME
from agent.llm.kept_calls import CANCELLED
from agent.llm.reading import objects
from agent.llm.schemas import ANALYSIS
from agent.tools import registry

_OFFLINE = "It is redacted, and the offline model plans by the words themselves."
_LETTERS = "bcdfghjklmnpqrstvwxz"  # no vowels: no word of a language comes out
_DIGITS = "0123456789"
_PARTS = re.compile(
    rf"(?P<id>{ID.pattern})"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]*(?:Z|[+-]\d\d:\d\d))"
    rf"|(?P<date>{DATE})|(?P<number>{LONG_NUMBER})|(?P<word>[^\W\d_]+)"
)
_OWN = frozenset(
    {
        "format", "version", "product", "cannot_be_replayed", "made_at", "model", "at", "changed", "off",
        "started_at", "finished_at", "timestamp", "today", "approval", "error_code", "returns",
        "session_approval", "undoes", "digest", "plan_revision", "expires_at", "at_export",
    }
)  # fmt: skip
_PLACEHOLDER = {"$from", "path"}
_FAILED = re.compile(r"The call failed with \w+\.")
_RETRYING = "🔁 Retrying "


def redacted(capsule: Capsule) -> Capsule:
    """Returns the capsule without the texts of people and models."""
    values = _Redaction(capsule).all()
    values["redacted"] = True
    for call in values["calls"]:
        call["turns"] = None
    for event in values["events"]:
        if event["type"] != "token":
            event.pop("text", None)
        if "message" in event and isinstance(event["message"], dict):
            event["message"].pop("html", None)
    if capsule.run.model == OFFLINE_NAME and not values["cannot_be_replayed"]:
        values["cannot_be_replayed"] = _OFFLINE
    return Capsule.model_validate_json(json.dumps(values))


class _Redaction:
    """A field whose name the product gives, such as `status`, keeps its words. What tools of other packages
    take and return, and what a model composes, is *free*: it may have fields of any name, none of which
    keeps its words, and a name that is in no schema is redacted too.
    """

    def __init__(self, capsule: Capsule) -> None:
        self._capsule = capsule
        self._words: dict[str, str] = {}  # by each word in lower case, what takes its place
        self._taken: set[str] = set()
        forms = capsule.tools
        self._of_others = {name for name, form in forms.items() if form.package != OUR_PACKAGE}
        self._retries = {_RETRYING + name for name in forms}
        specs: list[ToolSpecForm | ToolSpec] = [form.spec for form in forms.values() if form.spec]
        specs += [tool.spec for tool in registry.all_tools()]
        schemas = [schema for spec in specs for schema in (spec.parameters, spec.result)]
        self._choices = {"text", *_all_choices([*schemas, ANALYSIS])}
        self._names = {"value", *_all_names(schemas)}
        plans = [event["plan"] for event in capsule.events if event["type"] == "plan"]
        steps = [step for plan in plans for step in plan["steps"]]
        self._free_steps: Collection[str] = {
            step["id"]
            for step in steps
            if step["tool"] in self._of_others or step["type"] == "compose"
        }

    def all(self) -> dict[str, Any]:
        values = self._capsule.model_dump(mode="json")
        kept = {name: values.pop(name) for name in ("settings", "tools")}
        events = values.pop("events")
        _redact_tokens((one for one in events if one["type"] == "token"), self._text)
        kept["events"] = [one if one["type"] == "token" else self._object(one) for one in events]
        return {**self._object(values), **kept}

    def _object(self, values: Mapping[str, Any], *, free: bool = False) -> dict[str, Any]:
        if values.keys() == _PLACEHOLDER:
            return {**values, "path": self._path(str(values["path"]))}
        if free:
            return {
                self._name(key): self._value(item, "", values, True) for key, item in values.items()
            }
        if str(values.get("message", "")) in self._retries:
            return dict(values)
        free_fields = self._free_fields(values)
        return {
            key: self._value(item, key, values, key in free_fields) for key, item in values.items()
        }

    def _free_fields(self, values: Mapping[str, Any]) -> Collection[str]:
        """Returns the fields of a step, a reading or anything else that are free."""
        if str(values.get("tool")) in self._of_others:
            return ("arguments", "result", "inputs")
        is_free = values.get("type") == "compose" or str(values.get("id")) in self._free_steps
        return ("result", "inputs") if is_free else ("inputs",)

    def _value(self, value: Any, key: str, inside: Mapping[str, Any], free: bool) -> Any:
        match value:
            case str() if free or not _is_name(key, value):
                is_json = key == "text" and inside.get("verb") not in (None, "answer")
                return self._json(value, inside["verb"]) if is_json else self._text(value)
            case dict():
                return value if not free and key == "usage" else self._object(value, free=free)
            case list():
                return [self._value(item, key, inside, free) for item in value]
            case int() if free and abs(value) >= 10_000:
                return int(self._text(str(value)))
        return value

    def _json(self, text: str, verb: str) -> str:
        """Returns the JSON objects in what a model wrote, with the texts in them redacted."""
        found = [self._object(one, free=verb == "compose") for one in objects(text)]
        if not found:
            return self._text(text)
        return "\n".join(json.dumps(one, ensure_ascii=False) for one in found)

    def _name(self, key: str) -> str:
        return key if key in self._names else self._text(key)

    def _path(self, path: str) -> str:
        return ".".join(map(self._name, path.split(".")))

    def _text(self, text: str) -> str:
        if text in self._choices or text == CANCELLED or _FAILED.fullmatch(text):
            return text
        end = EDITED if text.endswith(EDITED) else ""
        return _PARTS.sub(self._other, text.removesuffix(end)) + end

    def _other(self, found: re.Match[str]) -> str:
        word = found[0]
        if found["id"] or found["time"] or found["date"]:
            return word
        key = word.casefold() if len(word.casefold()) == len(word) else word
        other = self._words.get(key) or self._new(key, is_number=bool(found["number"]))
        if word.isupper() and len(word) > 1:
            return other.upper()
        return other.capitalize() if word[0].isupper() else other

    def _new(self, key: str, *, is_number: bool) -> str:
        other = key
        for _ in range(100):  # of a letter alone there are fewer others than letters
            other = "".join(
                secrets.choice(_LETTERS if not is_number else _DIGITS if one.isdigit() else one)
                for one in key
            )
            if other not in self._taken and other != key:
                break
        self._taken.add(other)
        self._words[key] = other
        return other


def _is_name(key: str, value: str) -> bool:
    """Tells whether it is the product's. A model may write a sentence where a name belongs."""
    return key in _OWN or (key in KEPT and " " not in value)


def _redact_tokens(tokens: Iterable[dict[str, Any]], redact: Callable[[str], str]) -> None:
    """Redacts the pieces of an answer as one text: most pieces begin within a word."""
    pieces: list[dict[str, Any]] = []
    whole = ""
    for token in tokens:
        if token["offset"] != len(whole):  # it starts over
            _cut(redact(whole), pieces)
            whole, pieces = whole[: token["offset"]], []
        pieces.append(token)
        whole += token["text"]
    _cut(redact(whole), pieces)


def _cut(text: str, pieces: Iterable[dict[str, Any]]) -> None:
    for token in pieces:
        start = token["offset"]
        token["text"] = text[start : start + len(token["text"])]


def _all_choices(schema: Any) -> Iterator[str]:
    """Yields the words that a tool takes in one of its arguments and no others."""
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key == "enum" and isinstance(value, list):
                yield from (one for one in value if isinstance(one, str))
            elif key == "const" and isinstance(value, str):
                yield value
            else:
                yield from _all_choices(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _all_choices(value)


def _all_names(schema: Any) -> Iterator[str]:
    """Yields the names of the fields that tools take and return."""
    if isinstance(schema, Mapping):
        if isinstance(named := schema.get("properties"), Mapping):
            yield from named
        for value in schema.values():
            yield from _all_names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _all_names(value)
