"""The chart of a run: its spans as bars on one time axis, in lanes where they overlap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from agent.support.durations import duration
from chat.run_page import spans
from chat.run_page.axis import Axis, Break, Tick
from chat.run_page.rows import Rows
from chat.run_page.spans import Kind, Span

LANE, HEAD, GAP, TOP = 26, 20, 8, 22  # pixels
BAR = 20
_LEAST = 0.35  # percent: what is shorter can still be seen


@dataclass(frozen=True, slots=True)
class Bar:
    """A span as it is drawn: `x` and `width` in percent, `y` in pixels. `after`, `took`: exact times."""

    span: Span
    number: int
    x: float
    width: float
    y: int
    after: str
    took: str

    @property
    def label(self) -> str:
        """Everything about the bar in one line."""
        words = [self.span.name, f"began after {self.after}"]
        words.append(f"for {self.took} so far" if self.span.is_open else f"took {self.took}")
        return ", ".join([*words, *([self.span.status] if self.span.status else [])])


@dataclass(frozen=True, slots=True)
class Group:
    """The bars of one kind. `y`: of its name, in pixels."""

    name: str
    y: int
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class Timeline:
    groups: list[Group]
    ticks: list[Tick]
    breaks: list[Break]
    height: int

    @property
    def bars(self) -> list[Bar]:
        """All bars in the order in which they began."""
        return sorted((bar for group in self.groups for bar in group.bars), key=_began)


def _began(bar: Bar) -> tuple[datetime, int]:
    return bar.span.start, bar.number


def of_run(rows: Rows, answered_at: datetime | None = None) -> Timeline:
    """Returns the chart from the message to the end of the run, or to now."""
    found = spans.of_run(rows, answered_at)
    begun = [span.start for span in found]
    axis = Axis(
        min([rows.run.created_at, *begun]),
        max([rows.end, *(span.end for span in found)]),
        ((span.start, span.end) for span in found if span.kind is not Kind.WAIT),
    )
    y, groups, number = TOP, [], 0
    for kind, of_kind in groupby(found, key=attrgetter("kind")):
        lanes = _lanes(of_kind)
        bars = []
        for lane, of_lane in enumerate(lanes):
            for span in of_lane:
                number += 1
                bars.append(_bar(axis, span, number, y + HEAD + lane * LANE))
        groups.append(Group(str(kind), y, bars))
        y += HEAD + len(lanes) * LANE + GAP
    return Timeline(groups, axis.ticks(), axis.breaks(), y)


def _lanes(found: Iterable[Span]) -> list[list[Span]]:
    """Returns the spans in as few lanes as possible, so that none overlaps another one of its lane."""
    lanes: list[list[Span]] = []
    for span in found:
        free = next((lane for lane in lanes if lane[-1].end <= span.start), None)
        if free is None:
            lanes.append([span])
        else:
            free.append(span)
    return lanes


def _bar(axis: Axis, span: Span, number: int, y: int) -> Bar:
    x = axis.at(span.start)
    width = max(axis.at(span.end) - x, _LEAST)
    return Bar(
        span,
        number,
        round(min(x, 100 - _LEAST), 3),
        round(min(width, 100 - min(x, 100 - _LEAST)), 3),
        y,
        exact(axis.ms(span.start)),
        exact(span.took.total_seconds() * 1000),
    )


def exact(ms: float) -> str:
    """Returns a duration to the millisecond: "1.250 s"; from a minute on as people read it."""
    return f"{ms / 1000:,.3f} s" if 1000 <= ms < 60_000 else duration(ms)
