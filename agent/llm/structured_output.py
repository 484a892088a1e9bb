"""What is asked in a structured call, in the form of each rung of the ladder. Sends nothing."""

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
Fit = Callable[[dict[str, Any]], T]  # raises pydantic's ValidationError

# What is shown again to a model that has to repair it; more than this it would not repair either.
MAX_REPEATED = 20_000
MAX_ERRORS = 10


class Mismatch(Exception):
    """An answer is not what was asked for."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Question:
    """`name` is the schema's; `strict` says whether a server may take the schema as strict."""

    name: str
    schema: dict[str, Any]
    turns: list[Turn]
    strict: bool = True

    def body(self, rung: JsonMode) -> dict[str, Any]:
        if rung is JsonMode.JSON_SCHEMA:
            schema = {"name": self.name, "strict": self.strict, "schema": self.schema}
            form = {"type": "json_schema", "json_schema": schema}
            return {"messages": self.turns, "response_format": form}
        body: dict[str, Any] = {"messages": self._with_schema()}
        if rung is JsonMode.JSON_OBJECT:
            body["response_format"] = {"type": "json_object"}
        return body

    def repaired(self, message: Mapping[str, Any], errors: list[str]) -> Question:
        """Returns the question that shows the model its answer and what is wrong with it."""
        turns = [
            *self.turns,
            {"role": "assistant", "content": _shown(message)},
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
    """Returns the same for a model that takes no instructions in a turn of their own."""
    system = [turn["content"] for turn in turns if turn["role"] == "system"]
    first, *others = [turn for turn in turns if turn["role"] != "system"]
    return [{**first, "content": "\n\n".join([*system, first["content"]])}, *others]


def fitted(message: Mapping[str, Any], fit: Fit[T]) -> T:
    """Returns what `fit` makes of the first object in `message` that it takes. Raises Misfit."""
    misfit = Mismatch(["there is no JSON object in it"])
    for number, found in enumerate(candidates(message)):
        try:
            return fit(found)
        except ValidationError as error:
            # The first object is the one that was meant; what follows may be prose.
            misfit = misfit if number else Mismatch(_errors(error))
    raise misfit


def _errors(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(map(str, item['loc'])) or 'the object'}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
    ]


def _shown(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    text = json.dumps(content) if isinstance(content, dict) else text_of(content)
    return text[:MAX_REPEATED] or "(nothing)"
