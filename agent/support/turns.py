"""Lets many items take turns, so that no check of them looks at all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """After `renew`, each item has its turn within `2 * rounds` calls, and within `rounds` if it is
    renewed all the time; at least `least` items, if there are so many, at each.
    """

    def __init__(self, least: int, rounds: int) -> None:
        self._least, self._rounds = least, rounds
        self._left: list[T] = []
        self._added: list[T] = []
        self._is_due = False
        self._size = least

    def renew(self) -> None:
        """Has all take a turn again, also those that have just had one."""
        self._is_due = True

    @property
    def is_waiting(self) -> bool:
        """Tells whether any item waits for its turn."""
        return self._is_due or bool(self._left or self._added)

    def add(self, item: T) -> None:
        """Has one item take a turn."""
        self._added.append(item)

    def next(self, items: Callable[[], Iterable[T]]) -> list[T]:
        """Returns the items whose turn it is. `items` is called when all take a turn again."""
        if self._is_due and not self._left:
            self._is_due = False
            self._left = list(items())
            self._size = max(self._least, -(-len(self._left) // self._rounds))
        taken, self._left = self._left[: self._size], self._left[self._size :]
        added, self._added = self._added[: self._size], self._added[self._size :]
        return [*taken, *added]
