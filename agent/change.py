"""One change of the board or the memory, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Change:
    """What a tool or a person did to one object. `before` and `after` are whole objects as JSON.

    `object`: "task" or "memory"; `action`: "created", "updated", "deleted" or "restored".
    """

    object: str
    id: UUID
    action: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
