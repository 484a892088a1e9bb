"""What each server and model is known to support. Kept in memory for half an hour."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import IntEnum

from agent.llm.errors import Server
from agent.llm.options import Options
from agent.llm.windows import Window


class JsonMode(IntEnum):
    """How a structured answer is requested, the most reliable mode first."""

    JSON_SCHEMA = 0  # the server enforces the schema
    JSON_OBJECT = 1  # the server enforces JSON; the prompt contains the schema
    TEXT = 2  # the prompt contains the schema; the JSON is extracted from the text


# A server without `json_schema` may answer 500, as one with a temporary error does. After this many
# such errors the mode counts as unsupported.
MAX_SERVER_ERRORS = 2


# Seconds until everything is tried again: the server may have another version or model by then.
EXPIRY = 1800.0


@dataclass(slots=True)
class Capabilities:
    usage_in_streams: bool = True
    streams: bool = True
    streams_json: bool = True  # structured answers too
    has_streamed_json: bool = False
    system_role: bool = True
    window: Window = field(default_factory=Window)
    options: Options = field(default_factory=Options)
    learned_at: float = field(default_factory=time.monotonic)
    _best: JsonMode = JsonMode.JSON_SCHEMA
    _best_for: dict[str, JsonMode] = field(default_factory=dict)  # by the schema's name
    _worked: set[tuple[JsonMode, str]] = field(default_factory=set)  # with the schema's name
    _server_errors: dict[tuple[JsonMode, str], int] = field(default_factory=dict)

    def best_mode(self, schema: str) -> JsonMode:
        return max(self._best, self._best_for.get(schema, JsonMode.JSON_SCHEMA))

    def has_worked(self, mode: JsonMode) -> bool:
        return any(worked == mode for worked, _ in self._worked)

    def worked(self, mode: JsonMode, schema: str) -> None:
        self._worked.add((mode, schema))
        self._server_errors.pop((mode, schema), None)

    def refused(self, mode: JsonMode, schema: str) -> None:
        """The server refused `mode`, and a later mode worked."""
        if (mode, schema) in self._worked:  # this one answer may have failed
            self.server_error(mode, schema)
        elif self.has_worked(mode):  # then it only refuses this schema
            self._degrade(mode, schema)
        else:
            self._best = max(self._best, JsonMode(mode + 1))

    def server_error(self, mode: JsonMode, schema: str) -> None:
        """The server had an internal error with `mode`, and a later mode worked."""
        errors = self._server_errors[mode, schema] = self._server_errors.get((mode, schema), 0) + 1
        if errors < MAX_SERVER_ERRORS:
            return
        if self.has_worked(mode):
            self._degrade(mode, schema)
        else:
            self._best = max(self._best, JsonMode(mode + 1))

    def ignored(self, mode: JsonMode, schema: str) -> None:
        """The server accepted `mode`, but the model followed the schema only when the prompt had it."""
        if mode is not JsonMode.TEXT:
            self._degrade(mode, schema)

    def _degrade(self, mode: JsonMode, schema: str) -> None:
        self._best_for[schema] = max(self.best_mode(schema), JsonMode(mode + 1))


_known: dict[tuple[str, str], Capabilities] = {}


def of(server: Server) -> Capabilities:
    key = server.base_url, server.model
    known = _known.get(key)
    if known is None or time.monotonic() - known.learned_at > EXPIRY:
        known = _known[key] = Capabilities()
    return known


def forget() -> None:
    """Forgets everything, as a restart does. For tests."""
    _known.clear()
