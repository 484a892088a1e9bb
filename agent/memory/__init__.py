"""What the agent remembers of a project: decisions, preferences, facts."""
