"""Replaces the texts of people and models in a capsule, word by word: the same word by the same other one.

What refers to a text still refers to it, and every length stays. Ids, times, numbers and the names of tools
and fields stay as they are. The prompts are left out: what they say of the project is in the state.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from agent.capsule.comparing import KEPT
from agent.capsule.decisions import EDITED
from agent.capsule.form import Capsule
from agent.llm.factory import OFFLINE_NAME
from agent.llm.kept_calls import CANCELLED
from agent.llm.reading import parse
from agent.tools import registry

_OFFLINE = "It is redacted, and the offline model plans by the words themselves."
_LETTERS = "bcdfghjklmnpqrstvwxz"  # no vowels: no word of a language comes out
_PARTS = re.compile(
    r"(?P<id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]*(?:Z|[+-]\d\d:\d\d))"
    r"|(?P<word>[^\W\d_]+)|(?P<number>\d{5,})"
)
_OWN = frozenset(
    {
        "format", "version", "product", "cannot_be_replayed", "made_at", "settings", "tools", "model", "at",
        "changed", "started_at", "finished_at", "timestamp", "today", "due", "intent", "approval",
        "error_code", "returns", "session_approval", "undoes", "digest", "plan_revision", "expires_at",
    }
)  # fmt: skip
_ERRORS = (CANCELLED, "The call failed with ")
_RETRYING = "🔁 Retrying "


def redacted(capsule: Capsule) -> Capsule:
    """Returns the capsule without the texts of people and models."""
    values = _Redaction(capsule).object(capsule.model_dump(mode="json"))
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
    """`words`: by each word in lower case, what takes its place."""

    def __init__(self, capsule: Capsule) -> None:
        self._words: dict[str, str] = {}
        self._taken: set[str] = set()
        theirs = [form.spec.parameters for form in capsule.tools.values() if form.spec]
        ours = [tool.spec.parameters for tool in registry.all_tools()]
        self._choices = {"text", *_all_choices([*theirs, *ours])}

    def object(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if str(values.get("message", "")).startswith(_RETRYING):  # of a tool, which it names
            return dict(values)
        return {key: self._value(item, key, values) for key, item in values.items()}

    def _value(self, value: Any, key: str, inside: Mapping[str, Any]) -> Any:
        match value:
            case str() if key not in KEPT and key not in _OWN:
                is_json = key == "text" and inside.get("verb") not in (None, "answer")
                return self._json(value) if is_json else self._text(value)
            case dict():
                return value if key in ("settings", "tools", "usage") else self.object(value)
            case list() if key not in KEPT:
                return [self._value(item, key, inside) for item in value]
        return value

    def _json(self, text: str) -> str:
        """Returns what a model wrote as JSON, with the texts in it redacted."""
        try:
            values = parse(text)
        except (ValueError, RecursionError):
            return self._text(text)
        if not isinstance(values, dict):
            return self._text(text)
        return json.dumps(self.object(values), ensure_ascii=False)

    def _text(self, text: str) -> str:
        if text in self._choices or text.startswith(_ERRORS):
            return text
        end = EDITED if text.endswith(EDITED) else ""
        return _PARTS.sub(self._other, text.removesuffix(end)) + end

    def _other(self, found: re.Match[str]) -> str:
        word = found[0]
        if found["id"] or found["time"]:
            return word
        key = word.casefold() if len(word.casefold()) == len(word) else word
        other = self._words.get(key) or self._new(key)
        if word.isupper() and len(word) > 1:
            return other.upper()
        return other.capitalize() if word[0].isupper() else other

    def _new(self, key: str) -> str:
        letters = "0123456789" if key.isdigit() else _LETTERS
        other = key
        for _ in range(100):  # of a letter alone there are fewer others than letters
            other = "".join(secrets.choice(letters) for _ in key)
            if other not in self._taken and other != key:
                break
        self._taken.add(other)
        self._words[key] = other
        return other


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
