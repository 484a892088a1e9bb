"""The agent knows nothing of HTTP, and no test another test; the rest: import-linter, in `make check`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AGENT = ROOT / "agent"


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_the_agent_imports_nothing_of_http() -> None:
    wrong = [
        f"{path.relative_to(AGENT)} imports {name}"
        for path in AGENT.rglob("*.py")
        if "admin" not in path.parts  # pages that Django itself puts beside the models
        for name in imported(path)
        if f"{name}.".startswith("django.http.")
    ]
    assert wrong == []


def test_no_test_imports_from_another_test() -> None:
    """What several tests need stands in `tests/support`."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / "tests").rglob("*.py")
        for name in imported(path)
        if name.startswith("tests.") and ".test_" in name
    ]
    assert wrong == []
