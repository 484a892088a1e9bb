"""The servers that `make bench` compares: each plays runs, and the load generator sees every event."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import client, results
from benchmarks.connect import connected, targets
from benchmarks.peers.pace import Pace, body
from benchmarks.playing import play
from benchmarks.sides import OurReader, all_sides


@pytest.fixture(autouse=True)
def no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "damage", [])


def test_runs_report_at_the_product_and_its_peers(tmp_path: Path) -> None:
    with all_sides(tmp_path, 3) as (ours, peers, seats):
        for side in (ours, *peers):
            for _ in range(2):  # the second run of a session follows the first one
                outcome = play(side, seats, Pace(events=70, together=3))
                assert sum(map(len, outcome.windows)) == 3 * 70, side.name
            if side.has_viewers:
                outcome = play(side, seats[:1], Pace(events=5), viewers=4)
                assert sum(map(len, outcome.windows)) == 4 * 5, side.name
    assert results.damage == []


@pytest.mark.parametrize(("seqs", "is_whole"), [((8, 9), True), ((8, 10), False), ((8, 8), False)])
async def test_a_reader_notices_what_is_missing_or_comes_twice(
    seqs: tuple[int, ...], is_whole: bool
) -> None:
    reader = OurReader("/", {}).follow(after=7)
    for seq in seqs:
        reader.received(body(seq).encode(), 0.0)
    assert len(reader.calls) == 2
    assert reader.is_whole is is_whole


def test_browsers_connect_with_their_cookies(tmp_path: Path) -> None:
    async def connect_each() -> None:
        for target in made.values():
            (await connected(target.served.port, target.browser(0))).close()

    with targets(tmp_path, 1) as made:
        client.run(connect_each())
