"""Charts as SVG: what is drawn, and what a reader without eyes or colours gets."""

from __future__ import annotations

from xml.etree import ElementTree

from agent.analytics import charts
from agent.analytics.charts import Line, Point

EVIL = '<script>alert("1")</script>'
DAYS = [Point("1 Nov", 2, "2 runs"), Point("2 Nov", 0, "0 runs"), Point("3 Nov", 4, "4 runs")]


def parsed(chart: str) -> ElementTree.Element:
    return ElementTree.fromstring(chart)


def texts(chart: str, tag: str) -> list[str]:
    return ["".join(node.itertext()) for node in parsed(chart).iter(tag)]


def test_bars_are_as_high_as_their_figures() -> None:
    heights = [
        float(bar.get("height", "")) for bar in parsed(charts.bars("Runs", DAYS)).iter("rect")
    ]
    assert heights == [50, 0, 100]


def test_a_line_is_interrupted_where_a_figure_is_unknown() -> None:
    points = [
        Point("a", 1, "1 s"),
        Point("b", None, "-"),
        Point("c", 2, "2 s"),
        Point("d", 1, "1 s"),
    ]
    (path,) = parsed(charts.lines("Time", [Line("p50", points)])).iter("path")
    assert path.get("d") == "M0 50h8M666.7 0L1000 50"


def test_the_longest_share_is_as_wide_as_its_place() -> None:
    rows = [Point("planning", 3, "75 %", "phase-planning"), Point("start", 1, "25 %")]
    widths = [
        float(bar.get("width", "")) for bar in parsed(charts.shares("Phases", rows)).iter("rect")
    ]
    assert [round(width) for width in widths] == [1000, 333]


def test_each_chart_has_a_name_a_description_and_its_figures_as_a_table() -> None:
    chart = charts.lines("Time", [Line("p50", DAYS), Line("p95", DAYS)])
    (svg,) = [node for node in parsed(chart).iter("svg") if node.get("role") == "img"]
    assert [node.tag for node in svg][:2] == ["title", "desc"]
    assert svg[0].text == "Time"
    assert "from 1 Nov to 3 Nov, highest 4 runs (3 Nov)" in (svg[1].text or "")
    assert texts(chart, "td") == ["", *(point.text for point in DAYS for _ in range(2))]


def test_texts_are_escaped() -> None:
    points = [Point(EVIL, 1, EVIL, EVIL)]
    for chart in (
        charts.bars(EVIL, points),
        charts.shares(EVIL, points),
        charts.lines(EVIL, [Line(EVIL, points, EVIL), Line(EVIL, points)]),
    ):
        assert "<script" not in chart
        assert any(EVIL in text for text in parsed(chart).itertext())


def test_a_chart_without_figures_says_so() -> None:
    for chart in (
        charts.bars("Runs", []),
        charts.shares("Runs", []),
        charts.lines("Runs", [Line("p50", [Point("a", None, "-")])]),
    ):
        assert texts(chart, "p") == [charts.NOTHING]


def test_figures_that_are_all_zero_are_drawn_flat() -> None:
    heights = [
        bar.get("height") for bar in parsed(charts.bars("x", [Point("a", 0, "0")])).iter("rect")
    ]
    assert heights == ["0"]
