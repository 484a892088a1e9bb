"""Who may import whom: the site imports chat, chat imports the agent, and never the other way round."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {
    "agent": ("chat", "samurai_site", "channels", "rest_framework", "django.http", "uvicorn"),
    "chat": ("samurai_site",),
}
# The lowest floor of the agent knows nothing of those above it.
VALUES = ("plans", "events", "exceptions", "changes")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_arrows_point_downwards_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for package, forbidden in FORBIDDEN.items()
        for path in (ROOT / package).rglob("*.py")
        if "admin" not in path.parts  # pages that Django itself puts beside the models
        for name in imported(path)
        if any(name == other or name.startswith(f"{other}.") for other in forbidden)
    ]
    assert wrong == []


def test_values_import_nothing_of_the_agent_but_values() -> None:
    for module in VALUES:
        inside = [
            name for name in imported(ROOT / "agent" / f"{module}.py") if name.startswith("agent.")
        ]
        assert all(name.split(".")[1] in VALUES for name in inside), module
