"""The tools that a plan may call. Importing this package registers them."""

from agent.tools import (
    changes,
    history,
    memories,
    projects,
    reading,
    splitting,
    task_search,
    task_texts,
    tasks,
    undoing,
)

__all__ = [
    "changes",
    "history",
    "memories",
    "projects",
    "reading",
    "splitting",
    "task_search",
    "task_texts",
    "tasks",
    "undoing",
]
