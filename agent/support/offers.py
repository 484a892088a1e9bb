"""Sentences that an answer offers: a click puts one into the field for the message."""

from __future__ import annotations

import re

_SIGNS = r"[\\`*_\[\]<>&#|~]"
_MARKDOWN = re.compile(f"({_SIGNS})")
_ESCAPED = re.compile(rf"\\({_SIGNS})")
_OFFER = re.compile(r"\[((?:[^\[\]\\]|\\.)*)\]\(#say\)")


def plain(text: str) -> str:
    """Returns `text` so that Markdown leaves it as it is."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def offer(text: str) -> str:
    """Returns Markdown that offers `text`."""
    return f"[{plain(text)}](#say)"


def without_offers(text: str) -> str:
    """Returns the Markdown with each offer as plain text."""
    return _OFFER.sub(lambda match: _ESCAPED.sub(r"\1", match[1]), text)
