"""One object for each event loop: for what a loop's tasks share and another loop cannot use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Holds the objects that `make` makes, one for each event loop.

    An object that refers to its loop, by a task or a connection, keeps both alive until `drop`.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._objects: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    def here(self) -> T:
        """Returns the object of the running loop, made now if there is none."""
        loop = asyncio.get_running_loop()
        if (found := self._objects.get(loop)) is None:
            found = self._objects[loop] = self._make()
        return found

    def find(self) -> T | None:
        """Returns the object of the running loop, if there is one."""
        return self._objects.get(asyncio.get_running_loop())

    def drop(self) -> T | None:
        """Forgets the object of the running loop and returns it."""
        return self._objects.pop(asyncio.get_running_loop(), None)
