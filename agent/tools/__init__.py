"""The tools that a plan may call. Importing this package registers them."""

from agent.tools import changes, memories, task_texts, tasks

__all__ = ["changes", "memories", "task_texts", "tasks"]
