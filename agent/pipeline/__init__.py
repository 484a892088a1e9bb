"""The eight phases of a run."""
