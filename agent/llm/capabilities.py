"""What a model of a server has shown it can do; remembered as long as the process lives."""

from __future__ import annotations

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


@dataclass(slots=True)
class Capabilities:
    usage_in_streams: bool = True
    _lowest: JsonMode = JsonMode.JSON_SCHEMA
    _lowest_for: dict[str, JsonMode] = field(default_factory=dict)  # by the schema's name
    _worked: set[JsonMode] = field(default_factory=set)
    _doubts: dict[JsonMode, int] = field(default_factory=dict)

    def rung(self, schema: str) -> JsonMode:
        return max(self._lowest, self._lowest_for.get(schema, JsonMode.JSON_SCHEMA))

    def has_worked(self, rung: JsonMode) -> bool:
        return rung in self._worked

    def worked(self, rung: JsonMode) -> None:
        self._worked.add(rung)

    def refused(self, rung: JsonMode, schema: str) -> None:
        """The server said no to `rung`, and a lower one worked."""
        if rung in self._worked:  # then it is this schema that it does not take
            self._lowest_for[schema] = max(self.rung(schema), JsonMode(rung + 1))
        else:
            self._lowest = max(self._lowest, JsonMode(rung + 1))

    def broke(self, rung: JsonMode, schema: str) -> None:
        """The server broke over `rung`, and a lower one worked: twice is no accident."""
        self._doubts[rung] = self._doubts.get(rung, 0) + 1
        if self._doubts[rung] >= DOUBTS:
            self.refused(rung, schema)

    def ignored(self, rung: JsonMode, schema: str) -> None:
        """The server took `rung`, and the model did not keep to it until it was told the schema."""
        if rung is not JsonMode.TEXT:
            self._lowest_for[schema] = max(self.rung(schema), JsonMode(rung + 1))


_known: dict[tuple[str, str], Capabilities] = {}


def of(server: Server) -> Capabilities:
    return _known.setdefault((server.base_url, server.model), Capabilities())


def forget() -> None:
    """Forgets all that was found out, as a restart does."""
    _known.clear()
