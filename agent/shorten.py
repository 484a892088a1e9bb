"""Shortens texts for people and for models, between grapheme clusters: what a reader sees as one
character stays whole.

`static/chat/support/shorten.js` does the same in the browser.
"""

from __future__ import annotations

import regex

_CLUSTER = regex.compile(r"\X")
# Between two of these a cluster ends, whatever is around them: letters without marks, spaces, ideographs.
_ALONE = regex.compile("[ -~а-яА-Яぁ-ゖァ-ヺ一-鿿、。]{2}")
_NEAR = 100  # code points before a limit, among which two such characters nearly always are


def shorten(text: str, limit: int) -> str:
    """Returns `text`, or its beginning and "…", with at most `limit` code points."""
    return text if len(text) <= limit else head(text, limit - 1).rstrip() + "…"


def cut(text: str, limit: int) -> str:
    """Returns `text`, or its first `limit` code points with a mark that tells a model that it is cut."""
    if len(text) <= limit:
        return text
    return f"{head(text, limit).rstrip()}… [cut: {limit:,} of {len(text):,} characters]"


def head(text: str, limit: int) -> str:
    """Returns the longest beginning of whole grapheme clusters with at most `limit` code points.

    A single cluster that is longer than `limit` is cut.
    """
    if len(text) <= limit:
        return text
    end = _certain_end(text, limit)
    for cluster in _CLUSTER.finditer(text, end):
        if cluster.end() > limit:
            break
        end = cluster.end()
    return text[: end or limit]


def _certain_end(text: str, limit: int) -> int:
    """Returns an end of a cluster at or shortly before `limit`, or 0."""
    for end in range(limit, max(0, limit - _NEAR), -1):
        if _ALONE.match(text, end - 1):
            return end
    return 0
