"""The tools that a plan may call. Importing this package registers them."""

from agent.tools import changes, history, memories, reading, task_texts, tasks

__all__ = ["changes", "history", "memories", "reading", "task_texts", "tasks"]
