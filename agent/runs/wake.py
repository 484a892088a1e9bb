"""Rings for whoever drives runs. Rows are the truth: a lost ring costs time, nothing else."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID


class Engine(Protocol):
    """What is rung. Neither verb waits for what it sets off."""

    def wake(self, session: UUID) -> None:
        """The session may have a run to drive, once the current transaction is committed.

        Called inside that transaction, in its thread.
        """
        ...

    def interrupt(self, session: UUID, run: UUID) -> None:
        """The run was taken away: leave it now if it is yours, in the middle of a call too.

        Called from any thread, after the commit.
        """
        ...


_engines: list[Engine] = []  # those that drive in this process
_elsewhere: list[Engine] = []  # those that have it done by other processes


def register(engine: Engine, *, elsewhere: bool = False) -> None:
    """With `elsewhere` it is woken only when nobody drives in this process."""
    (_elsewhere if elsewhere else _engines).append(engine)


def unregister(engine: Engine) -> None:
    _engines.remove(engine)


def wake(session: UUID) -> None:
    """Rings inside the transaction that made the session's run; heard when it is committed."""
    for engine in tuple(_engines or _elsewhere):
        engine.wake(session)


def interrupt(session: UUID, run: UUID) -> None:
    for engine in tuple(_engines):
        engine.interrupt(session, run)
