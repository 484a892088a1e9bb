"""Markdown to HTML that may stand in our pages: rendered, then reduced to what is harmless."""

from __future__ import annotations

import nh3
from markdown_it import MarkdownIt

_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(
    ["table", "strikethrough"]
)

# No images: one from another host would tell that host who reads.
_TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote"),
    *("pre", "code", "em", "strong", "s", "a", "table", "thead", "tbody", "tr", "th", "td"),
}


def render(text: str) -> str:
    """Returns `text` as HTML without scripts, styles, images, or links that run code."""
    return nh3.clean(
        _markdown.render(text),
        tags=_TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}, "code": {"class"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener nofollow",
    )
