"""Whatever a person may do by the REST API is also an action on a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chat.api.docs import document
from tests.support.page_actions import ACTIONS, Control

ROOT = Path(__file__).resolve().parents[2]
WRITING = ("post", "put", "patch", "delete")


def writing_operations() -> set[str]:
    paths = json.loads(document())["paths"].values()
    return {
        operation["operationId"]
        for path in paths
        for method, operation in path.items()
        if method in WRITING
    }


def test_each_writing_operation_has_a_control_on_a_page_or_a_reason() -> None:
    assert writing_operations() == ACTIONS.keys()


@pytest.mark.parametrize("name", ACTIONS)
def test_each_control_is_in_the_page_that_is_named(name: str) -> None:
    action = ACTIONS[name]
    if isinstance(action, Control):
        assert action.name in (ROOT / action.source).read_text()
    else:
        assert action.endswith(".")
