"""Wakes the engine when a session has work.

A wake-up may be lost: the sweep finds the row within two seconds.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID


class Engine(Protocol):
    """Executes runs, or passes wake-ups to processes that do. Neither method waits for the result."""

    def wake(self, session: UUID) -> None:
        """The session may have a run to execute once the current transaction has committed.

        Called inside that transaction, in its thread.
        """
        ...

    def interrupt(self, session: UUID, run: UUID) -> None:
        """The run no longer belongs to this process: stop executing it, even within a call.

        Called after the commit, from any thread.
        """
        ...


_engines: list[Engine] = []  # these execute runs in this process
_remote_engines: list[Engine] = []  # these have other processes execute them


def register(engine: Engine, *, remote: bool = False) -> None:
    """A `remote` engine is woken only when this process executes no runs itself."""
    (_remote_engines if remote else _engines).append(engine)


def unregister(engine: Engine) -> None:
    _engines.remove(engine)


def wake(session: UUID) -> None:
    """Wakes the engines inside the transaction that made the session's run."""
    for engine in tuple(_engines or _remote_engines):
        engine.wake(session)


def interrupt(session: UUID, run: UUID) -> None:
    for engine in tuple(_engines):
        engine.interrupt(session, run)
