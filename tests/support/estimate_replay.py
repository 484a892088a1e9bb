"""Replays made-up runs, and compares what was estimated while they went on with what then happened.

Seeded: the same runs each time. No database, and a clock of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from types import SimpleNamespace
from unittest import mock
from uuid import UUID

from agent.event_log.phases import Phase
from agent.plan import Plan, Step, StepType
from agent.plans import estimates
from agent.plans.bands import Estimate
from agent.plans.estimates import RemainingTime
from agent.plans.past_durations import History

RUNS, FIRST = 500, 10  # replayed, and the first one of which is asked
LATEST, RENEWED = 250, 10  # runs that a history has, and after how many it is read again
MODEL, PROJECT = "model", UUID(int=1)
PHASES = {
    Phase.START: 5,
    Phase.CONTEXT: 30,
    Phase.ANALYZING: 900,
    Phase.PLANNING: 4000,
    Phase.VALIDATION: 10,
    Phase.EXECUTION: 0,
    Phase.MEMORY: 800,
    Phase.COMPLETION: 1500,
}
TOOLS = {"quick": 400, "usual": 1500, "slow": 3000}
# Milliseconds of what is left that an error is computed of, at least.
SHORTEST = 500

# What a duration is multiplied by: of a generator, and how far the replay is, from 0 to 1.
Noise = Callable[[random.Random, float], float]
KINDS: dict[str, Noise] = {
    "stable": lambda chance, _: chance.lognormvariate(0, 0.15),
    "two-humped": lambda chance, _: (
        (3 if chance.random() < 0.3 else 1) * chance.lognormvariate(0, 0.1)
    ),
    "drifting": lambda chance, done: (1 + 2 * done) * chance.lognormvariate(0, 0.15),
}
# By how much all parts of one run are slower or faster together, as a standard deviation of logarithms.
TOGETHER = 0.12


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A run: the milliseconds of its phases and steps."""

    phases: dict[Phase, int]
    plan: Plan
    steps: dict[str, int]


@dataclass(slots=True)
class Outcome:
    """What the estimates of one kind of runs were worth. `errors`: of the median, as a part of the truth."""

    errors: list[float] = field(default_factory=list)
    inside: list[bool] = field(default_factory=list)  # of what was left
    parts_inside: list[bool] = field(default_factory=list)  # of single phases and steps

    @property
    def error(self) -> float:
        """The median error, in percent."""
        return median(self.errors) * 100

    @property
    def coverage(self) -> float:
        """How often the truth was in the band, in percent."""
        return sum(self.inside) * 100 / len(self.inside)

    @property
    def part_coverage(self) -> float:
        return sum(self.parts_inside) * 100 / len(self.parts_inside)

    def compare(self, told: Estimate | None, truth: float) -> None:
        assert told is not None, "there are ten runs"
        if truth >= SHORTEST:
            self.errors.append(abs(told.median_ms - truth) / truth)
            self.inside.append(told.low_ms <= truth <= told.high_ms)


def replay(kind: str, seed: int = 1) -> Outcome:
    chance, outcome, past = random.Random(f"{kind} {seed}"), Outcome(), []
    clock = SimpleNamespace(now=0.0)
    with mock.patch.object(estimates, "time", SimpleNamespace(monotonic=lambda: clock.now)):
        for number in range(RUNS):
            run = make_up(kind, number, chance)
            if number >= FIRST:
                if number % RENEWED == 0:
                    known = history(past)
                _play(run, known, clock, outcome)
            past.append(run)
    return outcome


def make_up(kind: str, number: int, chance: random.Random) -> MadeUp:
    pace = chance.lognormvariate(0, TOGETHER)

    def lasts(usual: int) -> int:
        return round(usual * pace * KINDS[kind](chance, number / RUNS))

    steps = [_step(place, chance) for place in range(chance.randint(2, 6))]
    return MadeUp(
        {phase: lasts(usual) for phase, usual in PHASES.items()},
        Plan("", tuple(steps)),
        {step.id: lasts(TOOLS[step.tool]) for step in steps},
    )


def _step(place: int, chance: random.Random) -> Step:
    needs = (f"s{place - 1}",) if place and chance.random() < 0.5 else ()
    tool = chance.choice(list(TOOLS))
    return Step(f"s{place}", StepType.TOOL, "", tool, {"title": str(place)}, depends_on=needs)


def history(past: list[MadeUp]) -> History:
    known = History(size=0)
    latest = list(enumerate(past))[-LATEST:]
    for number, run in reversed(latest):
        tools = {step.id: step.tool for step in run.plan.steps}
        for phase, took in run.phases.items():
            known.add_phase(number, phase, MODEL, PROJECT, True, took)
        for step, took in reversed(run.steps.items()):
            known.add_tool(number, tools[step], MODEL, PROJECT, took)
    return known


def _play(run: MadeUp, known: History, clock: SimpleNamespace, outcome: Outcome) -> None:
    """Plays a run from its first phase on; from its plan on, each moment is one that an estimate is told."""
    clock.now = 0.0
    outlook = RemainingTime(known, MODEL, PROJECT, uses_tools=True)
    for phase in list(Phase)[:5]:
        outlook.phase_started(phase)
        _compare_part(outlook.usual(phase), run.phases[phase], outcome)
        clock.now += run.phases[phase] / 1000
        outlook.phase_finished(phase)
    outlook.set_plan(run.plan)
    begun = clock.now
    moments = list(_moments(run, begun))
    end = (
        begun
        + _execution(run)
        + max(run.phases[one] for one in (Phase.MEMORY, Phase.COMPLETION)) / 1000
    )
    outlook.phase_started(Phase.EXECUTION)
    for at, name, starts in moments:
        clock.now = at
        if starts:
            tool = next(step.tool for step in run.plan.steps if step.id == name)
            _compare_part(known.tool(tool, MODEL, PROJECT), run.steps[name], outcome)
            outlook.step_started(name)
        else:
            outlook.step_ended(name)
        outcome.compare(outlook.left(), (end - at) * 1000)
    outlook.phase_finished(Phase.EXECUTION)
    outlook.phase_started(Phase.MEMORY)
    outlook.phase_started(Phase.COMPLETION)
    outcome.compare(outlook.left(), (end - clock.now) * 1000)


def _compare_part(usual: Estimate | None, took: int, outcome: Outcome) -> None:
    assert usual is not None, "there are ten runs"
    if took >= SHORTEST:
        outcome.parts_inside.append(usual.low_ms <= took <= usual.high_ms)


def _times(run: MadeUp) -> dict[str, tuple[float, float]]:
    """Returns the start and the end of each step, in seconds after the start of the execution."""
    times: dict[str, tuple[float, float]] = {}
    for step in run.plan.steps:
        start = max((times[need][1] for need in step.depends_on), default=0.0)
        times[step.id] = start, start + run.steps[step.id] / 1000
    return times


def _execution(run: MadeUp) -> float:
    return max(end for _, end in _times(run).values())


def _moments(run: MadeUp, begun: float) -> Iterator[tuple[float, str, bool]]:
    """Yields the time, the step, and whether it starts, in order. Ends come before starts."""
    times = _times(run)
    moments = [(end, 0, name) for name, (_, end) in times.items()]
    moments += [(start, 1, name) for name, (start, _) in times.items()]
    for at, starts, name in sorted(moments):
        yield begun + at, name, bool(starts)
