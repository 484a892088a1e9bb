"""The files for containers start what the units start, without rights, on what is there."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from tests.support.documents import settings_read
from tests.support.server import ROOT
from tests.support.units import FOLDER, but_for_the_address, commands

CONTAINERFILE = (FOLDER / "Containerfile").read_text().replace("\\\n", " ")
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = ("migrate", "web", "worker", "sweep")


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", CONTAINERFILE, re.M)


def test_the_image_has_what_the_product_runs_with_and_a_user_without_rights() -> None:
    copied = {word for line in instructions("COPY") for word in line.split()[:-1]}
    sources = {word for word in copied if not word.startswith(("--", "/"))}
    assert all((ROOT / source).exists() for source in sources)
    assert sources >= {"manage.py", "samurai_site", "agent", "chat", "templates", "static"}
    assert "--require-hashes" in instructions("RUN")[0]
    assert instructions("USER") == ["samurai"]
    assert all(re.search(r":\d", image) for image in instructions("FROM"))


def test_the_image_starts_the_server_as_the_unit_does() -> None:
    (command,) = instructions("CMD")
    unit = commands(FOLDER / "samurai-web@.service")[-1]
    assert but_for_the_address(json.loads(command)[1:]) == but_for_the_address(unit[1:])


@pytest.mark.parametrize("name", ["worker", "sweep"])
def test_a_worker_is_started_as_its_unit_starts_it(name: str) -> None:
    (unit,) = FOLDER.glob(f"samurai-{name}*.service")
    assert SERVICES[name]["command"][1:] == commands(unit)[-1][1:]


@pytest.mark.parametrize("name", OWN)
def test_a_process_has_no_rights_and_writes_only_its_data(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges" in service["security_opt"]
    assert service["volumes"] == ["data:/var/lib/samurai-agent"]
    assert {"DATABASE_URL", "REDIS_URL", "SAMURAI_ENGINE"} == service["environment"].keys()
    assert service["environment"].keys() <= settings_read().keys()


def test_a_restart_of_web_or_nginx_leaves_the_other_its_network() -> None:
    assert {SERVICES[name]["network_mode"] for name in ("web", "nginx")} == {"service:network"}
    assert SERVICES["network"]["command"] == ["sleep", "infinity"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["network"]


def test_what_the_services_name_is_there() -> None:
    volumes = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    for source in {volume.split(":")[0] for volume in volumes}:
        if source.startswith("."):
            assert (FOLDER / source).exists()
        else:
            assert source in COMPOSE["volumes"] or source == "/etc/letsencrypt"
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= SERVICES.keys()
    images = [service["image"] for service in SERVICES.values()]
    assert all(re.search(r":\d", image) or image == "samurai-agent" for image in images)
