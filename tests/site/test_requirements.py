"""The locked files fit the requirements that people edit. `make lock` writes them."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FILES = ("requirements", "requirements-dev")
LOCKED = re.compile(
    r"^(?P<pin>[\w.\[\], -]+==[^\\\n]+) \\\n"
    r"(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
    r"    # via (?P<via>.+)\n",
    re.M,
)


def wanted(name: str) -> set[Requirement]:
    lines = (ROOT / f"{name}.txt").read_text().splitlines()
    return {Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))}


def locked(name: str) -> list[tuple[Requirement, list[str]]]:
    """Returns the locked packages, each with the names of what requires it."""
    text = (ROOT / f"{name}.lock").read_text()
    blocks = [(Requirement(m["pin"]), m["via"].split(", ")) for m in LOCKED.finditer(text)]
    assert len(blocks) == len(re.findall(r"^\w", text, re.M)), "a package without hashes"
    return blocks


@pytest.mark.parametrize("name", FILES)
def test_a_locked_file_is_up_to_date_with_its_requirements(
    name: str,
) -> None:
    asked = {pin for pin, via in locked(name) if f"-r {name}.txt" in via}
    assert asked == wanted(name), "please run `make lock`"


def test_tests_run_with_the_versions_that_the_product_runs_with() -> None:
    def versions(name: str) -> dict[str, str]:
        return {canonicalize_name(pin.name): str(pin.specifier) for pin, _ in locked(name)}

    assert versions("requirements").items() <= versions("requirements-dev").items()


@pytest.mark.parametrize("name", FILES)
def test_a_locked_file_names_no_index(name: str) -> None:
    assert "://" not in (ROOT / f"{name}.lock").read_text()


def test_the_list_of_licences_has_every_package() -> None:
    told = (ROOT / "docs" / "licences.md").read_text()
    made = runpy.run_path(str(ROOT / "docs" / "licences.py"))["page"]()
    assert set(made.splitlines()) <= set(told.splitlines()), "please run docs/licences.py"
