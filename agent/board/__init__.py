"""The task board: rules, changes and the text form of a task."""
