"""`manage.py check_model`: tries the connected model and prints what works."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agent.llm import checking
from agent.llm.factory import has_server, model_notice

MARKS = {True: "ok ", False: "NO ", None: "   "}


class Command(BaseCommand):
    help = "Calls the connected model twice and prints what works, and how fast."

    def handle(self, *args: Any, **options: Any) -> None:
        if not has_server():
            self.stdout.write(model_notice())
            for line in local_lines():
                self.stdout.write(line)
            return
        findings = asyncio.run(checking.check())
        for finding in findings:
            self.stdout.write(f"{MARKS[finding.is_good]} {finding.name}: {finding.text}")
        if any(finding.is_good is False for finding in findings):
            raise CommandError("The model can't be used like this.")


def local_lines(except_port: int | None = None) -> list[str]:
    """Returns how to connect each server of models on this machine."""
    return [
        f"{server.name} runs on this machine. To use it: {server.settings} make run"
        for server in asyncio.run(checking.local_servers(except_port))
    ]
