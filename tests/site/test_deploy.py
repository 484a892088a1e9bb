"""The guide to deployment and its files: what they start, set and ask for is there in the product."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import crossplane
import pytest
from crossplane.analyzer import DIRECTIVES
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from agent.models import ChatSession, Run
from agent.runs import claiming, runs
from agent.runs.runs import MessageRequest
from chat import feed
from chat.viewer import HEARTBEAT
from samurai_site.request_limits import MAX_BODY, MAX_SECONDS
from samurai_site.slow_clients import HEADER_SECONDS
from tests.support.documents import DOCS, examples, makefile_reads, rows, section, settings_read
from tests.support.server import ROOT
from tests.support.units import FOLDER, UNITS, but_for_the_address, commands, read_unit

GUIDE = DOCS["docs/deploy.md"]
HOME = "/srv/samurai-agent/"


# -- units -----------------------------------------------------------------------------------------


def requirements() -> set[str]:
    return {
        re.split(r"[\[=]", line)[0].lower()
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }


def test_the_documented_settings_pass_the_check_and_the_data_is_private(tmp_path: Path) -> None:
    var = tmp_path / "new" / "data"
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "SITE_URL": "https://samurai.example.com",
            "SAMURAI_VAR_DIR": str(var),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in (var, *var.iterdir())} == {
        "data": 0o700,
        "secret_key": 0o600,
        "db.sqlite3": 0o600,
    }


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_what_is_there_as_a_user_of_its_own_again_and_again(path: Path) -> None:
    unit = read_unit(path)
    assert set(unit.sections()) == {"Unit", "Service", "Install"}
    service = unit["Service"]
    assert (service["Restart"], service["User"]) == ("always", "samurai")
    assert service["WorkingDirectory"] + "/" == HOME
    for program, *arguments in commands(path):
        name = program.removeprefix(f"{HOME}.venv/bin/")
        assert name == "python" or name in requirements(), program
        if name == "python":
            assert (ROOT / arguments[0]).is_file()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_an_instance_is_in_the_command_or_the_name_of_what_has_instances(path: Path) -> None:
    assert ("%i" in path.read_text()) == path.stem.endswith("@")


@pytest.mark.parametrize("name", ["samurai.service", "samurai-web@.service"])
def test_a_server_is_started_as_make_run_starts_it(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    found = re.search(r"/uvicorn (\S+ --host .*?)'", makefile)
    assert found
    here = commands(FOLDER / name)[-1][1:]

    assert but_for_the_address(here) == but_for_the_address(shlex.split(found[1]))


# -- settings --------------------------------------------------------------------------------------


def test_every_variable_that_is_set_is_one_of_the_product() -> None:
    known = {*settings_read(), *makefile_reads()}
    for path in UNITS:
        for pair in shlex.split(read_unit(path)["Service"].get("Environment", "")):
            assert pair.partition("=")[0] in known, path.name
    blocks = "\n".join(re.findall(r"^```\n(.*?)^```$", GUIDE, re.M | re.S))
    told = set(re.findall(r"^([A-Z_]+)=", blocks, re.M))
    told |= set(re.findall(r"`([A-Z]+_[A-Z_]+)(?:=[^`]*)?`", GUIDE))
    assert {"SITE_URL", "DATABASE_URL"} <= told
    assert told <= known


def test_the_units_and_the_guide_name_each_other_s_files() -> None:
    told = set(re.findall(r"\((deploy/[^)]+)\)", GUIDE))
    assert {f"deploy/{path.name}" for path in UNITS} <= told
    started = set(re.findall(r"\b(samurai(?:-\w+)?@?)[\w%]*", " ".join(systemctl_lines())))
    assert started == {path.stem for path in UNITS}


def systemctl_lines() -> list[str]:
    return re.findall(r"systemctl (?:enable --now|restart) ([^&\n]+)", GUIDE)


# -- nginx -----------------------------------------------------------------------------------------

Block = list[dict[str, Any]]


@pytest.fixture
def site(tmp_path: Path) -> Block:
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"events {{}}\nhttp {{ include {FOLDER / 'nginx.conf'}; }}\n")
    parsed = crossplane.parse(str(whole))  # checks contexts and the number of arguments
    assert (parsed["status"], parsed["errors"]) == ("ok", [])
    block: Block = parsed["config"][1]["parsed"]
    return block


def every(block: Block) -> Iterator[dict[str, Any]]:
    for one in block:
        yield one
        if one["directive"] != "map":  # inside are values, not directives
            yield from every(one.get("block", []))


def test_the_site_of_nginx_has_no_directive_that_nginx_does_not_know(site: Block) -> None:
    names = [one["directive"] for one in every(site) if one["directive"] != "#"]
    assert "proxy_pass" in names
    assert [name for name in names if name not in DIRECTIVES] == []


def test_nginx_holds_nothing_back_upgrades_sockets_and_tells_the_scheme(site: Block) -> None:
    location, waits = [one["block"] for one in every(site) if one["directive"] == "location"]
    (patience,) = [one["args"][0] for one in waits if one["directive"] == "proxy_read_timeout"]
    assert int(patience.removesuffix("s")) > settings_read()["SAMURAI_RUN_TIMEOUT"]
    said = {one["directive"]: one["args"] for one in location}
    headers = dict(one["args"] for one in location if one["directive"] == "proxy_set_header")
    assert said["proxy_buffering"] == ["off"]
    assert said["proxy_http_version"] == ["1.1"]
    assert headers["Upgrade"] == "$http_upgrade"
    assert headers["X-Forwarded-Proto"] == "$scheme"
    assert headers["Host"] == headers["X-Forwarded-Host"] == "$http_host"
    for timeout in ("proxy_read_timeout", "proxy_send_timeout"):
        assert int(said[timeout][0].removesuffix("s")) > 2 * HEARTBEAT
    (body,) = [one["args"] for one in every(site) if one["directive"] == "client_max_body_size"]
    assert body == [str(MAX_BODY)]


def test_nginx_limits_the_connections_of_an_address_before_anybody_is_known(site: Block) -> None:
    said = {one["directive"]: one["args"] for one in every(site)}
    zone, limit = said["limit_conn"]
    assert said["limit_conn_zone"] == ["$binary_remote_addr", f"zone={zone}:10m"]
    assert int(limit) > 2 * feed.MAX_CONNECTIONS
    assert said["client_header_timeout"] == [f"{HEADER_SECONDS:.0f}s"]
    assert said["client_body_timeout"] == [f"{MAX_SECONDS:.0f}s"]


def test_nginx_speaks_to_the_port_of_the_one_process(site: Block) -> None:
    (server,) = [
        one["args"][0] for one in every(site) if one["directive"] == "server" and one["args"]
    ]
    host, port = server.split(":")
    command = commands(FOLDER / "samurai.service")[-1]
    assert (command[command.index("--host") + 1], command[command.index("--port") + 1]) == (
        host,
        port,
    )


# -- how much it carries ---------------------------------------------------------------------------


def test_the_figures_of_the_guide_are_those_of_a_benchmark() -> None:
    told = section(GUIDE, "How much a core carries")
    (part,) = re.findall(r"make bench ARGS=(\w+)", told)
    assert (ROOT / "benchmarks" / f"{part}.py").is_file()


# -- what to watch ---------------------------------------------------------------------------------


FOLDERS = ("agent", "chat", "samurai_site")


def test_the_lines_to_watch_for_are_those_that_the_product_writes() -> None:
    sources = "".join(
        path.read_text() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")
    )
    for line, _ in rows(section(GUIDE, "Watch")):
        assert f'"{line.strip("`")}"' in sources, line


@pytest.mark.django_db(transaction=True)
async def test_the_queries_find_who_drives_and_what_nobody_drives(
    session: ChatSession, alice: User
) -> None:
    from asgiref.sync import sync_to_async

    def ask(query: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    undriven, drivers = [sync_to_async(lambda q=q: ask(q)) for q in examples(GUIDE, "sql")]
    assert (await undriven(), await drivers()) == ([], [])
    await runs.start(session.pk, alice, MessageRequest("One"))
    await runs.start(session.pk, alice, MessageRequest("Two"))
    assert len(await undriven()) == 1
    await claiming.claim(session.pk, "a-host:1:1")
    assert await undriven() == []
    assert [row[:2] for row in await drivers()] == [("a-host:1:1", 1)]
    past = timezone.now() - timedelta(seconds=5)
    await Run.objects.filter(status="running").aupdate(lease_until=past)
    assert len(await undriven()) == 1
    await Run.objects.filter(status="running").aupdate(status="waiting", lease_until=None)
    assert await undriven() == []
