"""The tools that a plan may call. Importing this package registers them."""

from agent.tools import memories, tasks

__all__ = ["memories", "tasks"]
