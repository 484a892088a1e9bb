"""What a message becomes: the steps, which comes after which, and what is to be said. Knows no grammar."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import count
from typing import Any

from agent.llm.offline.names import Entry

MAX_STEPS = 19  # of a plan; one is left for what is to be said
LONGEST_LIST = 100  # of one call of a tool that takes several tasks


class Impossible(Exception):
    """Something that was understood can't be done as it was said. The text is for the person."""


class Plan:
    """Steps run beside each other, but for those on the same task and those said with "then"."""

    def __init__(self, taken: Collection[str] = ()) -> None:
        """`taken`: ids that no step gets."""
        self.steps: list[dict[str, Any]] = []
        self._ids = (step for number in count(1) if (step := f"s{number}") not in taken)
        self.said: dict[str, None] = {}  # what the answer tells besides what the steps did
        self._before: list[str] = []  # the steps that this clause comes after
        self._now: list[str] = []  # those that it runs beside
        self._last_touch: dict[str, str] = {}  # the key of a task -> the step that touched it last

    def say(self, text: str) -> None:
        self.said[text] = None

    def begin_clause(self, after: bool) -> None:
        if after and self._now:
            self._before, self._now = self._now, []

    def add(
        self,
        tool: str,
        description: str,
        arguments: dict[str, Any],
        touched: Sequence[Entry] = (),
        needed: Iterable[Entry] = (),
    ) -> str:
        """Adds a step that changes `touched` and refers to `needed`; returns its id."""
        step = next(self._ids)
        behind = dict.fromkeys(self._before)
        for entry in (*touched, *needed):
            behind |= dict.fromkeys((entry.step, self._last_touch.get(entry.key, "")))
        behind.pop("", None)
        fields = {"id": step, "type": "tool", "tool": tool, "description": description}
        self.steps.append({**fields, "arguments": arguments, "depends_on": list(behind)})
        self._now.append(step)
        self._last_touch.update((entry.key, step) for entry in touched)
        return step
