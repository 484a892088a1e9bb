"""axe-core's rules for a page in Chromium."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page

from tests.support.services import axe_path

RULES = {
    "resultTypes": ["violations"],  # what passes is not described
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "rules": {"target-size": {"enabled": True}},
}
DESKTOP, PHONE = {"width": 1360, "height": 900}, {"width": 390, "height": 844}
LOOKS: list[tuple[Any, Any]] = [("light", DESKTOP), ("dark", DESKTOP), ("dark", PHONE)]


def check(page: Page, state: str) -> None:
    """Looks at the page as it is, light, dark and on a phone."""
    for scheme, size in LOOKS:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size(size)
        found = violations(page)
        assert found == [], f"{state}, {scheme}, {size['width']}: {found}"
    page.set_viewport_size(LOOKS[0][1])


def violations(page: Page) -> list[str]:
    script = axe_path()
    assert script is not None
    if not page.evaluate("'axe' in window"):
        page.evaluate(script.read_text())
    result = page.evaluate(f"axe.run({json.dumps(RULES)})")
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in result["violations"]
        for node in one["nodes"]
        if one["id"] != "target-size" or _is_small(page, node["target"])
    ]


def _is_small(page: Page, target: list[str]) -> bool:
    """Tells whether a target is too small also in the middle of the view: at its edge, what stays in view
    while the rest scrolls may cover a part of it.
    """
    (selector,) = target
    page.eval_on_selector(selector, "(node) => node.scrollIntoView({ block: 'center' })")
    result = page.evaluate("([of, rules]) => axe.run(of, rules)", [selector, RULES])
    return any(one["id"] == "target-size" for one in result["violations"])
