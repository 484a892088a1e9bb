"""Prints the results of `make soak`, and records damage."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.support.durability import Follower, damage
from tests.support.server import ServerProcess

damage_found: list[str] = []


def report(label: str, value: float, unit: str, bar: float | None = None) -> None:
    target = (
        "" if bar is None else f"   (target: {bar:g}{unit}{'' if value <= bar else ', MISSED'})"
    )
    print(f"  {label:52} {value:8.2f}{unit}{target}", flush=True)


def judge(server: ServerProcess, followers: Sequence[Follower]) -> None:
    damaged = damage(server, followers)
    damage_found.extend(damaged)
    runs = sum(len(follower.runs) for follower in followers)
    events = sum(len(follower.bodies) for follower in followers)
    print(f"  {runs} runs, {events} events: " + ("DAMAGED" if damaged else "all as promised"))
    for text in damaged[:20]:
        print(f"    {text}")


async def first_words(followers: Sequence[Follower], bar: float) -> None:
    """Sends messages; reports the time from a `message` event to the run's first progress event."""
    for name, chosen, rounds in (("alone", followers[:1], 40), ("all at once", followers, 5)):
        before = {run for follower in chosen for run in follower.runs}
        for _ in range(rounds):
            await asyncio.gather(*(follower.say(name) for follower in chosen))
            await asyncio.gather(*(follower.down_to(0) for follower in chosen))
        waits = sorted(
            (follower.began_at[run] - follower.accepted_at[run]) * 1000
            for follower in chosen
            for run in follower.runs.keys() - before
        )
        report(f"{name}, p50", waits[len(waits) // 2], " ms", bar)
        report(f"{name}, p95", waits[len(waits) * 95 // 100], " ms")
