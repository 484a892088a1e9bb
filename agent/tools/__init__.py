"""The tools that a plan may use, one file for each family."""

from agent.tools import memories, tasks

__all__ = ["memories", "tasks"]
