"""Fills a database with made-up runs, seeded, and prints the analytics of all of them as JSON.

As a program, with the server's environment. The ids are left out: they differ each time.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import django


def main() -> None:
    from benchmarks import analytics_data

    analytics_data.RUNS, analytics_data.EVENTS, analytics_data.MEMORIES = 600, 2, 1
    analytics_data.fill()
    made = figures()
    print(json.dumps(_without_ids(made), default=str))


def figures() -> dict[str, Any]:
    from django.utils import timezone

    from agent.analytics import report
    from agent.analytics.period import Period
    from agent.analytics.queries import Scope

    last: date = timezone.now().date()
    period = Period(last - timedelta(days=30), last, ZoneInfo("America/New_York"))
    return report.make(Scope(period)).as_json()


def _without_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_ids(one) for one in value]
    if isinstance(value, dict):
        return {
            name: _without_ids(one)
            for name, one in value.items()
            if name not in ("run", "session", "project")
        }
    return value


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    django.setup()
    main()
