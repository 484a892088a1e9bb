"""Helpers without knowledge of agents: database access, task groups, Markdown."""
