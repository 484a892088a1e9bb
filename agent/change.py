"""One change of a task, a memory, the project or a session, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one object. `before` and `after`: the whole object as JSON, or None.

    `object`: "task", "memory", "project" or "session"; the latter two are only updated.
    `action`: "created", "updated", "deleted" or "restored".
    """

    object: str
    id: UUID
    action: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    undoes: bool = False  # it takes back an earlier change, by the tool `undo`
