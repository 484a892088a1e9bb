"""The counts of a batch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """The numbers of inputs by outcome. `before`: done by an earlier invocation."""

    ended: Counter[str] = field(default_factory=Counter)  # by status
    bad: int = 0  # of these, not ok
    before: int = 0
    bad_before: int = 0
    unread: int = 0

    @property
    def handled(self) -> int:
        return self.before + sum(self.ended.values())

    @property
    def all_well(self) -> bool:
        return not (self.bad or self.bad_before or self.unread)
