"""`make lighthouse`: runs Lighthouse on a session of 15 exchanges whose plans have 12 and 20 steps.

Needs npm, to fetch Lighthouse, and Chromium. Visits the page as a desktop and as a phone with a slow line.
Exits with 1 when a score is below its target. Other load of the machine lowers a score, so each is the median
of three visits.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.processes import server
from tests.support.server import ROOT, environment
from tests.support.services import chromium_path

VERSION = "13.5.0"
VISITS = 3
EXCHANGES, STEPS = "15", ("12", "20")
PRESETS = {"desktop": ["--preset=desktop"], "phone": []}
PERFORMANCE = {"desktop": 0.95, "phone": 0.90}
OTHERS = {"accessibility": 1.0, "best-practices": 1.0}
AUDITS = (
    *("first-contentful-paint", "largest-contentful-paint", "total-blocking-time"),
    *("cumulative-layout-shift", "speed-index"),
)
FLAGS = "--headless --no-sandbox --disable-gpu --disable-background-networking"


def main() -> None:
    chromium = chromium_path()
    if chromium is None or shutil.which("npx") is None:
        sys.exit("Chromium and npm are needed.")
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        seed = prepare(var)
        with server(var, "samurai_site.asgi") as served:
            address = f"http://127.0.0.1:{served.port}/sessions/{seed['sessions'][0]}/"
            cookie = f"sessionid={seed['cast']['alice']['cookie']}"
            met = [tell(name, chromium, address, cookie) for name in PRESETS]
    sys.exit(not all(met))


def prepare(var: Path) -> dict[str, Any]:
    """Makes a database with the session; returns what `tests.support.seed` tells."""
    env = environment(var)
    command = [sys.executable, "-m", "tests.support.seed"]
    process = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
    seed: dict[str, Any] = json.loads(process.stdout)
    fill = [sys.executable, "-m", "tests.support.long_session", seed["sessions"][0], EXCHANGES]
    subprocess.run([*fill, *STEPS], cwd=ROOT, env=env, check=True)
    return seed


def tell(preset: str, chromium: str, address: str, cookie: str) -> bool:
    """Prints the scores and figures of the visits; returns whether all targets are met."""
    reports = [ask(preset, chromium, address, cookie) for _ in range(VISITS)]
    bars = {"performance": PERFORMANCE[preset], **OTHERS}
    scores = {
        name: statistics.median(report["categories"][name]["score"] for report in reports)
        for name in bars
    }
    print(preset)
    for name, score in scores.items():
        print(f"  {name:26} {score:.2f}  (bar {bars[name]:.2f})")
    for name in AUDITS:
        values = [report["audits"][name]["displayValue"] for report in reports]
        print(f"  {name:26}", *values, sep="  ", flush=True)
    return all(scores[name] >= bar for name, bar in bars.items())


def ask(preset: str, chromium: str, address: str, cookie: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        headers, out = Path(folder, "headers.json"), Path(folder, "report.json")
        headers.write_text(json.dumps({"Cookie": cookie}))
        command = ["npx", "--yes", f"lighthouse@{VERSION}", address, "--quiet"]
        how = [*PRESETS[preset], f"--chrome-flags={FLAGS}", f"--extra-headers={headers}"]
        where = ["--output=json", f"--output-path={out}"]
        subprocess.run(
            [*command, *how, *where], env={**os.environ, "CHROME_PATH": chromium}, check=True
        )
        report: dict[str, Any] = json.loads(out.read_text())
    return report


if __name__ == "__main__":
    main()
