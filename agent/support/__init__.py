"""Helpers that know nothing of agents: database access, task groups, Markdown, counts, durations."""
