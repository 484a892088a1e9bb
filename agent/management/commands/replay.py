"""`manage.py replay FILE`: carries the run of a capsule out again, in a database of its own."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import django.db
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from agent.capsule import form
from agent.capsule.form import Capsule, NoCapsule

DIFFERENT = 1
SECONDS = 600  # that a replay may take


class Command(BaseCommand):
    help = (
        "Carries the run of a capsule out again, with the recorded answers of its model and without any "
        "server, in a temporary SQLite database. Prints “identical”, or the first difference; the exit code "
        "is 0 or 1."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument(
            "--model",
            metavar="NAME",
            help="have this model plan, at the server of the settings, and print its plan beside the "
            "recorded one; nothing is carried out",
        )
        parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        capsule = _read(options["file"])
        if options["model"]:
            self._plan(capsule, options["model"])
        elif options["inside"]:
            self._replay(capsule)
        else:
            more = ["--traceback"] if options["traceback"] else []
            sys.exit(_in_own_database(capsule, options["file"], *more))

    def _plan(self, capsule: Capsule, model: str) -> None:
        from agent.capsule.planning import plans_beside
        from agent.exceptions import AgentError

        try:
            for line in asyncio.run(plans_beside(capsule, model)):
                self.stdout.write(line)
        except (NoCapsule, AgentError) as error:
            raise CommandError(str(error)) from None
        except _MISFITS as error:
            raise _unfit(error) from error

    def _replay(self, capsule: Capsule) -> None:
        from agent.capsule.replaying import replay

        name = str(connection.settings_dict["NAME"])
        if connection.vendor != "sqlite" or not Path(name).name.startswith(_NAME):
            raise CommandError("A replay runs in a database of its own: leave out --inside.")
        logging.getLogger("audit").disabled = True  # nobody did these deeds
        call_command("migrate", verbosity=0)
        try:
            replayed = asyncio.run(replay(capsule))
        except NoCapsule as error:
            raise CommandError(str(error)) from None
        except _MISFITS as error:
            raise _unfit(error) from error
        for note in replayed.notes:
            self.stderr.write(f"note: {note}")
        if replayed.differences:
            self.stdout.write("different")
            for difference in replayed.differences:
                self.stdout.write(difference)
            sys.exit(DIFFERENT)
        self.stdout.write("identical")


_NAME = "samurai-replay"  # of the database's file
# Errors that values raise which do not fit together: the form of a capsule does not check that.
_MISFITS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, django.db.Error)


def _unfit(error: Exception) -> CommandError:
    text = "What is in the capsule does not fit together"
    return CommandError(f"{text} ({type(error).__name__}). --traceback shows where it was noticed.")


def _read(path: Path) -> Capsule:
    try:
        return form.read(path)
    except NoCapsule as error:
        raise CommandError(f"{path}: {error}") from None
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None


def _in_own_database(capsule: Capsule, path: Path, *more: str) -> int:
    """Runs this command in a process whose settings are those of the run; returns its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{folder}/{_NAME}.sqlite3",
            "SAMURAI_VAR_DIR": folder,
            "SAMURAI_ENGINE": "local",
            "REDIS_URL": "",
            "OPENAI_API_KEY": "",
            "OPENAI_BASE_URL": "",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "",
            "SAMURAI_TIME_ZONE": capsule.settings.time_zone,
            "SAMURAI_MODEL_CONTEXT": str(capsule.settings.model_context or ""),
            "SAMURAI_APPROVAL_HOURS": str(capsule.settings.approval_hours),
        }
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "replay", str(path)]
        try:
            return subprocess.run(
                [*command, "--inside", *more], env=environment, timeout=SECONDS, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            raise CommandError(f"The replay took longer than {SECONDS} s.") from None
