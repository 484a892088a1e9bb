"""The page of a project's tools: what each may do, where it comes from, and its switch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from agent.models import Project, SwitchedOffTool
from agent.support.counts import count
from agent.tools import registry
from agent.tools.registry import EffectKind, Tool

# What a tool may do, and what follows from it.
EFFECTS = {
    EffectKind.READS: ("Reads", "changes nothing"),
    EffectKind.WRITES: ("Changes", "creates and changes tasks, memories or the project"),
    EffectKind.DELETES: ("Deletes", "a plan that deletes several objects needs approval"),
    EffectKind.OUTGOING: ("Acts outside", "can't be undone; every plan with it needs approval"),
}
OURS = "agent"  # the package of the tools that every installation has


@dataclass(frozen=True, slots=True)
class Row:
    """A tool as the page lists it. `terms`: its deadline, its retries; `off`: since when and by whom."""

    name: str
    summary: str
    effect: str
    may: str
    meaning: str
    terms: str
    package: str
    is_on: bool
    off_by: str
    off_at: datetime | None


def rows(project: Project) -> list[Row]:
    """Returns all tools: our own first, then by package and name."""
    off = {row.tool: row for row in project.switched_off_tools.select_related("by")}
    found = [_row(tool, off.get(tool.name)) for tool in registry.all_tools()]
    return sorted(found, key=lambda row: (row.package != "Samurai Agent", row.package, row.name))


def _row(tool: Tool, off: SwitchedOffTool | None) -> Row:
    may, meaning = EFFECTS[tool.effect]
    return Row(
        name=tool.name,
        summary=tool.summary,
        effect=tool.effect,
        may=may,
        meaning=meaning,
        terms=", ".join(_terms(tool)),
        package="Samurai Agent" if tool.package == OURS else tool.package,
        is_on=off is None,
        off_by=off.by.get_username() if off and off.by else "",
        off_at=off.created_at if off else None,
    )


def _terms(tool: Tool) -> Iterator[str]:
    yield f"at most {tool.timeout:g} s"
    if tool.retries:
        yield count(tool.retries, "retry", "retries")
    if not tool.idempotent:
        yield "never called again after a crash"
