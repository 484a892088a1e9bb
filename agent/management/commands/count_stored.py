"""`manage.py count_stored`: counts what was stored before the quota of stored bytes existed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from agent.engine import stored_bytes


class Command(BaseCommand):
    help = (
        "Adds the bytes of events that were stored before SAMURAI_PROJECT_MEGABYTES existed to the counts of "
        "their projects. Once is enough; the server may run meanwhile."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{stored_bytes.count_missing():,} bytes were not counted yet.")
