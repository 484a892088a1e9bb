"""The revisions of a memory with their differences, as the admin shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agent.models import Memory, MemoryRevision
from agent.support import differences

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
    shown = [RevisionDifference(row, list(_differences(before, row))) for row, before in pairs]
    return shown[:LIMIT]


def _differences(
    before: MemoryRevision | None, after: MemoryRevision
) -> Iterator[tuple[str, SafeString]]:
    for name in FIELDS:
        old, new = getattr(before, name, ""), getattr(after, name)
        if old != new:
            yield name, difference(old, new)


def difference(old: str, new: str) -> SafeString:
    """Returns `new` as HTML with added words marked and removed words struck out."""
    shown: list[tuple[SafeString]] = []
    for part in differences.parts(old, new):
        if part.same:
            shown.append((format_html("{}", part.same),))
        if part.removed:
            shown.append((format_html("<del>{}</del>", part.removed),))
        if part.added:
            shown.append((format_html("<ins>{}</ins>", part.added),))
    return format_html_join("", "{}", shown)
