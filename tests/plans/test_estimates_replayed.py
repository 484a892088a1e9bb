"""How good the estimates are: 500 made-up runs of each kind are replayed. Seeded, so always the same."""

from __future__ import annotations

import pytest

from tests.support.estimate_replay import KINDS, replay


@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_is_in_the_band_as_often_as_the_band_says(kind: str) -> None:
    outcome = replay(kind)
    assert len(outcome.inside) > 4000
    assert 75 <= outcome.coverage <= 90
    assert 75 <= outcome.part_coverage <= 90


@pytest.mark.parametrize("kind", ["stable", "drifting"])
def test_the_time_that_is_left_is_right_to_a_fifth_where_runs_are_alike(kind: str) -> None:
    assert replay(kind, seed=2).error < 20
