"""What a model of a server has shown it can do; remembered for half an hour."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import IntEnum

from agent.llm.errors import Server


class JsonMode(IntEnum):
    """How a structured answer is asked for, the best way first."""

    JSON_SCHEMA = 0  # the server holds the model to the schema
    JSON_OBJECT = 1  # the server holds it to JSON, the prompt names the schema
    TEXT = 2  # the prompt asks, and the JSON is found in what comes


# A server that breaks over `json_schema` answers 500, as one in passing trouble does.
DOUBTS = 2


# Seconds until what a server refused is tried again: its software, or its model, may be another.
RELEARN = 1800.0


@dataclass(slots=True)
class Capabilities:
    usage_in_streams: bool = True
    streams: bool = True
    system_role: bool = True
    learned_at: float = field(default_factory=time.monotonic)
    _lowest: JsonMode = JsonMode.JSON_SCHEMA
    _lowest_for: dict[str, JsonMode] = field(default_factory=dict)  # by the schema's name
    _worked: set[tuple[JsonMode, str]] = field(default_factory=set)  # with the schema's name
    _doubts: dict[tuple[JsonMode, str], int] = field(default_factory=dict)

    def rung(self, schema: str) -> JsonMode:
        return max(self._lowest, self._lowest_for.get(schema, JsonMode.JSON_SCHEMA))

    def has_worked(self, rung: JsonMode) -> bool:
        return any(worked == rung for worked, _ in self._worked)

    def worked(self, rung: JsonMode, schema: str) -> None:
        self._worked.add((rung, schema))
        self._doubts.pop((rung, schema), None)

    def refused(self, rung: JsonMode, schema: str) -> None:
        """The server said no to `rung`, and a lower one worked."""
        if (rung, schema) in self._worked:  # it may be this answer alone that could not be formed
            self.broke(rung, schema)
        elif self.has_worked(rung):  # then it is this schema that it does not take
            self._lower(rung, schema)
        else:
            self._lowest = max(self._lowest, JsonMode(rung + 1))

    def broke(self, rung: JsonMode, schema: str) -> None:
        """The server broke over `rung`, and a lower one worked: twice in a row is no accident."""
        doubts = self._doubts[rung, schema] = self._doubts.get((rung, schema), 0) + 1
        if doubts < DOUBTS:
            return
        if self.has_worked(rung):
            self._lower(rung, schema)
        else:
            self._lowest = max(self._lowest, JsonMode(rung + 1))

    def ignored(self, rung: JsonMode, schema: str) -> None:
        """The server took `rung`, and the model did not keep to it until it was told the schema."""
        if rung is not JsonMode.TEXT:
            self._lower(rung, schema)

    def _lower(self, rung: JsonMode, schema: str) -> None:
        self._lowest_for[schema] = max(self.rung(schema), JsonMode(rung + 1))


_known: dict[tuple[str, str], Capabilities] = {}


def of(server: Server) -> Capabilities:
    key = server.base_url, server.model
    known = _known.get(key)
    if known is None or time.monotonic() - known.learned_at > RELEARN:
        known = _known[key] = Capabilities()
    return known


def forget() -> None:
    """Forgets all that was found out, as a restart does."""
    _known.clear()
