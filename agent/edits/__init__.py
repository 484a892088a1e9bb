"""Changes that a person makes, and undoing changes."""
