"""How much of a step of a plan a guest gets: by its tool, all of it, its description, or nothing.

A tool that is not listed here is of a package, or newer than this list: its description is shown, which
the model wrote for the person, and neither its arguments nor its results.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from agent.accounts.shared_links import Guest
from agent.models import PlanStep
from agent.plan import WORK, StepType

WORKING = "Working"
# What these are given and return is what a run does to the board, which its changes tell too.
CHANGING_TASKS = frozenset(
    (
        "create_task",
        "create_tasks",
        "update_task",
        "update_tasks",
        "edit_tasks",
        "split_task",
        "tick_criterion",
        "change_task_status",
        "change_tasks_status",
        "move_task",
        "delete_task",
        "delete_tasks",
        "rename_session",
    )
)
READING_TASKS = frozenset(("search_tasks", "get_tasks"))
OF_MEMORIES = frozenset(
    (
        "create_memory",
        "update_memory",
        "delete_memory",
        "search_memories",
        "get_memories",
    )
)
# These may be about a memory, and return what other sessions and people did.
OF_CHANGES = frozenset(("undo", "get_history", "list_changes"))

# The type and the tool of a step in each revision of its plan.
_Kinds = set[tuple[str, str]]


class Steps:
    """The steps of runs, as far as a guest gets them. They are read once: for one look at the log."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self._runs: dict[UUID, dict[str, _Kinds]] = {}

    def names(self, kind: str, tool: str) -> bool:
        """Tells whether a guest may know what a step does."""
        return self.guest.shows_memories or tool not in OF_MEMORIES | OF_CHANGES

    def describes(self, kind: str, tool: str) -> bool:
        """Tells whether a guest gets the description: that of a step in words says what the answer will."""
        return self.names(kind, tool) and (self.guest.shows_memories or kind in WORK)

    def opens(self, kind: str, tool: str) -> bool:
        """Tells whether a guest may know what a step is given and returns."""
        if kind != StepType.TOOL:
            return False  # what was composed may be made of anything
        if tool in READING_TASKS:
            return self.guest.shows_tasks
        return tool in CHANGING_TASKS or (tool in OF_MEMORIES and self.guest.shows_memories)

    def is_named(self, run: UUID, key: str) -> bool:
        kinds = self._of(run).get(key)
        return kinds is not None and all(self.names(*kind) for kind in kinds)

    def is_described(self, run: UUID, key: str) -> bool:
        kinds = self._of(run).get(key)
        return kinds is not None and all(self.describes(*kind) for kind in kinds)

    def is_open(self, run: UUID, key: str) -> bool:
        kinds = self._of(run).get(key)
        return kinds is not None and all(self.opens(*kind) for kind in kinds)

    def all_named(self, run: UUID) -> bool:
        return all(self.is_named(run, key) for key in self._of(run))

    def _of(self, run: UUID) -> Mapping[str, _Kinds]:
        if run not in self._runs:
            steps: dict[str, _Kinds] = {}
            rows = PlanStep.objects.filter(plan__run=run).values_list("key", "type", "tool")
            for key, kind, tool in rows:
                steps.setdefault(key, set()).add((kind, tool))
            self._runs[run] = steps
        return self._runs[run]
