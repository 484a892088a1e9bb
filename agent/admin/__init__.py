"""The admin: sessions, runs, tasks and memories, for operators of the site.

The event log and everything that runs write is read-only.
"""

from agent.admin import accounts, board, memories, model_calls, projects, runs, sessions

__all__ = ["accounts", "board", "memories", "model_calls", "projects", "runs", "sessions"]
