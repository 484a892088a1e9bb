"""The chart of a run: its spans as bars on one time axis, in lanes where they overlap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from agent.event_log.times import stamp
from agent.support.durations import duration
from chat.run_page import spans
from chat.run_page.axis import Axis, Break, Tick
from chat.run_page.rows import Rows
from chat.run_page.spans import Kind, Span

LANE, HEAD, GAP, TOP = 26, 20, 8, 22  # pixels
_BAR = """
<g class="bar" role="img" tabindex="-1" aria-label="{label}" data-step="{color}" data-status="{status}">
<title>{label}</title><svg x="{x}%" y="{y}" width="{width}%" height="20">
<rect width="100%" height="100%" rx="3"></rect><text x="5" y="14">{name}</text></svg></g>"""
_LEAST = 0.35  # percent: what is shorter can still be seen
_ROUNDED = timedelta(milliseconds=2)  # by which a stored duration may reach into the next one


@dataclass(frozen=True, slots=True)
class Bar:
    """A span as it is drawn: `x` and `width` in percent, `y` in pixels. `after`, `took`: exact times;
    `began`: the time of the day in UTC, `at`: the same as a stamp; `label`: everything in one line.
    """

    span: Span
    number: int
    x: float
    width: float
    y: int
    after: str
    took: str
    began: str
    at: str
    label: str


@dataclass(frozen=True, slots=True)
class Group:
    """The bars of one kind. `y`: of its name, in pixels."""

    name: str
    y: int
    bars: list[Bar]

    @property
    def drawn(self) -> SafeString:
        """The bars as SVG: hundreds of them, for which a template takes several times as long."""
        return format_html_join(
            "",
            _BAR,
            (
                {
                    "label": bar.label,
                    "color": bar.span.color,
                    "status": "open" if bar.span.is_open else bar.span.status,
                    "x": str(bar.x),
                    "y": bar.y,
                    "width": str(bar.width),
                    "name": bar.span.name,
                }
                for bar in self.bars
            ),
        )


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
        free = next((lane for lane in lanes if lane[-1].end <= span.start + _ROUNDED), None)
        if free is None:
            lanes.append([span])
        else:
            free.append(span)
    return lanes


def _bar(axis: Axis, span: Span, number: int, y: int) -> Bar:
    x = min(axis.at(span.start), 100 - _LEAST)
    width = min(max(axis.at(span.end) - x, _LEAST), 100 - x)
    after, took = exact(axis.ms(span.start)), exact(span.took.total_seconds() * 1000)
    at = stamp(span.start)
    words = [span.name, f"began after {after}"]
    words.append(f"for {took} so far" if span.is_open else f"took {took}")
    label = ", ".join([*words, *filter(None, [span.status])])
    began = f"{at[11:19]} UTC"
    return Bar(span, number, round(x, 3), round(width, 3), y, after, took, began, at, label)


def exact(ms: float) -> str:
    """Returns a duration to the millisecond: "1.250 s"; from a minute on as people read it."""
    return f"{ms / 1000:,.3f} s" if 1000 <= ms < 60_000 else duration(ms)
