"""The admin panel: what the agent did, said and remembers, for the people who look after it.

The log and all that the agent writes in runs is looked at, never edited.
"""

from agent.admin import accounts, board, memories, projects, runs, sessions

__all__ = ["accounts", "board", "memories", "projects", "runs", "sessions"]
