"""`manage.py run_batch INPUT --project P`: carries out many messages, and keeps what came of each."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from agent.batch import displays, inputs, outputs
from agent.batch.runner import Batch, Options
from agent.models import Project
from agent.support import database

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130


class Command(BaseCommand):
    help = (
        "Carries out the messages of INPUT (JSON Lines, CSV with a header, or a message a line) in a "
        "project. What came of each is a line of JSON. Ends with 0 when all went well, 1 when some did "
        "not, 2 when it was called wrongly, 130 when it was interrupted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("input", metavar="INPUT", help="a file, or - for the standard input")
        parser.add_argument("--project", required=True, help="its id, or its exact name")
        parser.add_argument(
            "--output",
            metavar="FILE",
            help="append results to FILE, and leave out what it holds (default: standard output)",
        )
        parser.add_argument(
            "--concurrency", type=_number, default=8, help="runs at once (default: 8)"
        )
        parser.add_argument(
            "--session",
            choices=["one", "each"],
            default="each",
            help="one new session for all, or one for each (default: each)",
        )
        parser.add_argument(
            "--approve",
            choices=["never", "always"],
            default="never",
            help="what to do with a plan that needs approval: cancel its run, or approve it "
            "(default: never)",
        )
        parser.add_argument(
            "--fail-fast", action="store_true", help="begin nothing more once something failed"
        )
        parser.add_argument(
            "--timeout", type=_seconds, metavar="SECONDS", help="cancel a run that takes longer"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="plan only; the runs end as cancelled"
        )
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--quiet", action="store_true", help="tell only what goes wrong")
        how.add_argument(
            "--json-events", action="store_true", help="every event to standard error, as JSON"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        project = _project(options["project"])
        with _opened(options["input"]) as file:
            total = _total(file, options["input"])
            display = _display(total, options)
            output = _output(options, display)
            code = _carry_out(project, file, output, display, options)
        if code:
            sys.exit(code)


def _carry_out(
    project: Project,
    file: int,
    output: outputs.Output,
    display: displays.Display,
    options: dict[str, Any],
) -> int:
    stopped = threading.Event()
    read = inputs.read(options["input"], inputs.lines(file, stopped))
    how = Options(
        concurrency=options["concurrency"],
        one_session=options["session"] == "one",
        approve=options["approve"] == "always",
        fail_fast=options["fail_fast"],
        timeout=options["timeout"],
        dry_run=options["dry_run"],
    )
    batch = Batch(project, read, output, display, how, stopped)
    sys.setswitchinterval(settings.SWITCH_INTERVAL)
    finished = False
    try:
        with display.shown(), _log_to(display):
            finished = asyncio.run(_until_a_signal(batch))
    except inputs.Unreadable as error:
        raise CommandError(str(error), returncode=WRONG_USE) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the exit
        return FAILED
    except OSError as error:
        raise CommandError(f"The batch broke off: {error}", returncode=FAILED) from None
    except database.CONNECTION_ERRORS as error:
        raise CommandError(f"The database does not answer: {error}", returncode=FAILED) from None
    finally:
        output.close(finished=finished)
    display.summary(batch.tally, interrupted=not finished)
    if not finished:
        return INTERRUPTED
    return 0 if batch.tally.all_well else FAILED


async def _until_a_signal(batch: Batch) -> bool:
    """Returns whether the batch came to its end; a second signal ends the process at once."""
    loop = asyncio.get_running_loop()
    working = loop.create_task(batch.run())

    def stop() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        working.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await working
    except asyncio.CancelledError:
        return False
    return True


# -- what the arguments name -----------------------------------------------------------------------


def _project(name: str) -> Project:
    projects = Project.objects.select_related("owner")
    try:
        with contextlib.suppress(ValueError):
            if found := projects.filter(pk=UUID(name)).first():
                return found
        named = list(projects.filter(name=name))
    except DatabaseError as error:
        raise _wrong(
            f"The database is not ready ({error}): run `manage.py migrate` first."
        ) from None
    if not named:
        raise _wrong(f"There is no project {name!r}.")
    if len(named) > 1:
        ids = ", ".join(str(project.pk) for project in named)
        raise _wrong(f"There are {len(named)} projects {name!r}; take the id of one: {ids}.")
    return named[0]


@contextlib.contextmanager
def _opened(name: str) -> Iterator[int]:
    if name == "-":
        yield sys.stdin.fileno()
        return
    try:
        file = os.open(name, os.O_RDONLY)
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise IsADirectoryError(f"{name} is a folder")
    except OSError as error:
        raise _wrong(f"The input cannot be read: {error}.") from None
    try:
        yield file
    finally:
        os.close(file)


def _total(file: int, name: str) -> int | None:
    """Counts the inputs of a file, which can be read twice; of a pipe it is not known."""
    if not stat.S_ISREG(os.fstat(file).st_mode):
        return None
    start = os.lseek(file, 0, os.SEEK_CUR)
    try:
        read = inputs.read(name, inputs.lines(file, threading.Event()))
        return sum(isinstance(one, inputs.Item) for one in read)
    except inputs.Unreadable as error:
        raise _wrong(str(error)) from None
    finally:
        os.lseek(file, start, os.SEEK_SET)


def _display(total: int | None, options: dict[str, Any]) -> displays.Display:
    if options["quiet"]:
        return displays.Display(total)
    if options["json_events"]:
        return displays.JsonEvents(total)
    if sys.stderr.isatty():
        from rich.console import Console

        from agent.batch.live import LiveDisplay

        console = Console(stderr=True)
        if not console.is_dumb_terminal:
            return LiveDisplay(total, console)
    return displays.Plain(total)


def _output(options: dict[str, Any], display: displays.Display) -> outputs.Output:
    name = options["output"]
    if name is None and sys.stdout.isatty():
        # On the terminal that shows the progress too: between what that one draws.
        return outputs.Output(lambda line: display.out(line.decode().rstrip("\n")))
    if name is None:
        return outputs.stream_output(sys.stdout.buffer)
    path = Path(name)
    try:
        if path.exists() and not path.is_file():
            return outputs.stream_output(path.open("wb"))
        return outputs.KeptOutput(path, dry_run=options["dry_run"])
    except OSError as error:
        raise _wrong(f"The output cannot be written: {error}.") from None
    except outputs.Unusable as error:
        raise _wrong(str(error)) from None


@contextlib.contextmanager
def _log_to(display: displays.Display) -> Iterator[None]:
    """Has the program's log told by the display, which it would tear otherwise."""
    handlers = [
        handler
        for handler in logging.getLogger("agent").handlers
        if isinstance(handler, logging.StreamHandler)
    ]
    former = [handler.setStream(displays.Notes(display)) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, former, strict=True):
            handler.setStream(stream)


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("1 is the least")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("it must be more than 0")
    return number


def _wrong(text: str) -> CommandError:
    return CommandError(text, returncode=WRONG_USE)
