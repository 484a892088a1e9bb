"""Makes tasks of the project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.board import tasks as board
from agent.models import Project, Task


@pytest.fixture
def make(project: Project) -> Callable[..., Task]:
    def make(title: str, **fields: Any) -> Task:
        return board.create_task(project_id=project.pk, title=title, **fields)[0]

    return make
