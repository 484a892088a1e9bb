"""Reads the documents, and the code where it can be asked what the documents must say. Compares nothing."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import agent
from agent import exceptions
from tests.support.server import ROOT

NAMES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
DOCS = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (*(ROOT / name for name in NAMES), *sorted((ROOT / "docs").glob("*.md")))
}


# -- the documents -------------------------------------------------------------------------


def section(text: str, title: str, level: int = 2) -> str:
    """Returns what stands under a heading, to the next one that is not below it."""
    found = re.search(rf"^{'#' * level} {re.escape(title)}$", text, re.M)
    assert found, f"there is no section {title!r}"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{level}}} ", rest, re.M)
    return rest[: end.start()] if end else rest


def subsections(text: str) -> dict[str, str]:
    titles = re.findall(r"^### `(\w+)`$", text, re.M)
    assert len(titles) == len(set(titles))
    return {title: section(text, f"`{title}`", 3) for title in titles}


def rows(text: str) -> list[list[str]]:
    """Returns the cells of all tables in `text`, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    heads = [place - 1 for place, line in enumerate(lines) if set(line) <= set("|- ")]
    return [row for place, row in enumerate(cells) if place not in heads and place - 1 not in heads]


def first_cells(text: str) -> list[str]:
    found = [row[0].strip("`") for row in rows(text)]
    assert len(found) == len(set(found)), "told twice"
    return found


def examples(text: str, language: str = "json") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def code_spans(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)))


# -- the code ------------------------------------------------------------------------------


def trees(*folders: str) -> Iterator[ast.AST]:
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            yield ast.parse(path.read_text())


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name:
            yield node


def settings_read() -> dict[str, Any]:
    """Returns the variables that settings.py reads, with their defaults where those are plain."""
    tree = ast.parse((ROOT / "samurai_site" / "settings.py").read_text())
    readers = (
        "env_str",
        "env_secret",
        "env_bool",
        "env_int",
        "env_list",
        "env_choice",
        "env_apps",
        "env_time_zone",
        "env_prices",
    )
    found: dict[str, Any] = {}
    for call in (call for reader in readers for call in calls(tree, reader)):
        match call.args:
            case [ast.Constant(value=str(name)), ast.Constant(value=default), *_]:
                found[name] = default
            case [ast.Constant(value=str(name)), *_]:
                found.setdefault(name, None)
    source = ast.unparse(tree)
    found.update(dict.fromkeys(re.findall(r"os\.environ\.get\('(\w+)'\)", source)))
    return found


def makefile_reads() -> dict[str, str]:
    """Returns the variables that the Makefile gives to the server, with their defaults."""
    return dict(re.findall(r"\$\$\{(\w+):-([^}]*)\}", (ROOT / "Makefile").read_text()))


def refusals() -> set[str]:
    found = set()
    for tree in trees("agent", "chat"):
        for call in calls(tree, "Refused"):
            assert isinstance(call.args[0], ast.Constant), "a code that no test can find"
            found.add(call.args[0].value)
        found |= {exceptions.QuotaReached.code for _ in calls(tree, "QuotaReached")}
    return found


def close_codes() -> set[int]:
    return {
        node.value
        for tree in trees("chat")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, int)
        and 4000 <= node.value < 5000
    }


def agent_errors() -> set[type[exceptions.AgentError]]:
    for module in pkgutil.walk_packages(agent.__path__, "agent."):
        if "migrations" not in module.name and "management" not in module.name:
            importlib.import_module(module.name)
    found = {exceptions.AgentError}
    while more := {sub for one in found for sub in one.__subclasses__()} - found:
        found |= more
    return {error for error in found if error.__module__.startswith("agent.")}


def commands() -> set[str]:
    return {path.stem for path in ROOT.glob("*/management/commands/[!_]*.py")}


def targets() -> set[str]:
    return set(re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text(), re.M))
