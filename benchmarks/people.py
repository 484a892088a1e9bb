"""Fills a new database with users and sessions, of which each has a seat for one viewer.

As a program, with the server's environment: the number of users, and of the sessions of each; prints JSON.
A user of the product may have 200 connections, so a thousand viewers are of several users.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.server import environment  # noqa: E402  (the path first)

SESSIONS = 100  # of one user


@dataclass(frozen=True)
class Seat:
    """A session, and the keys of its project's owner."""

    session: str
    token: str
    cookie: str

    @property
    def as_program(self) -> dict[str, str]:
        """The headers of a program."""
        return {"Authorization": f"Token {self.token}"}

    def as_browser(self, port: int) -> dict[str, str]:
        """The headers of a page's socket."""
        return {"Cookie": f"sessionid={self.cookie}", "Origin": f"http://127.0.0.1:{port}"}


def seats(var: Path, number: int, **env: str) -> list[Seat]:
    """Makes the database of a server on `var`, with `number` seats."""
    users = -(-number // SESSIONS)
    command = [sys.executable, str(Path(__file__)), str(users), str(SESSIONS)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(var, **env), check=True, stdout=subprocess.PIPE
    )
    return [Seat(*values) for values in json.loads(done.stdout)][:number]


def main(users: int, sessions: int) -> None:
    from django.core.management import call_command
    from django.db import transaction

    from agent.models import ChatSession, Project
    from tests.support.seed import digest, person

    call_command("migrate", verbosity=0)
    made: list[tuple[str, str, str]] = []
    with transaction.atomic():
        for number in range(users):
            name = f"user{number}"
            keys = person(name, digest(name))
            project = Project.objects.create(name=f"Bench {number}", owner=_user(number))
            rows = ChatSession.objects.bulk_create(
                ChatSession(project=project) for _ in range(sessions)
            )
            made += [(str(row.pk), keys["token"], keys["cookie"]) for row in rows]
    print(json.dumps(made))


def _user(number: int):  # type: ignore[no-untyped-def]  # a class that needs Django first
    from django.contrib.auth.models import User

    return User.objects.get(username=f"user{number}")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    import django

    django.setup()
    main(int(sys.argv[1]), int(sys.argv[2]))
