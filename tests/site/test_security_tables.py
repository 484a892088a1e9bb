"""What `docs/security.md` says to be held by a test is: each file and each function that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)))
FILES = sorted(set(re.findall(r"`((?:agent|chat|samurai_site)/[\w/]+\.py)`", TEXT)))


@pytest.mark.parametrize(("path", "function"), NAMED)
def test_a_named_test_exists(path: str, function: str) -> None:
    source = (ROOT / path).read_text()
    assert re.search(rf"^(?:async )?def {function or 'test_'}", source, re.MULTILINE)


def test_the_named_files_exist_and_all_items_are_there() -> None:
    assert FILES
    for path in FILES:
        assert (ROOT / path).exists(), path
    for kind, count in (("V", 17), ("LLM", 10)):
        assert len(re.findall(rf"^\| {kind}\d+ ", TEXT, re.MULTILINE)) == count
