"""Changes that people make outside of runs, and undo."""
