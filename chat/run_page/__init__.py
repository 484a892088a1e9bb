"""The pages of one run, and of two beside each other: why a run went as it did.

Built from rows, never from the whole event log, so that they show a run of any age in bounded time.
"""
