"""Writes docs/licences.md: the licence of each package that the product installs, as the package states it.

Run it with the packages of requirements.lock installed: `.venv/bin/python docs/licences.py`.
"""

import re
from contextlib import suppress
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """# Licences

The licence of each package in `requirements.lock`, as the package itself states it. `docs/licences.py` writes
this page. Samurai Agent has no licence yet: its owner has not chosen one.

| package | licence |
| --- | --- |
"""


def page() -> str:
    names = re.findall(r"^([\w.-]+)", (ROOT / "requirements.lock").read_text(), re.M)
    rows = []
    for name in sorted(names):
        with suppress(PackageNotFoundError):  # a package of other systems
            rows.append(f"| {name} | {licence(metadata(name))} |\n")
    return HEAD + "".join(rows)


def licence(package: PackageMetadata) -> str:
    """Returns the SPDX expression, or what older packages have: classifiers, or a text."""
    if expression := package.get("License-Expression"):
        return expression
    prefix = "License :: "
    stated = [one for one in package.get_all("Classifier") or [] if one.startswith(prefix)]
    names = [one.split(" :: ")[-1] for one in stated if one != f"{prefix}OSI Approved"]
    return ", ".join(names) or (package.get("License") or "unknown").splitlines()[0]


if __name__ == "__main__":
    (ROOT / "docs" / "licences.md").write_text(page())
