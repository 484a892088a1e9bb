"""The differences of two texts, by lines and within changed lines by words; and of two lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TypeVar

# Pairs of words that are compared; larger changes are shown as whole lines. This many take 50 ms.
MAX_PAIRS = 300_000
MAX_LINES = 3_000  # of each text; further lines are not compared
T = TypeVar("T")

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of two texts: the same in both, or what was `removed` from one and `added` in the other."""

    same: str = ""
    removed: str = ""
    added: str = ""


def parts(old: str, new: str) -> list[Part]:
    """Returns both texts in order, as parts."""
    before, after = (text.splitlines(keepends=True) for text in (old, new))
    before, after = (
        [*lines[:MAX_LINES], *filter(None, ["".join(lines[MAX_LINES:])])]
        for lines in (before, after)
    )
    return [
        part
        for removed, added, is_same in _compared(before, after, autojunk=True)
        for part in ([Part(same=added)] if is_same else _by_words(removed, added))
    ]


def _by_words(old: str, new: str) -> Iterator[Part]:
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    if len(before) * len(after) > MAX_PAIRS:
        yield Part(removed=old, added=new)
        return
    changed: Part | None = None
    for removed, added, is_same in _compared(before, after, autojunk=False):
        if is_same and (changed is None or not added.isspace()):
            yield from filter(None, [changed])
            yield Part(same=added)
            changed = None
        else:  # a space between two changes is a part of both
            known = changed or Part()
            changed = Part(removed=known.removed + removed, added=known.added + added)
    yield from filter(None, [changed])


def _compared(
    before: list[str], after: list[str], *, autojunk: bool
) -> Iterator[tuple[str, str, bool]]:
    for old, new, is_same in blocks(before, after, str, autojunk=autojunk):
        yield "".join(old), "".join(new), is_same


def blocks(
    before: Sequence[T],
    after: Sequence[T],
    key: Callable[[T], Hashable],
    *,
    autojunk: bool = False,
) -> Iterator[tuple[Sequence[T], Sequence[T], bool]]:
    """Yields what stands in each place of two lists, in order, and whether its items have the same keys.

    `autojunk`: items that occur very often count less, which takes less time for long lists.
    """
    keys = [[key(item) for item in items] for items in (before, after)]
    matcher = SequenceMatcher(None, keys[0], keys[1], autojunk)
    for operation, start, end, new_start, new_end in matcher.get_opcodes():
        yield before[start:end], after[new_start:new_end], operation == "equal"
