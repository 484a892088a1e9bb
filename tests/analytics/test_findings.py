"""The sentences of the analytics: true ones, of enough data."""

from __future__ import annotations

from agent.analytics.findings import ENOUGH, sentences
from agent.analytics.queries import Timing, Timings


def timing(p50: int, number: int = ENOUGH, total: int | None = None, p95: int = 0) -> Timing:
    return Timing(number, p50 * number if total is None else total, p50, p95 or p50, p50)


def told(days: int = 7, **given: Timings) -> list[str]:
    empty: dict[str, Timings] = {"phases": {}, "of_models": {}, "tools": {}, "progress": {}}
    return sentences(days=days, **{**empty, **given})


PHASES: Timings = {("planning", 0): timing(7100), ("completion", 0): timing(2900)}


def test_the_phase_that_takes_most_of_the_time_is_named_with_the_model_that_became_slower() -> None:
    of_models: Timings = {
        ("gpt-5-mini", 0): timing(8000),
        ("gpt-5-mini", 1): timing(4000),
        ("other", 0): timing(1000),
        ("other", 1): timing(1000),
    }
    assert told(phases=PHASES, of_models=of_models) == [
        "Planning takes 71 % of the time; with gpt-5-mini twice as long as in the 7 days before "
        "(median 8.0 s instead of 4.0 s)."
    ]


def test_nothing_is_said_without_enough_data() -> None:
    few = ENOUGH - 1
    of_models: Timings = {("m", 0): timing(8000), ("m", 1): timing(4000, few)}
    assert told(phases=PHASES, of_models=of_models) == ["Planning takes 71 % of the time."]
    phases: Timings = {name: timing(one.p50_ms, few) for name, one in PHASES.items()}
    tools: Timings = {("fetch", 0, 0): timing(1, 10), ("fetch", 1, 0): timing(1, 9)}
    progress: Timings = {("silence", 0): timing(60_000, few), ("first", 0): timing(60_000, few)}
    assert told(phases=phases, of_models=of_models, tools=tools, progress=progress) == []


def test_a_phase_that_takes_less_than_others_together_is_no_bottleneck() -> None:
    even: Timings = {(str(number), 0): timing(1000) for number in range(4)}
    assert told(phases=even) == []


def test_tools_that_became_slower_or_fail_are_named() -> None:
    tools: Timings = {
        ("fetch", 0, 0): timing(3000),
        ("fetch", 0, 1): timing(1000),
        ("search", 0, 0): timing(100, 15),
        ("search", 1, 0): timing(100, 5),
    }
    assert told(days=1, tools=tools) == [
        "fetch takes 3 times as long as in the day before (median 3.0 s instead of 1.0 s).",
        "search fails in 25 % of its calls.",
    ]


def test_long_waits_are_named() -> None:
    progress: Timings = {
        ("silence", 0): timing(500, p95=25_000),
        ("first", 0): timing(50, p95=6_000),
    }
    assert told(progress=progress) == [
        "One run in 20 shows nothing new for 25.0 s or longer.",
        "One message in 20 waits 6.0 s or longer for its first progress.",
    ]
