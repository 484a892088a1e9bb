"""The words of estimates."""

from __future__ import annotations

import pytest

from agent.event_log import texts


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (20, 34, "Under 1 second"),
        (80, 1_100, "About 1 second"),
        (2_000, 5_000, "About 2 to 5 seconds"),
    ],
)
def test_an_estimate_below_a_second_is_not_rounded_up(low: int, high: int, text: str) -> None:
    estimate = {"low_ms": low, "median_ms": low, "high_ms": high}
    assert texts.estimate(estimate) == text
