"""A period of whole days in a time zone, and the period of the same length before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone

MAX_DAYS = 366
PRESETS = (1, 7, 30, 90)  # days, the last one today
USUAL = 30
# More days than this are shown by the week.
_DAYS_OF_BARS = 62


@dataclass(frozen=True, slots=True)
class Period:
    """`first` and `last`: days in `zone`, both within the period. At most `MAX_DAYS`."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def since(self) -> datetime:
        return _start_of(self.first, self.zone)

    @property
    def until(self) -> datetime:
        """The first moment after the period."""
        return _start_of(self.last + timedelta(days=1), self.zone)

    @property
    def before(self) -> datetime:
        """The start of the period of as many days before this one."""
        return _start_of(self.first - timedelta(days=self.days), self.zone)

    @property
    def by_week(self) -> bool:
        return self.days > _DAYS_OF_BARS

    def parts(self) -> Iterator[tuple[date, datetime, datetime]]:
        """Yields each day of the period, or each seven days of a long one: the first day, the start, and
        the end, which is the start of the next one. A day in which the clocks change has 23 or 25 hours.
        """
        length = timedelta(days=7 if self.by_week else 1)
        day = self.first
        while day <= self.last:
            following = min(day + length, self.last + timedelta(days=1))
            yield day, _start_of(day, self.zone), _start_of(following, self.zone)
            day = following


def latest(days: int, zone: ZoneInfo) -> Period:
    """Returns the period of so many days that ends today."""
    today = timezone.now().astimezone(zone).date()
    return Period(today - timedelta(days=days - 1), today, zone)


def choose(first: date | None, last: date | None, zone: ZoneInfo) -> Period:
    """Returns the period of these days. Without `last` it ends today, without `first` it has `USUAL` days.

    Raises ValueError, with a sentence for the person.
    """
    last = last or latest(1, zone).last
    if not all(2000 <= day.year < 2100 for day in (first or last, last)):
        raise ValueError("The days must be between 2000 and 2099.")
    first = first or last - timedelta(days=USUAL - 1)
    if first > last:
        raise ValueError("The first day is after the last one.")
    period = Period(first, last, zone)
    if period.days > MAX_DAYS:
        raise ValueError(f"A period has at most {MAX_DAYS} days, and not {period.days}.")
    return period


def zone_named(name: str) -> ZoneInfo | None:
    """Returns the time zone with this name, such as Europe/Berlin; None if there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None


def _start_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
