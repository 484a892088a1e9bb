"""The task board: its rules, its changes, and a task as Markdown for a coding agent."""
