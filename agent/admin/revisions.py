"""What was changed in a memory, revision by revision: the difference, and the change to take back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agent.models import Memory, MemoryRevision

FIELDS = ("title", "content", "kind", "category")
MOST = 100  # revisions on a page, the latest


@dataclass(frozen=True, slots=True)
class Shown:
    """One revision and what it changed, field by field."""

    row: MemoryRevision
    differences: list[tuple[str, SafeString]]


def shown(memory: Memory) -> list[Shown]:
    """Returns the latest revisions, newest first."""
    rows = list(
        memory.revisions.select_related("by", "run__session").order_by("-number")[: MOST + 1]
    )
    pairs = zip(rows, [*rows[1:], None], strict=True)
    return [Shown(row, list(_differences(before, row))) for row, before in pairs][:MOST]


def _differences(
    before: MemoryRevision | None, after: MemoryRevision
) -> Iterator[tuple[str, SafeString]]:
    for name in FIELDS:
        old, new = getattr(before, name, ""), getattr(after, name)
        if old != new:
            yield name, difference(old, new)


def difference(old: str, new: str) -> SafeString:
    """Returns `new` with what was added and, struck out, what was removed; word by word."""
    one, other = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (old, new))
    matcher = SequenceMatcher(a=one, b=other, autojunk=False)
    parts: list[tuple[SafeString]] = []
    for what, start, end, new_start, new_end in matcher.get_opcodes():
        removed, added = "".join(one[start:end]), "".join(other[new_start:new_end])
        if what == "equal":
            parts.append((format_html("{}", added),))
            continue
        if removed:
            parts.append((format_html("<del>{}</del>", removed),))
        if added:
            parts.append((format_html("<ins>{}</ins>", added),))
    return format_html_join("", "{}", parts)
