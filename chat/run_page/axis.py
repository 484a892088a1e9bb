"""The time axis of a run's chart. Long times in which only somebody is waited for are drawn short."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from agent.support.durations import duration

# Of the time with work: a wait that takes longer is drawn as this long.
LONGEST = 0.4
_LEAST = 1.0  # seconds that are never shortened
_TICKS = 6
_STEPS = (1, 2, 5)
_APART = 9.0  # percent between two labels

Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the axis. `at`: in percent of its length; `text`: the time since its start."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Break:
    """A part of the axis that is drawn shorter than it took. `at`, `width`: in percent."""

    at: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the time: seconds since the start of the axis, and how long it is drawn."""

    start: float
    end: float
    drawn: float

    @property
    def is_short(self) -> bool:
        return self.drawn < self.end - self.start


class Axis:
    """Places moments between 0 and 100 percent. `work`: the times that are drawn to scale."""

    def __init__(self, start: datetime, end: datetime, work: Iterable[Interval]) -> None:
        self.start = start
        whole = max((end - start).total_seconds(), 0.001)
        self._parts = _parts(whole, [(self._seconds(a), self._seconds(b)) for a, b in work])
        self._begins = [part.start for part in self._parts]
        self._drawn = sum(part.drawn for part in self._parts)

    def at(self, moment: datetime) -> float:
        """Returns where the moment is, in percent."""
        return self._at(self._seconds(moment))

    def ms(self, moment: datetime) -> int:
        """Returns how long after the start of the axis the moment is."""
        return round(self._seconds(moment) * 1000)

    def ticks(self) -> list[Tick]:
        scale = sum(part.end - part.start for part in self._parts if not part.is_short)
        step = _step(scale / _TICKS)
        ticks = [Tick(0.0, "0 s")]
        for part in self._parts:
            for seconds in [] if part.is_short else _multiples(part, step):
                at = self._at(seconds)
                if at - ticks[-1].at >= _APART and at <= 100 - _APART / 2:
                    ticks.append(Tick(round(at, 2), duration(seconds * 1000)))
        return ticks

    def breaks(self) -> list[Break]:
        return [
            Break(
                round(self._at(part.start), 2),
                round(part.drawn * 100 / self._drawn, 2),
                duration((part.end - part.start) * 1000),
            )
            for part in self._parts
            if part.is_short
        ]

    def _seconds(self, moment: datetime) -> float:
        return (moment - self.start).total_seconds()

    def _at(self, seconds: float) -> float:
        place = max(bisect_right(self._begins, seconds) - 1, 0)
        part = self._parts[place]
        before = sum(earlier.drawn for earlier in self._parts[:place])
        inside = min(max(seconds - part.start, 0.0) / ((part.end - part.start) or 1.0), 1.0)
        return (before + inside * part.drawn) * 100 / self._drawn


def _parts(whole: float, work: list[tuple[float, float]]) -> list[_Part]:
    """Returns the parts of the time, with and without work, in order."""
    joined = list(_joined(work, whole))
    busy = sum(end - start for start, end in joined)
    longest = max(busy * LONGEST, _LEAST) if busy else whole
    parts, at = [], 0.0
    for start, end in [*joined, (whole, whole)]:
        if start > at:
            parts.append(_Part(at, start, min(start - at, longest)))
        if end > start:
            parts.append(_Part(start, end, end - start))
        at = max(at, end)
    return parts


def _joined(work: list[tuple[float, float]], whole: float) -> Iterator[tuple[float, float]]:
    """Yields the times in which there is any work, without overlaps."""
    begun: tuple[float, float] | None = None
    for start, end in sorted((max(a, 0.0), min(b, whole)) for a, b in work):
        if begun and start <= begun[1]:
            begun = begun[0], max(begun[1], end)
            continue
        if begun and begun[1] > begun[0]:
            yield begun
        begun = start, max(start, end)
    if begun and begun[1] > begun[0]:
        yield begun


def _step(least: float) -> float:
    """Returns 1, 2 or 5 times a power of ten seconds, at least `least`; from a minute on whole minutes."""
    if least > 30:
        minutes = least / 60
        return 60 * next(
            one for one in (1, 2, 5, 10, 20, 30, 60, 120, 240, 720, 1e9) if one >= minutes
        )
    size = 0.001
    while True:
        for factor in _STEPS:
            if factor * size >= least:
                return factor * size
        size *= 10


def _multiples(part: _Part, step: float) -> Iterator[float]:
    number = int(part.start // step) + 1
    while number * step <= part.end:
        yield number * step
        number += 1
