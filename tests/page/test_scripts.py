"""How the page's scripts depend on each other."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "static" / "chat"
# A room imports those after it, never those before it. Scripts outside of the rooms are entries.
ROOMS = ("composer", "panels", "transcript", "editor", "transport", "support")
IMPORT = re.compile(r'^(?!\s*[/*]).*(?:from |import\()"(\.[\w./]+\.js)"', re.MULTILINE)


def imports() -> dict[Path, set[Path]]:
    return {
        script: {(script.parent / name).resolve() for name in IMPORT.findall(script.read_text())}
        for script in SCRIPTS.rglob("*.js")
    }


def test_scripts_import_each_other_without_circles() -> None:
    found = imports()
    assert sum(map(len, found.values())) > 100
    assert list(TopologicalSorter(found).static_order())


def test_rooms_import_only_the_rooms_below_them() -> None:
    wrong = [
        f"{script.relative_to(SCRIPTS)} imports {other.relative_to(SCRIPTS)}"
        for script, others in imports().items()
        for other in others
        if script.parent.name in ROOMS
        and (
            other.parent.name not in ROOMS
            or ROOMS.index(script.parent.name) > ROOMS.index(other.parent.name)
        )
    ]
    assert wrong == []
