"""Lets many items take turns, so that no check of them looks at all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Each item has its turn within `rounds` calls; at least `least` items, if there are so many, at each."""

    def __init__(self, least: int, rounds: int) -> None:
        self._least, self._rounds = least, rounds
        self._left: list[T] = []
        self._size = least

    def next(self, items: Callable[[], Iterable[T]]) -> list[T]:
        """Returns the items whose turn it is. `items` is called when all have had theirs."""
        if not self._left:
            self._left = list(items())
            self._size = max(self._least, -(-len(self._left) // self._rounds))
        taken, self._left = self._left[: self._size], self._left[self._size :]
        return taken
