"""`manage.py doctor [ADDRESS]`: looks at the site through its public address and from inside."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agent.management.commands.setup import site_address
from chat.doctor import inside, outside
from chat.doctor.findings import Check, Finding, Level, run_all
from chat.doctor.site import Site
from chat.doctor.streams import streams

STREAM_SECONDS, SECONDS = 8.0, 30.0  # for the check of streams, and for all others together
MARKS: dict[Level, str] = {
    "ok": "ok     ",
    "warning": "WARNING",
    "error": "ERROR  ",
    "unknown": "unknown",
}


class Command(BaseCommand):
    help = "Checks the site through its public ADDRESS and from inside. Exit code 1 with an error."
    requires_system_checks: list[str] = []  # they are one of the checks

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", nargs="?", metavar="ADDRESS", help="default: SITE_URL")
        parser.add_argument("--json", action="store_true", help="one JSON object, for programs")

    def handle(self, *args: Any, address: str | None, **options: Any) -> None:
        site = Site((address or default_address()).rstrip("/"))
        if site.parts.scheme not in ("http", "https") or not site.host:
            raise CommandError("ADDRESS must be an http or https address.")
        found = look_at(site)
        levels = Counter(one.level for one in found)
        if options["json"]:
            findings = [one.as_json() for one in found]
            told = {"address": site.address, "levels": levels, "findings": findings}
            self.stdout.write(json.dumps(told, indent=2))
        else:
            for one in found:
                self._write(one)
            counts = ", ".join(f"{levels[level]} {level}" for level in MARKS)
            self.stdout.write(f"{site.address}: {counts}")
        if levels["error"]:
            sys.exit(1)

    def _write(self, finding: Finding) -> None:
        self.stdout.write(f"{MARKS[finding.level]} {finding.name}: {finding.text}")
        if finding.remedy:
            self.stdout.write(f"        {finding.remedy}")


def look_at(site: Site) -> list[Finding]:
    """Returns what all checks have found; those from outside only if the site answers."""
    first = outside.reach(site)
    if first.level != "ok":
        return [first, *run_all(inside.checks(site), SECONDS)]
    # First and alone: what works beside it would look like a proxy that holds events back.
    stream = run_all([Check("stream", lambda: streams(site))], STREAM_SECONDS)
    return [first, *stream, *run_all([*outside.checks(site), *inside.checks(site)], SECONDS)]


def default_address() -> str:
    if settings.SITE_URL:
        return str(settings.SITE_URL)
    return site_address(os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8000")
