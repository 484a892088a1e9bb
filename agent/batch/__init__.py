"""Executes many messages with one command: reads inputs, follows their runs, writes the results."""

# The reason with which dry runs are cancelled. They count as succeeded. Here, because the pages of runs
# need it without the rest, which loads megabytes.
DRY_RUN = "Dry run: planned only, nothing executed."
