"""Executes runs: which one, in which process, how many at once."""
