"""Times as events tell them: ISO 8601, UTC, microseconds, `Z`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> str:
    return datetime.now(UTC).isoformat("T", "microseconds")[:-6] + "Z"


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat("T", "microseconds")[:-6] + "Z"


def milliseconds(timestamp: str) -> int:
    """Returns the time in whole milliseconds since 1970, cut off as JavaScript's `Date.parse` does."""
    return (datetime.fromisoformat(timestamp) - _EPOCH) // timedelta(milliseconds=1)
