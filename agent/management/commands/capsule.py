"""`manage.py capsule RUN FILE`: writes a run that is over into one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agent.accounts.audit import Deed, record
from agent.capsule import form
from agent.capsule.form import NoCapsule
from agent.capsule.recording import capsule_of
from agent.capsule.redaction import redacted
from agent.models import Run


class Command(BaseCommand):
    help = (
        "Writes a run that is over into FILE, with all that `replay` needs to carry it out again. A name "
        "that ends with .gz has the file compressed."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", metavar="RUN", help="the id of the run")
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument(
            "--redact",
            action="store_true",
            help="replace the texts of people and models, word by word",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = _run(options["run"])
            capsule = capsule_of(run)
            if options["redact"]:
                capsule = redacted(capsule)
            project = run.session.project_id
            record(Deed.RUN_EXPORTED, run, by=None, project=project, redacted=options["redact"])
            form.write(capsule, options["file"])
        except NoCapsule as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be written: {error.strerror}.") from None
        self.stdout.write(f"{len(capsule.events)} events, {len(capsule.calls)} calls to the model")
        if capsule.cannot_be_replayed:
            self.stderr.write(f"It cannot be replayed. {capsule.cannot_be_replayed}")


def _run(text: str) -> Run:
    try:
        return Run.objects.get(pk=UUID(text))
    except (ValueError, Run.DoesNotExist):
        raise CommandError(f"There is no run {text}.") from None
