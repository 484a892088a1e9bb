"""The steps of a plan, as they are gathered: which comes after which. Knows no grammar."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent.llm.offline.names import Entry

MAX_STEPS = 19  # of a plan; one is left for what is to be said
LONGEST_LIST = 100  # of one call of a tool that takes several tasks


class Steps:
    """Steps run beside each other, but for those on the same task and those said with "then"."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []
        self._before: list[str] = []  # the steps that this clause comes after
        self._now: list[str] = []  # those that it runs beside
        self._last_touch: dict[str, str] = {}  # the key of a task -> the step that touched it last

    def begin_clause(self, after: bool) -> None:
        if after and self._now:
            self._before, self._now = self._now, []

    def add(
        self,
        tool: str,
        description: str,
        arguments: dict[str, Any],
        touched: Iterable[Entry] = (),
        needed: Iterable[Entry] = (),
    ) -> str:
        """Adds a step that changes `touched` and refers to `needed`; returns its id."""
        touched = list(touched)
        step = f"s{len(self.steps) + 1}"
        made = [
            place
            for entry in (*touched, *needed)
            for place in (entry.step, self._last_touch.get(entry.key, ""))
        ]
        behind = [place for place in dict.fromkeys((*self._before, *made)) if place]
        self.steps.append(
            {"id": step, "type": "tool", "tool": tool, "description": description}
            | {"arguments": arguments, "depends_on": behind}
        )
        self._now.append(step)
        self._last_touch.update((entry.key, step) for entry in touched)
        return step
