"""Measures how good the estimates of the remaining time are, on replayed runs: a part of `make bench`."""

from __future__ import annotations

import os
import tempfile

from benchmarks.results import Bar, Row, add

SEEDS = (1, 2, 3)
ERROR = Bar(25)  # percent
LEAST, MOST = 75, 90  # percent of the cases in which the truth is in the band


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    with tempfile.TemporaryDirectory() as folder:  # no database is used
        os.environ.setdefault("SAMURAI_VAR_DIR", folder)
        django.setup()
    from tests.support.estimate_replay import FIRST, KINDS, RUNS, replay

    part = f"Estimates: {RUNS} made-up runs of each kind, from the {FIRST + 1}th on"
    for kind in KINDS:
        made = [replay(kind, seed) for seed in SEEDS]
        bar = ERROR if kind == "stable" else None
        add(
            Row(
                part, f"{kind}: median error of what is left", "%", [one.error for one in made], bar
            )
        )
        for name, values in (
            ("what is left", [one.coverage for one in made]),
            ("a phase or step", [one.part_coverage for one in made]),
        ):
            note = "" if all(LEAST <= value <= MOST for value in values) else "MISSED"
            note = f"from {LEAST} to {MOST} {note}".strip()
            add(Row(part, f"{kind}: {name} in the band of 80 %", "%", values, note=note))
