"""The revisions of a memory with their differences, as the admin shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agent.models import Memory, MemoryRevision

FIELDS = ("title", "content", "kind", "category")
LIMIT = 100  # revisions on a page


@dataclass(frozen=True, slots=True)
class RevisionDifference:
    """A revision and its differences from the one before: name of the field and HTML."""

    row: MemoryRevision
    differences: list[tuple[str, SafeString]]


def latest(memory: Memory) -> list[RevisionDifference]:
    """Returns the latest revisions, newest first."""
    rows = list(
        memory.revisions.select_related("by", "run__session").order_by("-number")[: LIMIT + 1]
    )
    pairs = zip(rows, [*rows[1:], None], strict=True)
    differences = [
        RevisionDifference(row, list(_differences(before, row))) for row, before in pairs
    ]
    return differences[:LIMIT]


def _differences(
    before: MemoryRevision | None, after: MemoryRevision
) -> Iterator[tuple[str, SafeString]]:
    for name in FIELDS:
        old, new = getattr(before, name, ""), getattr(after, name)
        if old != new:
            yield name, difference(old, new)


def difference(old: str, new: str) -> SafeString:
    """Returns `new` as HTML with added words marked and removed words struck out."""
    old_words, new_words = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (old, new))
    matcher = SequenceMatcher(a=old_words, b=new_words, autojunk=False)
    parts: list[tuple[SafeString]] = []
    for operation, start, end, new_start, new_end in matcher.get_opcodes():
        removed, added = "".join(old_words[start:end]), "".join(new_words[new_start:new_end])
        if operation == "equal":
            parts.append((format_html("{}", added),))
            continue
        if removed:
            parts.append((format_html("<del>{}</del>", removed),))
        if added:
            parts.append((format_html("<ins>{}</ins>", added),))
    return format_html_join("", "{}", parts)
