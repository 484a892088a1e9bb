"""Small charts as SVG within HTML, without a script: bars over days, lines, horizontal shares.

The page loads `static/agent/charts.css` for them, whose colours are those of `static/chat/tokens.css`.
All texts are escaped. Each chart has its figures as a table too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 1000, 100  # of the drawing, which is stretched to the width of the page
LONE = 8  # the width of a line that is one point
_GAP = 0.2  # of a bar's place
NOTHING = "No figures in this period."


@dataclass(frozen=True, slots=True)
class Point:
    """One figure. `value`: 0 or more, None when it is unknown; `text`: the figure as people read it.

    `color`: one of `agent.event_log.phases.COLORS`, or "" for the usual one. `address`: where the figure
    leads to in the table.
    """

    label: str
    value: float | None
    text: str
    color: str = ""
    address: str = ""

    @property
    def linked(self) -> SafeString | str:
        return link(self.address, self.text) if self.address else self.text


def link(address: str, text: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', address, text)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of figures, one for each label of the chart. A line with a color is drawn in it."""

    name: str
    points: Sequence[Point]
    color: str = ""


def bars(title: str, points: Sequence[Point]) -> SafeString:
    """Returns a bar for each point, such as a day, in order."""
    top = _top(points)
    if top is None:
        return _empty(title)
    place = WIDTH / len(points)
    drawn = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}" data-color="{}"><title>{}: {}</title></rect>',
        (
            (
                _number((index + _GAP / 2) * place),
                _number(HEIGHT - height),
                _number(place * (1 - _GAP)),
                _number(height),
                point.color,
                point.label,
                point.text,
            )
            for index, point in enumerate(points)
            for height in [_height(point.value or 0, top)]
        ),
    )
    return _figure(title, drawn, _described(points), points, [Line(title, points)])


def lines(title: str, drawn: Sequence[Line]) -> SafeString:
    """Returns lines over the same labels. A line is interrupted where its value is unknown."""
    points = [point for line in drawn for point in line.points]
    top = _top(points)
    if top is None:
        return _empty(title)
    paths = format_html_join(
        "",
        '<path class="line" data-line="{}" data-color="{}" d="{}"><title>{}</title></path>',
        (
            (index + 1, line.color, _path(line.points, top), line.name)
            for index, line in enumerate(drawn)
        ),
    )
    about = "; ".join(f"{line.name}: {_described(line.points)}" for line in drawn)
    return _figure(title, paths, about, drawn[0].points, drawn)


def shares(title: str, points: Sequence[Point]) -> SafeString:
    """Returns a table with a horizontal bar in each row, the longest for the highest value."""
    top = _top(points)
    if top is None:
        return _empty(title)
    rows = format_html_join(
        "",
        '<tr><th scope="row" dir="auto">{}</th><td><svg viewBox="0 0 1000 8" preserveAspectRatio="none" '
        'aria-hidden="true"><rect width="{}" height="8" data-color="{}"></rect></svg></td>'
        '<td class="number">{}</td></tr>',
        (
            (
                point.label,
                _number(_height(point.value or 0, top) * WIDTH / HEIGHT),
                point.color,
                point.linked,
            )
            for point in points
        ),
    )
    return format_html(
        '<table class="chart shares"><caption>{}</caption><tbody>{}</tbody></table>', title, rows
    )


def _top(points: Iterable[Point]) -> float | None:
    """Returns the highest value; None without any."""
    return max((point.value for point in points if point.value is not None), default=None)


def _height(value: float, top: float) -> float:
    return value * HEIGHT / top if top else 0.0


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _path(points: Sequence[Point], top: float) -> str:
    """Returns the line as SVG's commands. A point between unknown ones is a short line."""
    step = WIDTH / max(len(points) - 1, 1)
    known = [False, *(point.value is not None for point in points), False]
    parts = []
    for index, point in enumerate(points):
        if point.value is None:
            continue
        x, y = index * step, _number(HEIGHT - _height(point.value, top))
        if known[index] or known[index + 2]:
            parts.append(f"{'L' if known[index] else 'M'}{_number(x)} {y}")
        else:
            start = min(max(x - LONE / 2, 0), WIDTH - LONE)
            parts.append(f"M{_number(start)} {y}h{LONE}")
    return "".join(parts)


def _described(points: Sequence[Point]) -> str:
    """Returns what a person who cannot see the chart is told: its ends and its highest figure."""
    known = [point for point in points if point.value is not None]
    if not known:
        return "no figures"
    highest = max(known, key=lambda point: point.value or 0)
    return f"from {known[0].label} to {known[-1].label}, highest {highest.text} ({highest.label})"


def _figure(
    title: str, drawn: str, about: str, axis: Sequence[Point], table: Sequence[Line]
) -> SafeString:
    return format_html(
        '<figure class="chart"><figcaption>{title}</figcaption>{legend}'
        '<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img">'
        "<title>{title}</title><desc>{about}</desc>{drawn}</svg>"
        '<p class="axis" aria-hidden="true"><span>{first}</span><span>{highest}</span>'
        "<span>{last}</span></p>{table}</figure>",
        title=title,
        legend=_legend(table),
        width=WIDTH,
        height=HEIGHT,
        about=about,
        drawn=drawn,
        first=axis[0].label,
        highest=_highest(table),
        last=axis[-1].label if len(axis) > 1 else "",
        table=_table(axis, table),
    )


def _highest(table: Sequence[Line]) -> str:
    """Returns what the height of the drawing stands for."""
    known = [point for line in table for point in line.points if point.value is not None]
    return f"top: {max(known, key=lambda point: point.value or 0).text}"


def _legend(drawn: Sequence[Line]) -> SafeString:
    if len(drawn) < 2:
        return SafeString("")
    items = format_html_join(
        "",
        '<li><svg viewBox="0 0 24 8" aria-hidden="true"><path class="line" data-line="{}" '
        'data-color="{}" d="M0 4H24"></path></svg> {}</li>',
        ((index + 1, line.color, line.name) for index, line in enumerate(drawn)),
    )
    return format_html('<ul class="legend">{}</ul>', items)


def _table(axis: Sequence[Point], drawn: Sequence[Line]) -> SafeString:
    heads = format_html_join("", '<th scope="col">{}</th>', ((line.name,) for line in drawn))
    rows = format_html_join(
        "",
        '<tr><th scope="row">{}</th>{}</tr>',
        (
            (
                label.label,
                format_html_join(
                    "",
                    '<td class="number">{}</td>',
                    ((line.points[index].linked,) for line in drawn),
                ),
            )
            for index, label in enumerate(axis)
        ),
    )
    return format_html(
        "<details><summary>Figures as a table</summary><table><thead><tr><td></td>{}</tr></thead>"
        "<tbody>{}</tbody></table></details>",
        heads,
        rows,
    )


def _empty(title: str) -> SafeString:
    return format_html(
        '<figure class="chart"><figcaption>{}</figcaption><p class="none">{}</p></figure>',
        title,
        NOTHING,
    )
