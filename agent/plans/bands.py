"""An estimate as a value: how it is made of past durations, and its arithmetic. Knows no runs.

Newer durations count more: a server or a model may have become slower. An estimate is a band in which
eight of ten durations are expected, and their median.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import exp, hypot, sqrt
from statistics import fmean

# Fewer samples are too random for an estimate.
MIN_SAMPLES = 6
# The latest samples that count, and after how many the weight of one is half.
WINDOW, HALF = 60, 20
LOW, MEDIAN, HIGH = 0.1, 0.5, 0.9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A duration in milliseconds. Of ten runs, one is faster than `low_ms`, one slower than `high_ms`."""

    low_ms: int
    median_ms: int
    high_ms: int

    def as_json(self) -> dict[str, int]:
        return asdict(self)

    def then(self, other: Estimate, agreement: float = 0.0) -> Estimate:
        """Returns the duration of both, one after the other.

        The distances from the median are not added but combined as deviations whose correlation is
        `agreement`: both are rarely slow at once, unless what makes one slow makes the other slow too.
        """
        median = self.median_ms + other.median_ms
        below = _combined(self.median_ms - self.low_ms, other.median_ms - other.low_ms, agreement)
        above = _combined(self.high_ms - self.median_ms, other.high_ms - other.median_ms, agreement)
        return Estimate(max(0, round(median - below)), median, round(median + above))

    def beside(self, other: Estimate) -> Estimate:
        """Returns the duration of both at the same time."""
        return Estimate(
            max(self.low_ms, other.low_ms),
            max(self.median_ms, other.median_ms),
            max(self.high_ms, other.high_ms),
        )

    def minus(self, elapsed: int) -> Estimate:
        """Returns the remaining duration after `elapsed` milliseconds."""
        return Estimate(
            max(0, self.low_ms - elapsed),
            max(0, self.median_ms - elapsed),
            max(0, self.high_ms - elapsed),
        )

    def scaled(self, factor: float, width: float = 1.0) -> Estimate:
        """Returns the duration times `factor`, with a band that is `width` times as wide."""
        median = self.median_ms * factor
        below = (self.median_ms - self.low_ms) * factor * width
        above = (self.high_ms - self.median_ms) * factor * width
        return Estimate(max(0, round(median - below)), round(median), round(median + above))


NOTHING = Estimate(0, 0, 0)


def _combined(one: float, other: float, agreement: float) -> float:
    return sqrt(hypot(one, other) ** 2 + 2 * agreement * one * other)


def estimate(samples: Sequence[int]) -> Estimate | None:
    """Returns the estimate of durations like `samples`, the newest first; None of fewer than
    `MIN_SAMPLES`.
    """
    if len(samples) < MIN_SAMPLES:
        return None
    return _band(_weighted(samples))


def rest(samples: Sequence[int], elapsed: int, factor: float) -> Estimate | None:
    """Returns how much longer something takes that has already taken `elapsed` milliseconds, if it takes
    `factor` times as long as usual: only the samples that took longer still tell. If none did, as long
    as the slowest ones differ from the usual ones.
    """
    usual = estimate(samples)
    if usual is None:
        return None
    weighted = [(value * factor, weight) for value, weight in _weighted(samples)]
    longer = [(value - elapsed, weight) for value, weight in weighted if value > elapsed]
    if len(longer) > 1:
        return _band(longer)
    spread = round((usual.high_ms - usual.median_ms) * factor)
    return Estimate(0, spread // 3, spread)


Weighted = list[tuple[float, float]]  # values with their weights


def _weighted(samples: Iterable[int]) -> Weighted:
    return [
        (float(value), 0.5 ** (age / HALF))
        for age, value in zip(range(WINDOW), samples, strict=False)
    ]


def _band(weighted: Weighted) -> Estimate:
    """Returns quantiles of weighted values. Of few values, the ends lie outside of them: that the next
    one is below the lowest of six happens to one in seven.
    """
    ordered = sorted(weighted)
    total = sum(weight for _, weight in ordered)
    effective = total**2 / sum(weight**2 for _, weight in ordered)
    scale, reached = effective / total, 0.0
    places: list[float] = []
    for _, weight in ordered:
        places.append((reached + weight * scale / 2 + 0.5) / (effective + 1))
        reached += weight * scale
    values = [value for value, _ in ordered]
    low, median, high = (_at(place, places, values) for place in (LOW, MEDIAN, HIGH))
    return Estimate(max(0, round(low)), max(0, round(median)), max(0, round(high)))


def _at(place: float, places: Sequence[float], values: Sequence[float]) -> float:
    """Returns the value at a place between or, in a straight line, beyond the known ones."""
    if len(values) == 1:
        return values[0]
    after = next((index for index, known in enumerate(places) if known >= place), len(places) - 1)
    after = max(after, 1)
    start, end = places[after - 1], places[after]
    step = (values[after] - values[after - 1]) / (end - start)
    return values[after - 1] + step * (place - start)


# -- what a run shows of itself ----------------------------------------------------------------------


@dataclass(slots=True)
class Pace:
    """How much slower or faster one run is than usual, of the parts that it has finished.

    `agreement`: how much the parts of past runs were slow or fast together, from 0, not at all, to 1. The
    deviations of the finished parts tell that much of the others; all are taken as logarithms.
    """

    agreement: float
    number: int = 0
    total: float = 0.0  # of the logarithms

    def add(self, deviation: float) -> None:
        self.number += 1
        self.total += deviation

    @property
    def factor(self) -> float:
        """What the other parts are expected to take, of what is usual."""
        if not self.number or not self.agreement:
            return 1.0
        known = self.number * self.agreement / (1 + (self.number - 1) * self.agreement)
        return exp(known * self.total / self.number)

    @property
    def _left(self) -> float:
        """What is still unknown of that which all parts have in common, of the whole variance."""
        own = 1 - self.agreement
        return self.agreement * own / (own + self.number * self.agreement)

    @property
    def width(self) -> float:
        """How wide the band of one other part is, of what is usual."""
        return sqrt(1 - self.agreement + self._left)

    @property
    def correlation(self) -> float:
        """Of two other parts."""
        return self._left / (1 - self.agreement + self._left)


def agreement(runs: Iterable[Sequence[float]]) -> float:
    """Returns how much the deviations within runs agree: their intraclass correlation, from 0 to 0.95.
    `runs`: the deviations of the parts of each, in the order of the runs.

    What runs have in common is measured from one run to the next: a server that becomes slower over weeks
    would look like runs that are slow as a whole.
    """
    several = [parts for parts in runs if len(parts) > 1]
    if len(several) < MIN_SAMPLES:
        return 0.0
    means = [fmean(parts) for parts in several]
    squares = sum(
        (one - mean) ** 2 for parts, mean in zip(several, means, strict=True) for one in parts
    )
    own = squares / sum(len(parts) - 1 for parts in several)
    steps = fmean((one - other) ** 2 for one, other in pairwise(means))
    common = max(steps / 2 - own * fmean(1 / len(parts) for parts in several), 0.0)
    return min(common / (common + own), 0.95) if common else 0.0
