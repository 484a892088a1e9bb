"""Reads a day that a person or a model names, against today. Strict: refuses what it does not know.

A general date parser takes "next Friday" for this one, and "may" or "12" for dates. Here each phrase
has one meaning, and the plan shows the date.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

EXAMPLES = (
    "2026-12-04, today, tomorrow, friday, next friday, in 3 days, in two weeks, end of the month"
)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBERS = "one two three four five six seven eight nine ten".split()  # noqa: SIM905
COUNTS = {word: number for number, word in enumerate(_NUMBERS, 1)} | {"a": 1, "an": 1}
_SPAN = re.compile(r"in (\w+) (day|week|month)s?|(\w+) (day|week|month)s? from (?:now|today)")
_WEEKDAY = re.compile(rf"(?:(this|coming|next) )?({'|'.join(WEEKDAYS)})")
_DAYS = {"today": 0, "tomorrow": 1, "day after tomorrow": 2}


_behind = timedelta()  # how long ago the present moment is, during a replay


@contextmanager
def taking_place(moment: datetime) -> Iterator[None]:
    """Within the block, the present moment begins with `moment`: "tomorrow" is the day after it."""
    global _behind
    before, _behind = _behind, timezone.now() - moment
    try:
        yield
    finally:
        _behind = before


def now() -> datetime:
    """Returns the present moment in the time zone of the people, `SAMURAI_TIME_ZONE`."""
    return timezone.localtime(timezone.now() - _behind, ZoneInfo(settings.SAMURAI_TIME_ZONE))


def today() -> date:
    return now().date()


def resolve(text: str, today: date) -> date | None:
    """Returns the day that `text` means; None for a text of another form.

    "Friday" is the first Friday after today, "next Friday" that of the next calendar week, which
    begins on Monday.
    """
    said = " ".join(text.casefold().replace(",", " ").split())
    said = said.removeprefix("on ").removeprefix("by ").removeprefix("the ")
    try:
        return _iso(said) or _named(said, today) or _weekday(said, today) or _span(said, today)
    except (ValueError, OverflowError):
        return None


def _iso(said: str) -> date | None:
    return date.fromisoformat(said) if re.fullmatch(r"\d{4}-\d\d-\d\d", said) else None


def _named(said: str, today: date) -> date | None:
    if said in _DAYS:
        return today + timedelta(days=_DAYS[said])
    if said in ("end of the month", "end of this month"):
        return today.replace(day=monthrange(today.year, today.month)[1])
    return None


def _weekday(said: str, today: date) -> date | None:
    if not (match := _WEEKDAY.fullmatch(said)):
        return None
    place = WEEKDAYS.index(match[2])
    if match[1] == "next":
        return today + timedelta(days=7 - today.weekday() + place)
    return today + timedelta(days=(place - today.weekday() - 1) % 7 + 1)


def _span(said: str, today: date) -> date | None:
    if not (match := _SPAN.fullmatch(said)):
        return None
    word, unit = match[1] or match[3], match[2] or match[4]
    count = COUNTS.get(word) or int(word)
    if unit != "month":
        return today + timedelta(days=count * (7 if unit == "week" else 1))
    year, month = divmod(today.year * 12 + today.month - 1 + count, 12)
    return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))
