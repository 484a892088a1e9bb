"""A project's memory: decisions, preferences, facts, specs and notes."""
