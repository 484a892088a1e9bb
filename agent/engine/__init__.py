"""Executes runs: which run, in which process, how many at once."""
