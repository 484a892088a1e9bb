"""All metrics of the product. A process measures only after `start`; prometheus_client is imported then.

Each process writes its numbers to files of its own, so that any web process of a machine can tell those of
all. Labels have few values, and none of them is an id or a text of a person.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

ALL: list[Metric] = []

# How a process is named in the names of its files.
Identity = Callable[[], str]
_identity: Identity | None = None


class Metric:
    """A number with a name and labels. `unit`: of its values, "" for a number of things."""

    kind: ClassVar[str]

    def __init__(self, name: str, text: str, *labels: str, unit: str = "") -> None:
        self.name, self.text, self.labels, self.unit = name, text, labels, unit
        self._children: dict[tuple[str, ...], Any] = {}
        ALL.append(self)

    def _child(self, labels: tuple[str, ...]) -> Any:
        child = self._children.get(labels)
        if child is None:
            parent = self._children.get(()) or self._children.setdefault((), self._made())
            child = self._children[labels] = parent.labels(*labels) if labels else parent
        return child

    def _made(self) -> Any:
        raise NotImplementedError

    def forget(self) -> None:
        """Has the next measurement begin a new file."""
        self._children.clear()

    def begin(self) -> None:
        """Has the metric begin at 0, as far as its labels are known."""


class Counter(Metric):
    """`known`: values of its only label."""

    kind = "counter"

    def __init__(self, name: str, text: str, *labels: str, known: Sequence[str] = ()) -> None:
        super().__init__(name, text, *labels)
        self._known = known

    def begin(self) -> None:
        for labels in [(value,) for value in self._known] if self.labels else [()]:
            self._child(labels)

    def add(self, *labels: str, amount: float = 1) -> None:
        if _identity is not None:
            self._child(labels).inc(amount)

    def _made(self) -> Any:
        from prometheus_client import Counter

        return Counter(self.name, self.text, self.labels, registry=None)


class Gauge(Metric):
    """`mode`: how the numbers of a machine's processes become one: "livesum" or "livemin"."""

    kind = "gauge"

    def __init__(self, name: str, text: str, *labels: str, mode: str, unit: str = "") -> None:
        super().__init__(name, text, *labels, unit=unit)
        self._mode = mode

    def add(self, *labels: str, amount: float = 1) -> None:
        if _identity is not None:
            self._child(labels).inc(amount)

    def set(self, value: float, *labels: str) -> None:
        if _identity is not None:
            self._child(labels).set(value)

    def _made(self) -> Any:
        from prometheus_client import Gauge

        mode: Any = self._mode
        return Gauge(self.name, self.text, self.labels, registry=None, multiprocess_mode=mode)


class Histogram(Metric):
    """`buckets`: their upper bounds in seconds."""

    kind = "histogram"

    def __init__(self, name: str, text: str, *labels: str, buckets: Sequence[float]) -> None:
        super().__init__(name, text, *labels, unit="seconds")
        self._buckets = buckets

    def begin(self) -> None:
        if not self.labels:
            self._child(())

    def observe(self, seconds: float, *labels: str) -> None:
        if _identity is not None:
            self._child(labels).observe(seconds)

    def _made(self) -> Any:
        from prometheus_client import Histogram

        return Histogram(
            self.name, self.text, self.labels, registry=None, buckets=tuple(self._buckets)
        )


class DatabaseGauge(Metric):
    """A number that is read from the database when somebody asks: every machine tells the same."""

    kind = "gauge"


def start(folder: Path, identity: Identity) -> None:
    """Has this process measure, in files in `folder` that are named for `identity`."""
    global _identity
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # prometheus_client reads the variable with each new file.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    from prometheus_client import values

    values.ValueClass = values.MultiProcessValue(identity)
    _identity = identity
    for metric in ALL:
        metric.forget()


def begin() -> None:
    """Has this process tell 0 of what it has not measured yet: Prometheus sees no increase where a number
    begins with another one.
    """
    for metric in ALL:
        metric.begin()


def stop() -> None:
    """Has this process measure nothing more."""
    global _identity
    _identity = None


def are_measured() -> bool:
    return _identity is not None


# -- runs ------------------------------------------------------------------------------------------

_DELAYS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
_GAPS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120)

RUN_STATES = Counter(
    "samurai_run_states_total",
    "Runs that came into a state.",
    "status",
    known=("queued", "running", "waiting", "succeeded", "failed", "cancelled"),
)
RUN_ERRORS = Counter(
    "samurai_run_errors_total",
    "Runs that failed, by the error's code.",
    "code",
    known=(
        *("model_unavailable", "model_timeout", "rate_limited", "model_refused", "model_invalid"),
        *("model_truncated", "budget_exceeded", "plan_rejected", "quota_reached", "run_timeout"),
        *("interrupted", "internal"),
    ),
)
RUN_SECONDS = Histogram(
    "samurai_run_duration_seconds",
    "From the start of a run to its answer, of runs that succeeded.",
    buckets=_DURATIONS,
)
PHASE_SECONDS = Histogram(
    "samurai_phase_duration_seconds", "The finished phases of runs.", "phase", buckets=_DURATIONS
)
TOOL_SECONDS = Histogram(
    "samurai_tool_duration_seconds",
    "The steps of plans that called a tool, with retries.",
    *("tool", "status"),
    buckets=_DURATIONS,
)

# -- the event log ---------------------------------------------------------------------------------

EVENTS = Counter("samurai_events_total", "Events that were committed.", "type")
COMMIT_SECONDS = Histogram(
    "samurai_commit_delay_seconds",
    "From the call of the progress callback, or of whatever writes events, to the commit.",
    buckets=_DELAYS,
)
GAP_SECONDS = Histogram(
    "samurai_run_update_gap_seconds",
    "Between two updates of a run at work: commits with its events, and its drafts.",
    buckets=_GAPS,
)

# -- viewers ---------------------------------------------------------------------------------------

DELIVERY_SECONDS = Histogram(
    "samurai_delivery_delay_seconds",
    "From a commit to the connection of a viewer: the last event of each burst.",
    "transport",
    buckets=_DELAYS,
)
CONNECTIONS = Gauge(
    "samurai_connections", "Connections that are open.", "transport", mode="livesum"
)
CONNECTIONS_OPENED = Counter(
    "samurai_connections_opened_total",
    "Connections that were opened.",
    "transport",
    known=("websocket", "sse", "polling"),
)
RECONNECTS = Counter(
    "samurai_reconnects_total",
    "Connections of pages that had connected, or tried to, before.",
    "transport",
    known=("websocket", "sse"),
)
RESYNCS = Counter(
    "samurai_resyncs_total", "Clients that got the whole state, since the log ended before them."
)
STREAM_ERRORS = Counter(
    "samurai_stream_errors_total",
    "Connections that ended early, or were refused.",
    "kind",
    known=("slow_viewer", "database", "broken", "refused_frames", "too_many"),
)
POLLS = Counter("samurai_polls_total", "Requests for a page of the event log.")

# -- what pages measure ----------------------------------------------------------------------------

PAGE_REPORTS = Counter("samurai_page_reports_total", "Reports of pages that measure.")
PAGE_PAINT_SECONDS = Histogram(
    "samurai_page_paint_delay_seconds",
    "In a page, from the arrival of an event to the paint that shows it.",
    buckets=_DELAYS,
)
PAGE_TASK_SECONDS = Histogram(
    "samurai_page_long_task_seconds",
    "Tasks of a page that took longer than 50 ms.",
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
PAGE_SILENCE_SECONDS = Histogram(
    "samurai_page_silence_seconds",
    "The longest time in a report in which a page got nothing of a run at work.",
    buckets=_GAPS,
)
PAGE_FALLBACKS = Counter(
    "samurai_page_fallbacks_total",
    "Pages that went on over a worse transport.",
    "transport",
    known=("sse", "polling"),
)

# -- models ----------------------------------------------------------------------------------------

MODEL_CALLS = Counter(
    "samurai_model_calls_total", "Requests to the model's server.", "model", "verb", "outcome"
)
MODEL_SECONDS = Histogram(
    "samurai_model_call_duration_seconds",
    "Requests to the model's server.",
    *("model", "verb"),
    buckets=_DURATIONS,
)
MODEL_TOKENS = Counter(
    "samurai_model_tokens_total", "Tokens that the model's server counted.", "model", "kind"
)

# -- processes -------------------------------------------------------------------------------------

PROCESSES = Gauge("samurai_processes", "Processes that run.", "role", mode="livesum")
HEARTBEAT = Gauge(
    "samurai_process_heartbeat_timestamp_seconds",
    "The last sign of life of the process that gave none for the longest time.",
    "role",
    mode="livemin",
    unit="seconds since 1970",
)
LOOP_SECONDS = Histogram(
    "samurai_loop_delay_seconds",
    "How late the event loop of a process did what was due, once a second.",
    "role",
    buckets=_DELAYS,
)

# -- read from the database ------------------------------------------------------------------------

RUNS = DatabaseGauge("samurai_runs", "Runs that are not over.", "status")
QUEUED = DatabaseGauge(
    "samurai_queue_runs", "Queued runs that no other run of their session goes before."
)
QUEUE_AGE = DatabaseGauge(
    "samurai_queue_age_seconds",
    "How long the oldest of the queued runs has been there.",
    unit="seconds",
)
INTERRUPTED = DatabaseGauge(
    "samurai_interrupted_runs", "Runs that were begun and that no process executes."
)
WORKERS = DatabaseGauge(
    "samurai_workers",
    "Workers in the database, by whether they gave a sign of life lately.",
    "state",
)
WORKER_AGE = DatabaseGauge(
    "samurai_worker_heartbeat_age_seconds",
    "How long ago the worker that was silent for the longest time gave a sign of life.",
    unit="seconds",
)
