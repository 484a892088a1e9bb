"""The words of estimates and of a run that executes its steps."""

from __future__ import annotations

from types import SimpleNamespace

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


def test_a_skipped_step_is_not_counted_as_failed() -> None:
    steps = [
        SimpleNamespace(tool=tool, status=status, description="", arguments={})
        for tool, status in zip("abcd", ("succeeded", "failed", "skipped", "pending"), strict=True)
    ]
    assert texts.executing(steps) == "Running 4 steps, 1 done, 1 failed, 1 skipped"
