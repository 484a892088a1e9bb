"""The guide to monitoring, the dashboard and the alerts: they name what the code measures."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import pytest
from pytest_django import Settings

from agent.support import metric_files, metrics
from agent.support.metrics import ALL, DatabaseGauge, Metric
from tests.support.documents import DOCS, code_spans, rows, section
from tests.support.scraping import SETTINGS, TOKEN, metrics_in, text
from tests.support.server import PATIENCE, ROOT, ServerProcess, free_port, say, watching

FOLDER = ROOT / "docs" / "monitoring"
GUIDE = DOCS["docs/monitoring.md"]
TABLE, LABELS = (
    [row for row in rows(section(GUIDE, "Metrics")) if row[0].startswith("`samurai_") == is_metric]
    for is_metric in (True, False)
)
NAMES = {metric.name for metric in ALL}
ALERTS = (FOLDER / "alerts.yml").read_text()
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
# The one expression that is about each machine by itself.
OF_EACH_MACHINE = "time() - samurai_process_heartbeat_timestamp_seconds > 30"


def machines(metric: Metric) -> str:
    if isinstance(metric, DatabaseGauge):
        return "max"
    return "min" if metric is metrics.HEARTBEAT else "sum"


def test_the_table_has_each_metric_with_its_type_unit_labels_and_meaning() -> None:
    told = [tuple(row) for row in TABLE]
    assert told == [
        (
            f"`{metric.name}`",
            metric.kind,
            metric.unit or "none",
            ", ".join(f"`{label}`" for label in metric.labels) or "none",
            metric.text,
            machines(metric),
        )
        for metric in ALL
    ]


def test_every_label_has_its_values_in_the_guide() -> None:
    told = {row[0].split("`")[1] for row in LABELS}
    assert told == {label for metric in ALL for label in metric.labels}


def test_every_metric_that_a_text_names_is_there() -> None:
    for text_of in (GUIDE, ALERTS, (FOLDER / "alerts_test.yml").read_text()):
        named = metrics_in(text_of)
        assert len(named) > 8
        assert named <= NAMES


# -- the dashboard ---------------------------------------------------------------------------------


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    shown = {name for expression in expressions() for name in metrics_in(expression)}
    assert shown == NAMES


def test_the_dashboard_and_the_alerts_ask_for_labels_that_the_metrics_have() -> None:
    labels = {metric.name: {*metric.labels, "le", "instance", "job"} for metric in ALL}
    for expression in (*expressions(), *re.findall(r"expr: (.*(?:\n {10}.*)*)", ALERTS)):
        asked = {
            label.strip()
            for found in re.findall(r"by \(([^)]*)\)", expression)
            for label in found.split(",")
        } | set(re.findall(r"[{,]\s*(\w+)(?:=~|!~|!=|=)", expression))
        for name in metrics_in(expression):
            assert asked <= labels[name], expression


def test_the_dashboard_takes_the_machines_together_as_the_table_says() -> None:
    how = {metric.name: machines(metric) for metric in ALL}
    for expression in (*expressions(), *re.findall(r"expr: (.*(?:\n {10}.*)*)", ALERTS)):
        for name in metrics_in(expression):
            wanted = re.escape(how[name])
            is_alone = expression == OF_EACH_MACHINE
            assert is_alone or re.search(rf"\b{wanted}\(", expression), expression


def test_every_panel_asks_the_data_source_that_the_field_of_the_dashboard_chooses() -> None:
    (field,) = DASHBOARD["templating"]["list"]
    assert (field["type"], field["query"]) == ("datasource", "prometheus")
    chosen = {"type": field["query"], "uid": f"${{{field['name']}}}"}
    for panel in DASHBOARD["panels"]:
        assert panel["type"] in ("row", "stat", "timeseries")
        targets = panel.get("targets", [])
        assert bool(targets) == (panel["type"] != "row"), panel["title"]
        for asking in (panel, *targets) if targets else ():
            assert asking["datasource"] == chosen, panel["title"]
        names = [target["refId"] for target in targets]
        assert len(set(names)) == len(names), panel["title"]


def test_the_panels_of_the_dashboard_do_not_overlap_and_have_names() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


# -- alerts ----------------------------------------------------------------------------------------


def test_the_guide_has_each_alert_and_each_alert_is_tested() -> None:
    defined = re.findall(r"alert: (\w+)", ALERTS)
    told = [row[0].strip("`") for row in rows(section(GUIDE, "Dashboard and alerts"))]
    assert told == defined
    tested = re.findall(r"alertname: (\w+)", (FOLDER / "alerts_test.yml").read_text())
    assert set(tested) == set(defined)


def promtool(*arguments: str, given: str = "") -> None:
    done = subprocess.run(
        ["promtool", *arguments],
        cwd=FOLDER,
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.prometheus
def test_promtool_accepts_the_alerts_and_they_fire_when_they_should() -> None:
    promtool("check", "rules", "alerts.yml")
    promtool("test", "rules", "alerts_test.yml")


@pytest.mark.prometheus
def test_promtool_accepts_the_expressions_of_the_dashboard(tmp_path: Any) -> None:
    rules = [
        {"record": f"panel:{n}", "expr": expression.replace("$__rate_interval", "1m")}
        for n, expression in enumerate(expressions())
    ]
    file = tmp_path / "dashboard.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(file))


@pytest.mark.prometheus
@pytest.mark.own_server
async def test_promtool_accepts_what_a_server_tells(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(**SETTINGS)
    async with watching(server) as socket:
        await say(socket, "Create a task to write the docs")
        told = await asyncio.to_thread(text, server)
    assert "samurai_events_total{" in told
    assert metrics_in(told) <= NAMES
    await asyncio.to_thread(promtool, "check", "metrics", given=told)


# Of these, a server tells nothing that has the local engine and the offline model, and no failed step.
EMPTY = re.compile(r'samurai_(?:model_|worker)|status="failed"')


@contextmanager
def prometheus(folder: Path, server: ServerProcess) -> Iterator[str]:
    """A Prometheus that scrapes the server each second. Yields its address."""
    address = f"127.0.0.1:{free_port()}"
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {
                "job_name": "samurai",
                "authorization": {"credentials": TOKEN},
                "static_configs": [{"targets": [urlsplit(server.url).netloc]}],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    options = (f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}")
    command = ["prometheus", f"--config.file={folder / 'prometheus.yml'}", *options]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            yield f"http://{address}"
        finally:
            process.kill()


def asked(address: str, expression: str) -> list[Any]:
    """Returns the series of the expression; none while Prometheus starts."""
    query = urlencode({"query": expression.replace("$__rate_interval", "20s")})
    try:
        with urlopen(f"{address}/api/v1/query?{query}", timeout=10) as response:
            found: list[Any] = json.load(response)["data"]["result"]
            return found
    except OSError:
        return []


@pytest.mark.prometheus
@pytest.mark.own_server
async def test_every_panel_of_the_dashboard_shows_something_of_a_server(
    make_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = make_server(**SETTINGS)
    async with watching(server) as socket:
        await say(socket, "Create a task to write the docs")
    left = [one for one in expressions() if not EMPTY.search(one)]
    assert len(left) > 30
    give_up = time.monotonic() + PATIENCE
    with prometheus(tmp_path, server) as address:
        while left:  # until it has scraped twice
            assert time.monotonic() < give_up, left
            await asyncio.sleep(0.2)
            left = [one for one in left if not await asyncio.to_thread(asked, address, one)]


def test_a_process_begins_at_0_with_all_that_the_guide_says_can_be_counted(
    tmp_path: Path, settings: Settings
) -> None:
    code = """
import sys
from pathlib import Path
from agent.support import metric_files, metrics
folder = Path(sys.argv[1])
metrics.start(folder, metric_files.Process(folder))
metrics.begin()
"""
    settings.VAR_DIR = tmp_path
    subprocess.run([sys.executable, "-c", code, tmp_path / "metrics"], cwd=ROOT, check=True)
    samples = [one for metric in metric_files.collect() for one in metric.samples]
    assert {one.value for one in samples} == {0}
    told = {
        (name, value) for one in samples for name, value in (one.labels or {"": one.name}).items()
    }
    unlabelled = {one.name for one in ALL if not one.labels and not isinstance(one, DatabaseGauge)}
    assert unlabelled <= {value.removesuffix("_count") for _, value in told}
    codes = {row[0].strip("`") for row in rows(section(DOCS["docs/protocol.md"], "Error codes", 3))}
    assert {value for name, value in told if name == "code"} == codes - {"tool_failed"}  # reserved
    for name, label in (("status", "`status` of a run"), ("kind", "`kind` of a stream's error")):
        (row,) = (row for row in LABELS if row[0] == label)
        assert {value for of, value in told if of == name} == code_spans(row[1])


def test_the_values_of_the_label_kind_and_transport_are_those_of_the_code() -> None:
    source = "".join(path.read_text() for path in (ROOT / "chat").rglob("*.py"))
    kinds = set(re.findall(r'STREAM_ERRORS\.add\("(\w+)"\)', source))
    (row,) = (row for row in LABELS if "stream's error" in row[0])
    assert code_spans(row[1]) == kinds
    transports = set(re.findall(r'(?:TRANSPORT|WEBSOCKET) = "(\w+)"', source)) | {
        "ag_ui",
        "request",
    }
    (row,) = (row for row in LABELS if row[0] == "`transport`")
    assert code_spans(row[1]) >= transports
