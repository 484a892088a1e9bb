"""Rings for whoever drives runs in this process. Rows are the truth: a lost ring costs time, nothing else."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID


class Engine(Protocol):
    """Both verbs may come from any thread, return at once and never raise."""

    def wake(self, session: UUID) -> None:
        """The session may have a run to drive."""
        ...

    def interrupt(self, session: UUID, run: UUID) -> None:
        """The run was taken away: leave it now if it is yours, in the middle of a call too."""
        ...


_engines: list[Engine] = []


def register(engine: Engine) -> None:
    _engines.append(engine)


def unregister(engine: Engine) -> None:
    _engines.remove(engine)


def wake(session: UUID) -> None:
    for engine in tuple(_engines):
        engine.wake(session)


def interrupt(session: UUID, run: UUID) -> None:
    for engine in tuple(_engines):
        engine.interrupt(session, run)
