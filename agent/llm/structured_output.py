"""Requests for structured answers in each JSON mode, and their validation. Sends nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import ValidationError

from agent.llm.capabilities import JsonMode
from agent.llm.prompts import render
from agent.llm.reading import candidates, text_of

T = TypeVar("T")
Turn = dict[str, str]  # role and content
Validator = Callable[[dict[str, Any]], T]  # raises pydantic's ValidationError

# Characters of an invalid answer that are shown to the model for its repair.
MAX_REPEATED = 20_000
MAX_ERRORS = 10


class Mismatch(Exception):
    """An answer does not match its schema."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Question:
    """A request for one JSON object. `name` is the schema's; `strict`: servers may enforce it."""

    name: str
    schema: dict[str, Any]
    turns: list[Turn]
    strict: bool = True

    def body(self, mode: JsonMode) -> dict[str, Any]:
        if mode is JsonMode.JSON_SCHEMA:
            schema = {"name": self.name, "strict": self.strict, "schema": self.schema}
            form = {"type": "json_schema", "json_schema": schema}
            return {"messages": self.turns, "response_format": form}
        body: dict[str, Any] = {"messages": self._with_schema()}
        if mode is JsonMode.JSON_OBJECT:
            body["response_format"] = {"type": "json_object"}
        return body

    def repaired(self, message: Mapping[str, Any], errors: list[str]) -> Question:
        """Returns the question with the invalid answer and its errors added."""
        turns = [
            *self.turns,
            {"role": "assistant", "content": _text_shown(message)},
            {"role": "user", "content": self._render("repair", errors=errors)},
        ]
        return replace(self, turns=turns)

    def _with_schema(self) -> list[Turn]:
        first, *others = self.turns
        content = f"{first['content']}\n\n{self._render('form')}"
        return [{**first, "content": content}, *others]

    def _render(self, prompt: str, **values: Any) -> str:
        return render(prompt, {"name": self.name, "schema": json.dumps(self.schema), **values})


def without_system(turns: list[Turn]) -> list[Turn]:
    """Merges the `system` turn into the next one, for models that do not support it."""
    system = [turn["content"] for turn in turns if turn["role"] == "system"]
    first, *others = [turn for turn in turns if turn["role"] != "system"]
    return [{**first, "content": "\n\n".join([*system, first["content"]])}, *others]


def validated(message: Mapping[str, Any], validate: Validator[T]) -> T:
    """Returns the first object in `message` that `validate` accepts. Raises Mismatch."""
    mismatch = Mismatch(["the answer contains no JSON object"])
    for number, candidate in enumerate(candidates(message)):
        try:
            return validate(candidate)
        except ValidationError as error:
            # The errors of the first object count: later ones may be examples in prose.
            mismatch = mismatch if number else Mismatch(_errors(error))
    raise mismatch


def _errors(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(map(str, item['loc'])) or 'the object'}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
    ]


def _text_shown(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    text = json.dumps(content) if isinstance(content, dict) else text_of(content)
    return text[:MAX_REPEATED] or "(nothing)"
