"""`manage.py export_user USER FILE`: writes everything of an account into a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agent.support import database
from chat import account_export


class Command(BaseCommand):
    help = (
        "Writes everything that USER owns or wrote into FILE, as JSON Lines, a few rows at a time: the "
        "profile, projects, tasks, memories, sessions, messages, feedback, tokens without keys, and the "
        "entries of the audit log about the user."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER", help="the username")
        parser.add_argument(
            "file", metavar="FILE", type=Path, help="a file that does not exist yet"
        )

    def handle(self, *args: Any, user: str, file: Path, **options: Any) -> None:
        person = User.objects.filter(username=user).first()
        if person is None:
            raise CommandError(f"There is no user {user!r}.")
        try:
            number = async_to_sync(_write)(person, file)
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from None
        self.stdout.write(f"{number:,} lines")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


async def _write(user: User, file: Path) -> int:
    number = 0
    with open(file, "x", encoding="utf-8", opener=_private) as opened:
        await database.call(account_export.begin, user, by=None)
        async for part in account_export.lines(user):
            opened.write(part)
            number += part.count("\n")
    return number
