"""Compares two results of `make bench`: `.venv/bin/python benchmarks/compare.py before.json after.json`.

Exits with 1 if a row got worse by more than its spread.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.results import Row, load, shown

# The smallest change that counts, as a share of the median: a few rounds may agree by chance.
NOTICEABLE = 0.05


def main() -> None:
    before, after = ({(row.part, row.name): row for row in load(Path(path))} for path in _paths())
    print(f"{'':86} {'before':>10} {'after':>10} {'ratio':>6}")
    for key in before.keys() & after.keys():
        assert before[key].unit == after[key].unit, key
    changes = [_told(row, after[key]) for key, row in before.items() if key in after]
    for key in before.keys() ^ after.keys():
        print(f"{': '.join(key):86} only in {'one' if key in before else 'the other'}")
    sys.exit("worse" in changes)


def _paths() -> list[str]:
    if len(sys.argv) != 3:
        sys.exit("Name two files that `make bench ARGS=--json=FILE` has written.")
    return sys.argv[1:]


def _told(before: Row, after: Row) -> str:
    """Prints the line of a row; returns "worse", "better" or nothing."""
    found = change(before, after)
    ratio = f"{after.median / before.median:6.2f}" if before.median else "     -"
    figures = f"{shown(before.median):>10} {shown(after.median):>10} {ratio}"
    print(
        f"{f'{before.part}: {before.name}, {before.unit}':86} {figures}  {found.upper()}".rstrip()
    )
    return found


def change(before: Row, after: Row) -> str:
    """Returns "worse" or "better" if the medians differ by more than the larger spread."""
    difference = after.median - before.median
    noise = max(before.spread, after.spread, NOTICEABLE * abs(before.median))
    if abs(difference) <= noise:
        return ""
    return "better" if (difference > 0) == before.more_is_better else "worse"


if __name__ == "__main__":
    main()
