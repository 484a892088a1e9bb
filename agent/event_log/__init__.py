"""The event log: the events of a session, how they are committed, and how they are read."""
