"""The unit files for systemd."""

from __future__ import annotations

import re
import shlex
from configparser import ConfigParser
from pathlib import Path

from tests.support.server import ROOT

FOLDER = ROOT / "docs" / "deploy"
UNITS = sorted(FOLDER.glob("*.service"))


def read_unit(path: Path) -> ConfigParser:
    """Reads a unit as systemd does: long lines are continued by a backslash. A key stands once."""
    unit = ConfigParser(interpolation=None, delimiters="=", comment_prefixes="#")
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(path.read_text().replace("\\\n", " "))
    return unit


def commands(path: Path) -> list[list[str]]:
    service = read_unit(path)["Service"]
    return [shlex.split(service[key]) for key in service if key.startswith("Exec")]


def but_for_the_address(words: list[str]) -> list[str]:
    return [word for word in words if not re.fullmatch(r"127.0.0.1|0.0.0.0|\d{4}|%i|\$\$\w+", word)]
