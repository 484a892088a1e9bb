"""`manage.py prune`: deletes what has been kept as long as the settings say."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from agent.engine import pruning


class Command(BaseCommand):
    help = (
        "Deletes what is older than the settings SAMURAI_KEEP_EVENTS_DAYS, SAMURAI_KEEP_DELETED_DAYS, "
        "SAMURAI_KEEP_EXPIRED_DAYS, SAMURAI_KEEP_BATCHES_DAYS and SAMURAI_KEEP_AUDIT_DAYS say, in small "
        "parts, also while the server runs, which does the same by itself. With --dry-run it only counts."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count, and delete nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        is_trial = options["dry_run"]
        found = pruning.due() if is_trial else pruning.prune()
        verb = "would be deleted" if is_trial else "deleted"
        for name, number in found.items():
            if number:
                self.stdout.write(f"{number:,} {name} {verb}")
        if not any(found.values()):
            self.stdout.write("Nothing to prune." if pruning.is_on() else pruning.OFF)
