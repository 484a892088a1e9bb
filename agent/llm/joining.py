"""Joins the chunks of a streamed response to what a complete response has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.llm.reading import cleaned, reasoning_of, text_of
from agent.llm.writing import Writing


class Joined:
    """A response while its chunks arrive. `writing` gets the texts of the message."""

    def __init__(self, writing: Writing | None = None) -> None:
        self.has_chunk = False
        self._writing = writing
        self._body: dict[str, Any] = {}  # `error` and `usage`
        self._texts: dict[str, list[str]] = {}  # of the message, by field
        self._arguments: dict[Any, list[str]] = {}  # of each tool call
        self._reason: Any = None
        self._is_silent = False  # the last chunk had no text

    def take(self, chunk: Any) -> None:
        """Raises ValueError when the chunk is not an object."""
        if not isinstance(chunk, Mapping):
            raise ValueError("a chunk is not an object")
        self.has_chunk = True
        self._body |= {name: chunk[name] for name in ("error", "usage") if chunk.get(name)}
        choice = first_choice(chunk)
        self._reason = choice.get("finish_reason") or self._reason
        delta = choice.get("delta")
        self._is_silent = not isinstance(delta, Mapping) or not self._take(delta)

    def _take(self, delta: Mapping[str, Any]) -> bool:
        """Adds the parts of a message; tells whether there are any."""
        for name, part in delta.items():
            if name == "tool_calls":
                self._take_calls(part)
            elif text := text_of(part):
                self._texts.setdefault(name, []).append(text)
        if self._writing is not None:
            self._writing.take(text_of(delta.get("content")), "".join(reasoning_of(delta)))
        return any(delta.get(name) for name in delta if name != "role")

    def _take_calls(self, calls: Any) -> None:
        for call in calls if isinstance(calls, list) else []:
            function = call.get("function") if isinstance(call, Mapping) else None
            if isinstance(function, Mapping) and isinstance(function.get("arguments"), str):
                self._arguments.setdefault(call.get("index"), []).append(function["arguments"])

    @property
    def has_text(self) -> bool:
        return bool(self._texts or self._arguments)

    @property
    def is_ended(self) -> bool:
        """Tells whether the server gave a reason for the end."""
        return bool(self._reason)

    @property
    def is_complete(self) -> bool:
        """Tells whether only the usage may follow. Some servers send a reason with each chunk."""
        return bool(self._reason and self._is_silent and self._texts.get("content"))

    def body(self) -> dict[str, Any]:
        """Returns the response. Raises ValueError when it is nested too deeply."""
        message: dict[str, Any] = {name: "".join(parts) for name, parts in self._texts.items()}
        if self._arguments:
            message["tool_calls"] = [
                {"function": {"arguments": "".join(parts)}} for parts in self._arguments.values()
            ]
        choices = [{"message": message, "finish_reason": self._reason}]
        body: dict[str, Any] = cleaned({**self._body, "choices": choices})
        return body


def first_choice(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the first choice of a response or chunk, or {}."""
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, Mapping) else {}
