"""Executes many messages with one command: reads inputs, follows their runs, writes the results."""
