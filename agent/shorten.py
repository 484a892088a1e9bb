"""Shortens texts for people and for models, between grapheme clusters: what a reader sees as one
character stays whole.

`static/chat/support/shorten.js` does the same in the browser.
"""

from __future__ import annotations

import regex

_CLUSTER = regex.compile(r"\X")
# The last place between two characters that no rule of Unicode joins.
_LAST_BREAK = regex.compile(r"(?r)(?<=\p{GCB=Other})(?=\p{GCB=Other})")


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
    near = _LAST_BREAK.search(text, 0, max(limit, 0))  # from there on, clusters are looked for
    end = near.start() if near else 0
    for cluster in _CLUSTER.finditer(text, end):
        if cluster.end() > limit:
            break
        end = cluster.end()
    return text[: end or limit]
