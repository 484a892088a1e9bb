"""The live display of a batch on a terminal: a progress bar, and a line for each current run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from agent.batch.displays import Display, Plain, plain
from agent.batch.items import Id, Item
from agent.batch.results import Result
from agent.event_log import events, log, parsing
from agent.support.durations import duration

WIDEST_ID = 20  # columns
UNKNOWN = "unknown"


@dataclass(slots=True)
class Running:
    """A line of the display."""

    name: str
    started: float = field(default_factory=time.monotonic)
    # What is under way, in the order in which it began: of parallel steps, the latest is shown.
    _steps: dict[str, str] = field(default_factory=lambda: {"": "Starting"})

    @property
    def step(self) -> str:
        return list(self._steps.values())[-1]

    def take(self, event: events.Event) -> None:
        match event:
            case events.Run(status="queued"):
                self._steps = {"": "Queued"}
            case events.Progress(metadata=told):
                key = f"{event.step}:{told.get('step_id', '')}:{told.get('part', '')}"
                self._note(key, told.get("phase"), event)

    def _note(self, key: str, phase: str | None, event: events.Progress) -> None:
        if phase in ("finished", "failed"):
            if len(self._steps) > 1:  # the last one stays until something else begins
                self._steps.pop(key, None)
            return
        if phase == "started":
            self._steps.pop(key, None)
        text = f"{event.message}  {event.details}" if event.details else event.message
        self._steps[key] = plain(text)
        self._steps.pop("", None)


class LiveDisplay(Plain):
    """Draws the latest events a few times a second."""

    def __init__(self, total: int | None, console: Console) -> None:
        super().__init__(total)
        self._console = console
        self._running: dict[Id, Running] = {}
        self._before = 0
        self._ended = 0
        self._spinner = Spinner("dots")

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        with Live(
            get_renderable=self._drawing,
            console=self._console,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="ellipsis",
        ):
            yield

    def out(self, line: str) -> None:
        self._console.out(line, highlight=False)

    # -- events -----------------------------------------------------------------------------------

    def began(self, item: Item) -> None:
        self._running[item.id] = Running(plain(str(item.id)))

    def event(self, item: Item, frame: log.Frame) -> None:
        if item.id in self._running:
            self._running[item.id].take(parsing.read(frame.body))

    def ended(self, item: Item, result: Result, handled: int) -> None:
        del self._running[item.id]
        self._ended += 1
        Display.ended(self, item, result, handled)

    def done_before(self, number: int) -> None:
        self._before = number

    # -- drawing -----------------------------------------------------------------------------------

    def _drawing(self) -> Group:
        rows = Table.grid(padding=(0, 1))
        rows.add_column(width=1)
        rows.add_column(max_width=WIDEST_ID, no_wrap=True, overflow="ellipsis", style="bold")
        rows.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        rows.add_column(justify="right", no_wrap=True)
        now = time.monotonic()
        for row in list(self._running.values()):
            took = duration(1000 * (now - row.started))
            rows.add_row(self._spinner, Text(row.name), Text(row.step), Text(took, style="dim"))
        return Group(self._total_bar(now), rows)

    def _total_bar(self, now: float) -> Table:
        done = self._before + self._ended
        line = Table.grid(padding=(0, 1))
        of = "" if self.total is None else f" of {self.total}"
        bar = ProgressBar(total=self.total, completed=done, width=30)
        left = f"time left: {self._time_left(now)}"
        elapsed = duration(1000 * (now - self.started))
        line.add_row(bar, Text(f"{done}{of}"), Text(elapsed), Text(left))
        return line

    def _time_left(self, now: float) -> str:
        """Estimates from the inputs that this invocation has executed."""
        if self.total is None or self._ended == 0:
            return UNKNOWN
        left = max(self.total - self._before - self._ended, 0)
        return duration(1000 * (now - self.started) / self._ended * left)
