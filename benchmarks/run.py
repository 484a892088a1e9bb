"""`make bench`: measures everything with a performance target, in about ten minutes.

`ARGS="stream page"` selects parts, `ARGS="--json FILE"` also writes the results, and
`benchmarks/compare.py` compares two such files. Machines are noisy, so rounds alternate between the
product and its peers, and the ratio of their medians counts. Exits with 1 when an event was lost or came
twice; a missed bar is only printed.
"""

from __future__ import annotations

import argparse
import importlib
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import results  # noqa: E402  (needs the path)
from benchmarks.sides import have_postgresql  # noqa: E402

PARTS = (
    *("start", "stream", "latency", "runs", "connect", "idle", "first_byte"),
    *("recall", "search", "batch", "page", "offline"),
)
# Only when named.
LONG = (
    *("admin", "growth", "prompts", "silence", "capacity", "replay"),
    *("logs", "metrics", "analytics", "estimates", "fairness"),
)


def main() -> None:
    arguments = _arguments()
    # Thousands of sockets, here and in the servers, which inherit it.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    print(f"Machine: {results.machine()}")
    if not have_postgresql():
        print("Without PostgreSQL: set TEST_DATABASE_URL")
    try:
        for name in arguments.parts or PARTS:
            began = time.monotonic()
            importlib.import_module(f"benchmarks.{name}").main()
            print(f"  ({name}: {time.monotonic() - began:.0f} s)", flush=True)
    finally:
        if arguments.json:
            results.save(arguments.json)
    missed = [row.name for row in results.rows if not row.meets_bar]
    print(f"\n{len(results.rows)} rows, {len(missed)} bars missed, {len(results.damage)} damaged")
    sys.exit(bool(results.damage))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Measures what has a limit.")
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join((*PARTS, *LONG)))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - {*PARTS, *LONG}:
        parser.error(f"unknown parts: {', '.join(sorted(unknown))}")
    return arguments


if __name__ == "__main__":
    main()
