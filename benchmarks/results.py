"""The results of `make bench`: rows with a value for each round, their table, and their JSON.

A bar that is missed is only printed. Events that were lost or came twice are damage: `make bench` then
exits with 1.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True)
class Bar:
    """The value that a median, or its ratio to a peer's median, has to reach."""

    value: float
    of: str = ""  # the peer


@dataclass(frozen=True)
class Row:
    """One figure. `values` and those of the peers have one item for each round."""

    part: str
    name: str
    unit: str
    values: Sequence[float]
    bar: Bar | None = None
    more_is_better: bool = False
    peers: dict[str, Sequence[float]] = field(default_factory=dict)
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        return max(self.values) - min(self.values)

    @property
    def ratios(self) -> dict[str, float]:
        """The ratio of the medians, by peer."""
        medians = {name: statistics.median(values) for name, values in self.peers.items()}
        return {name: self.median / median for name, median in medians.items() if median}

    @property
    def meets_bar(self) -> bool:
        if self.bar is None:
            return True
        value = self.ratios[self.bar.of] if self.bar.of else self.median
        return value >= self.bar.value if self.more_is_better else value <= self.bar.value


rows: list[Row] = []
damage: list[str] = []


def add(row: Row) -> Row:
    """Keeps the row, and prints it as a line of its part's table."""
    if not rows or rows[-1].part != row.part:
        print(f"\n{row.part}\n{HEAD}", flush=True)
    rows.append(row)
    print(line(row), flush=True)
    return row


def check(is_right: bool, text: str) -> None:
    """Records damage unless `is_right`."""
    if not is_right:
        damage.append(text)
        print(f"  DAMAGE: {text}", flush=True)


# -- the table -------------------------------------------------------------------------------------

WIDTH = 52
HEAD = f"  {'':{WIDTH}} {'median':>10} {'min':>10} {'max':>10}  unit      bar; ratio to peers"


def line(row: Row) -> str:
    """Returns one line of the table."""
    numbers = (row.median, min(row.values), max(row.values))
    figures = " ".join(f"{shown(number):>10}" for number in numbers)
    return f"  {row.name:{WIDTH}} {figures}  {row.unit:9} {_remarks(row)}".rstrip()


def shown(value: float) -> str:
    """Returns three digits, or all digits of a larger number."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _remarks(row: Row) -> str:
    ratios = ", ".join(f"{ratio:.2f} of {name}" for name, ratio in row.ratios.items())
    return "; ".join(part for part in (_verdict(row), ratios, row.note) if part)


def _verdict(row: Row) -> str:
    if row.bar is None:
        return ""
    of = f" of {row.bar.of}" if row.bar.of else ""
    sign = "at least" if row.more_is_better else "at most"
    return f"{sign} {row.bar.value:g}{of}{'' if row.meets_bar else ' MISSED'}"


# -- the file --------------------------------------------------------------------------------------


def save(path: Path) -> None:
    made = [{**asdict(row), "median": row.median, "meets_bar": row.meets_bar} for row in rows]
    path.write_text(json.dumps({"machine": machine(), "rows": made, "damage": damage}, indent=1))


def load(path: Path) -> list[Row]:
    return [_row(values) for values in json.loads(path.read_text())["rows"]]


def _row(values: dict[str, Any]) -> Row:
    bar = values["bar"] and Bar(**values["bar"])
    kept = {name: values[name] for name in Row.__dataclass_fields__ if name in values}
    return Row(**{**kept, "bar": bar})


def machine() -> dict[str, Any]:
    """Returns what the figures depend on beside the code."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "load": [round(value, 2) for value in os.getloadavg()],
    }
