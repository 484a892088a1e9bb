"""The lock of a project's board, which every change of its tasks takes first. Reads and writes no task."""

from __future__ import annotations

from uuid import UUID

from agent.support import raw_sql


def lock_board(project_id: UUID) -> None:
    """Keeps other transactions from changing tasks of the project until this one ends.

    A change locks several rows: those of tasks, of the tasks that they refer to, and the project's for
    numbers. Two changes that lock them in different orders would deadlock, and two that do not see each
    other could make a circle of dependencies.
    """
    raw_sql.lock("agent_project", project_id)
