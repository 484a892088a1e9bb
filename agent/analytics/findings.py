"""What stands out, as sentences. Each states figures of the period; without enough data none is made."""

from __future__ import annotations

from collections.abc import Iterator

from agent.analytics.durations import COMPOSING
from agent.analytics.queries import Timing, Timings
from agent.support.durations import duration

# Values that a figure in a sentence is made of, at least, in each period that it compares.
ENOUGH = 20
MOST = 6  # sentences
# What stands out: a share of the time in percent, a change of the median, a share of failed calls in
# percent, and milliseconds without an update or until the first one.
SHARE, SLOWER, FAILED, SILENT, LATE = 40, 1.5, 10, 10_000, 5_000

PHASES = {
    "start": "The start",
    "context": "Gathering the context",
    "analyzing": "The analysis",
    "planning": "Planning",
    "validation": "The validation of plans",
    "execution": "Carrying out plans",
    "memory": "Updating the memory",
    "completion": "Writing answers",
}


def sentences(
    *, days: int, phases: Timings, of_models: Timings, tools: Timings, progress: Timings
) -> list[str]:
    """Returns at most `MOST` sentences, the most important first.

    `of_models`: of the phase that `longest_phase` returns. Others: see `durations`, `outcomes`.
    """
    before = "the day before" if days == 1 else f"the {days} days before"
    made = [
        *_bottleneck(phases, of_models, before),
        *_slower_tools(tools, before),
        *_failing_tools(tools),
        *_waits(progress),
    ]
    return made[:MOST]


def longest_phase(phases: Timings) -> str:
    """Returns the phase that takes most of the time; "" without any."""
    now = {phase: timing.total_ms for (phase, past), timing in phases.items() if not past}
    return str(max(now, key=lambda phase: now[phase], default=""))


def _bottleneck(phases: Timings, of_models: Timings, before: str) -> Iterator[str]:
    """Yields which phase takes most of the time, and with which model it takes longer than before."""
    first = longest_phase(phases)
    total = sum(timing.total_ms for (_, past), timing in phases.items() if not past)
    longest = phases.get((first, 0), Timing())
    if longest.number < ENOUGH or longest.total_ms * 100 < total * SHARE:
        return
    slower = _slower_model(of_models, before)
    share = round(longest.total_ms * 100 / total)
    yield f"{PHASES[first]} takes {share} % of the time{f'; {slower}' if slower else ''}."


def _slower_model(of_models: Timings, before: str) -> str:
    """Returns how the median of a model has grown, of the one that costs the most time by it."""
    found = []
    for (model, past), now in of_models.items():
        former = of_models.get((model, 1))
        if not past and former is not None and _is_slower(now, former):
            lost = (now.p50_ms - former.p50_ms) * now.number
            found.append((lost, f"with {model} {_compared(now, former, before)}"))
    return max(found, default=(0, ""))[1]


def _slower_tools(tools: Timings, before: str) -> Iterator[str]:
    for (tool, failed, past), now in sorted(tools.items(), key=lambda one: -one[1].total_ms):
        former = tools.get((tool, failed, 1))
        if not past and not failed and former is not None and _is_slower(now, former):
            yield f"{_tool(tool)} takes {_compared(now, former, before)}."


def _failing_tools(tools: Timings) -> Iterator[str]:
    for tool in dict.fromkeys(tool for tool, _, past in tools if not past):
        failed = tools.get((tool, 1, 0), Timing()).number
        calls = failed + tools.get((tool, 0, 0), Timing()).number
        if calls >= ENOUGH and failed * 100 >= calls * FAILED:
            yield f"{_tool(tool)} fails in {round(failed * 100 / calls)} % of its calls."


def _waits(progress: Timings) -> Iterator[str]:
    silence, first = (progress.get((kind, 0), Timing()) for kind in ("silence", "first"))
    if silence.number >= ENOUGH and silence.p95_ms >= SILENT:
        yield f"One run in 20 shows nothing new for {duration(silence.p95_ms)} or longer."
    if first.number >= ENOUGH and first.p95_ms >= LATE:
        yield f"One message in 20 waits {duration(first.p95_ms)} or longer for its first progress."


def _is_slower(now: Timing, former: Timing) -> bool:
    """Tells whether the median has grown by much, and both are of enough values."""
    enough = min(now.number, former.number) >= ENOUGH
    return enough and former.p50_ms > 0 and now.p50_ms >= SLOWER * former.p50_ms


def _compared(now: Timing, former: Timing, before: str) -> str:
    """Returns "twice as long as in the 7 days before (8.0 s instead of 4.0 s)"."""
    times = now.p50_ms / former.p50_ms
    words = "twice" if 1.9 <= times <= 2.1 else f"{times:.1f} times".replace(".0 ", " ")
    figures = f"median {duration(now.p50_ms)} instead of {duration(former.p50_ms)}"
    return f"{words} as long as in {before} ({figures})"


def _tool(name: str) -> str:
    return "Composing" if name == COMPOSING else name
