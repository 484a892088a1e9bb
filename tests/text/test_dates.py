"""Days in words: what each phrase means, and what is no day."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent.text.dates import EXAMPLES, resolve, today

TODAY = date(2026, 11, 26)  # a Thursday

DAYS = [
    ("2026-12-04", "2026-12-04"),
    ("today", "2026-11-26"),
    ("Tomorrow", "2026-11-27"),
    ("the day after tomorrow", "2026-11-28"),
    ("friday", "2026-11-27"),
    ("on Friday", "2026-11-27"),
    ("this friday", "2026-11-27"),
    ("next Friday", "2026-12-04"),
    ("thursday", "2026-12-03"),
    ("next thursday", "2026-12-03"),
    ("wednesday", "2026-12-02"),
    ("next monday", "2026-11-30"),
    ("in 3 days", "2026-11-29"),
    ("in two  weeks", "2026-12-10"),
    ("a week from now", "2026-12-03"),
    ("in a month", "2026-12-26"),
    ("in 3 months", "2027-02-26"),
    ("end of the month", "2026-11-30"),
]
NO_DAYS = [
    *(
        "",
        "soon",
        "may",
        "12",
        "friday week",
        "2026-13-01",
        "2026-02-30",
        "04.12.2026",
        "next week",
    ),
    *("in many days", "in 99999999999 days", "yesterday", "next friday or so", "2026-12-04T10:00"),
]


@pytest.mark.parametrize(("text", "day"), DAYS)
def test_a_phrase_means_one_day(text: str, day: str) -> None:
    assert str(resolve(text, TODAY)) == day


def test_a_month_from_its_last_day_is_the_last_day_of_a_shorter_one() -> None:
    assert resolve("in 3 months", date(2026, 11, 30)) == date(2027, 2, 28)


@pytest.mark.parametrize("text", NO_DAYS)
def test_other_texts_are_no_days(text: str) -> None:
    assert resolve(text, TODAY) is None


@pytest.mark.parametrize("text", EXAMPLES.split(", "))
def test_each_example_is_a_day(text: str) -> None:
    assert resolve(text, TODAY) is not None


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_today_is_that_of_the_time_zone_of_the_people(settings: Any, zone: str) -> None:
    settings.SAMURAI_TIME_ZONE = zone
    assert today() == datetime.now(ZoneInfo(zone)).date()
