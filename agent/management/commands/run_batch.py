"""`manage.py run_batch INPUT --project P`: runs many messages and writes a result for each."""

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
from agent.batch.items import Item, Notice, Unread
from agent.batch.lines import Lines, Unreadable
from agent.batch.runner import Batch, Options
from agent.models import Project
from agent.support import database
from agent.support.words import name_of

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130


class Command(BaseCommand):
    help = (
        "Runs the messages of INPUT (JSON, JSON Lines, CSV with a header, or one message per line) "
        "in a project and writes one JSON line for each. Exit code: 0 if all succeeded, 1 if some failed, "
        "2 for wrong arguments, 130 if interrupted."
    )

    # They would import every page and serializer, a third of the time of a start; `setup` runs them.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("input", metavar="INPUT", help="a file, or - for standard input")
        parser.add_argument("--project", required=True, help="the project's id or exact name")
        parser.add_argument(
            "--output",
            metavar="FILE",
            help="append results to FILE and skip inputs that it already contains "
            "(default: standard output)",
        )
        parser.add_argument(
            "--encoding", default="", help="of INPUT, such as cp1252 (default: found by its bytes)"
        )
        _add_execution_arguments(parser)
        progress = parser.add_mutually_exclusive_group()
        progress.add_argument("--quiet", action="store_true", help="print errors only")
        progress.add_argument(
            "--json-events",
            action="store_true",
            help="print every event to standard error, as JSON",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        project = _project(options["project"])
        with _opened(options["input"]) as file:
            total = _total(file, options)
            display = _display(total, options)
            output = _output(options, display)
            stopped = threading.Event()
            items = _items(file, options, stopped)
            batch = Batch(project, items, output, display, _options(options), stopped)
            code = _run(batch, output, display)
        if code:
            sys.exit(code)


def _add_execution_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--concurrency", type=_number, default=8, help="number of parallel runs (default: 8)")
    add(
        "--session",
        choices=["one", "each"],
        default="each",
        help="one new session for all messages, or one for each (default: each)",
    )
    add(
        "--approve",
        choices=["never", "always"],
        default="never",
        help="if a plan needs approval: cancel the run (never) or approve it (always) "
        "(default: never)",
    )
    add("--fail-fast", action="store_true", help="start no more runs after a failure")
    add("--timeout", type=_seconds, metavar="SECONDS", help="cancel a run that takes longer")
    add("--dry-run", action="store_true", help="only plan; the runs end as cancelled")


def _run(batch: Batch, output: outputs.Output, display: displays.Display) -> int:
    """Executes the batch and shows its summary. Returns the exit code."""
    sys.setswitchinterval(settings.SWITCH_INTERVAL)
    finished = False
    try:
        with display.shown(), _log_to(display):
            finished = asyncio.run(_until_a_signal(batch))
    except Unreadable as error:
        raise _wrong(str(error)) from None
    except BrokenPipeError:
        # The interpreter flushes standard output at exit, which would raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        raise CommandError(f"The batch failed: {error}", returncode=FAILED) from None
    except database.CONNECTION_ERRORS as error:
        raise CommandError(f"Database unreachable: {error}", returncode=FAILED) from None
    finally:
        output.close(finished=finished)
    display.summary(batch.tally, interrupted=not finished)
    if not finished:
        return INTERRUPTED
    return 0 if batch.tally.all_well else FAILED


async def _until_a_signal(batch: Batch) -> bool:
    """Returns True if the batch finished, False if a signal stopped it.

    The handlers are removed at the first signal, so that a second one ends the process at once.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(batch.run())

    def stop() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        return False
    return True


# -- arguments -------------------------------------------------------------------------------------


def _options(options: dict[str, Any]) -> Options:
    return Options(
        concurrency=options["concurrency"],
        one_session=options["session"] == "one",
        approve=options["approve"] == "always",
        fail_fast=options["fail_fast"],
        timeout=options["timeout"],
        dry_run=options["dry_run"],
        name="Standard input" if options["input"] == "-" else name_of(Path(options["input"]).name),
    )


def _project(name: str) -> Project:
    projects = Project.objects.select_related("owner")
    try:
        with contextlib.suppress(ValueError):
            if project := projects.filter(pk=UUID(name)).first():
                return project
        matches = list(projects.filter(name=name))
    except DatabaseError as error:
        raise _wrong(
            f"The database is not ready ({error}): run `manage.py migrate` first."
        ) from None
    if not matches:
        raise _wrong(f"There is no project {name!r}.")
    if len(matches) > 1:
        ids = ", ".join(str(project.pk) for project in matches)
        raise _wrong(f"There are {len(matches)} projects named {name!r}; use an id: {ids}.")
    return matches[0]


@contextlib.contextmanager
def _opened(name: str) -> Iterator[int]:
    if name == "-":
        if sys.stdin is None:
            raise _wrong("Cannot read the input: the standard input is closed.")
        yield sys.stdin.fileno()
        return
    try:
        file = os.open(name, os.O_RDONLY)
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise IsADirectoryError(f"{name} is a directory")
    except OSError as error:
        raise _wrong(f"Cannot read the input: {error}.") from None
    try:
        yield file
    finally:
        os.close(file)


def _items(
    file: int, options: dict[str, Any], stopped: threading.Event
) -> Iterator[Item | Unread | Notice]:
    """Reads the inputs until `stopped` is set. Raises `Unreadable`."""
    name = options["input"]
    lines = Lines(file, stopped, options["encoding"], guess=inputs.may_guess(name))
    return inputs.read(name, lines)


def _total(file: int, options: dict[str, Any]) -> int | None:
    """Returns the number of inputs in a file; None for a pipe, which can be read only once."""
    try:
        items = _items(file, options, threading.Event())
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return None
        start = os.lseek(file, 0, os.SEEK_CUR)
        total = sum(isinstance(item, Item) for item in items)
        os.lseek(file, start, os.SEEK_SET)
    except Unreadable as error:
        raise _wrong(str(error)) from None
    except OSError as error:
        raise _wrong(f"Cannot read the input: {error}.") from None
    return total


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
        # The terminal also shows the progress, so that the display prints the results.
        return outputs.Output(lambda line: display.out(line.decode().rstrip("\n")))
    if name is None:
        return outputs.stream_output(sys.stdout.buffer)
    path = Path(name)
    try:
        if path.exists() and not path.is_file():
            return outputs.stream_output(path.open("wb"))
        return outputs.KeptOutput(path, dry_run=options["dry_run"])
    except OSError as error:
        raise _wrong(f"Cannot write the output: {error}.") from None
    except outputs.Unusable as error:
        raise _wrong(str(error)) from None


@contextlib.contextmanager
def _log_to(display: displays.Display) -> Iterator[None]:
    """Redirects the agent's log to the display. Direct output to the terminal would disturb it."""
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
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("must be greater than 0")
    return number


def _wrong(text: str) -> CommandError:
    return CommandError(text, returncode=WRONG_USE)
