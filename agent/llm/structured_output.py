"""Prompts for structured answers in each JSON mode, and the validation of the answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import ValidationError

from agent.llm.capabilities import JsonMode
from agent.llm.fitting import Prompt, Turn
from agent.llm.prompts import render
from agent.llm.reading import candidates, text_of
from agent.shorten import cut

T = TypeVar("T")
Validator = Callable[[dict[str, Any]], T]  # raises pydantic's ValidationError, or Mismatch

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
    """A request for one JSON object. `name` is the schema's; `strict`: servers may enforce it.

    `shown`: the schema as the prompt has it, where that may be shorter.
    """

    name: str
    schema: dict[str, Any]
    prompt: Prompt
    strict: bool = True
    shown: dict[str, Any] | None = None

    def prompt_for(self, mode: JsonMode) -> Prompt:
        if mode is JsonMode.JSON_SCHEMA:
            return self.prompt
        return replace(self.prompt, form=self._render("form"))

    def fields(self, mode: JsonMode) -> dict[str, Any]:
        """Returns the fields of the request beside its messages."""
        steady = {"temperature": 0}
        match mode:
            case JsonMode.JSON_SCHEMA:
                schema = {"name": self.name, "strict": self.strict, "schema": self.schema}
                form: dict[str, Any] = {"type": "json_schema", "json_schema": schema}
                return {"response_format": form, **steady}
            case JsonMode.JSON_OBJECT:
                return {"response_format": {"type": "json_object"}, **steady}
        return steady

    def repaired(self, message: Mapping[str, Any], errors: list[str]) -> Question:
        """Returns the question with the invalid answer and its errors added."""
        added = (
            {"role": "assistant", "content": _text_shown(message)},
            {"role": "user", "content": self._render("repair", errors=errors)},
        )
        return replace(self, prompt=replace(self.prompt, added=added))

    def _render(self, prompt: str, **values: Any) -> str:
        schema = json.dumps(self.shown or self.schema)
        return render(prompt, {"name": self.name, "schema": schema, **values})


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
        except (ValidationError, Mismatch) as error:
            # The errors of the first object count: later ones may be examples in prose.
            found = error if isinstance(error, Mismatch) else Mismatch(_errors(error))
            mismatch = mismatch if number else found
    raise mismatch


def _errors(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(map(str, item['loc'])) or 'the object'}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
    ]


def _text_shown(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    text = json.dumps(content) if isinstance(content, dict) else text_of(content)
    return cut(text, MAX_REPEATED) or "(nothing)"
