"""Reads a past moment that a person names, such as "yesterday 9:00" or "the last 3 days"."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from agent.text.dates import COUNTS, WEEKDAYS

_UNITS = "minute|hour|day|week"
_SPAN = re.compile(rf"(?:(?:the )?(?:last|past) )?(?:(\w+) )?({_UNITS})s?(?: ago)?")
_CLOCK = re.compile(r"(?:(?:at )?(\d{1,2})(?::(\d\d))? ?(am|pm)?)?")


def moment(said: str, now: datetime) -> datetime | None:
    """Returns the past moment that `said` means at `now`, in the zone of `now`; None for no such one.

    "Today", "Monday 9:00", "2026-11-20", "the last 3 days", "an hour ago".
    """
    text = " ".join(said.casefold().split())
    try:
        span = _SPAN.fullmatch(text)
        found = _day(text, now) or (_ago(span[1], span[2], now) if span else _date(text, now))
    except (ValueError, OverflowError):
        return None
    return found if found and found <= now else None


def _ago(number: str | None, unit: str, now: datetime) -> datetime:
    count = COUNTS.get(number or "a") or int(number or 1)
    return now - timedelta(**{f"{unit}s": count})


def _date(text: str, now: datetime) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)


def _day(text: str, now: datetime) -> datetime | None:
    """Returns the latest moment that the name of a day, an hour, or both mean."""
    back = {"today": 0, "yesterday": 1, "this week": now.weekday()}
    back |= {day: (now.weekday() - place - 1) % 7 + 1 for place, day in enumerate(WEEKDAYS)}
    name = next((name for name in back if text.startswith(name)), "")
    clock = _CLOCK.fullmatch(text.removeprefix(name).strip())
    if not clock or not (name or clock[1]):
        return None
    hour = int(clock[1] or 0) % 12 if clock[3] else int(clock[1] or 0)
    at = time(hour + 12 * (clock[3] == "pm"), int(clock[2] or 0))
    found = datetime.combine(now - timedelta(back.get(name, 0)), at, now.tzinfo)
    return found if name or found <= now else found - timedelta(days=1)
