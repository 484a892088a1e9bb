"""Renders untrusted Markdown as safe HTML: renders it, then removes everything but harmless tags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import nh3
from linkify_it import LinkifyIt
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.tasklists import tasklists_plugin

# Links, footnotes and boxes of task lists take time that grows with the square of the brackets (of 50,000:
# seven seconds) and of the addresses in a line. A text with more than this has none of them.
MAX_BRACKETS = 1_000
MAX_ADDRESSES, MAX_ADDRESSES_OF_LINE = 1_000, 100
# No images: an image on another host would reveal readers to that host.
_TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote"),
    *("pre", "code", "em", "strong", "s", "a", "table", "thead", "tbody", "tr", "th", "td"),
    *("input", "sup", "section", "div"),
}
_ATTRIBUTES = {
    "a": {"href", "title", "target", "id", "class"},
    "code": {"class"},
    "input": {"checked", "disabled"},
    "li": {"id", "class"},
    "ol": {"start", "class"},
    **{tag: {"class"} for tag in ("ul", "sup", "section", "hr")},
}
# A wide table or block of code is scrolled by keys, which needs the focus. Nobody can check the box of a
# task list: the text is the agent's.
_ALWAYS = {
    "pre": {"tabindex": "0"},
    "div": {"class": "table", "tabindex": "0", "role": "group", "aria-label": "Table"},
    "input": {"type": "checkbox", "disabled": "", "aria-label": "Done"},
}


def render(text: str, key: str) -> str:
    """Returns `text` as HTML without scripts, styles, images or links that run code.

    `key` makes the ids of footnotes unique among all texts of a page.
    """
    parser = _without_links if _has_many_links(text) else _markdown
    return nh3.clean(
        parser.render(text, {"docId": key}),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        set_tag_attribute_values=_ALWAYS,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


def _has_many_links(text: str) -> bool:
    if text.count("[") > MAX_BRACKETS:
        return True
    of_lines = [line.count("://") + line.count("www.") for line in text.splitlines()]
    return sum(of_lines) > MAX_ADDRESSES or max(of_lines, default=0) > MAX_ADDRESSES_OF_LINE


def _open_link(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    """A link to another page opens in a new tab, so that nobody loses the session's page."""
    token = tokens[index]
    if not str(token.attrGet("href")).startswith("#"):
        token.attrSet("target", "_blank")
    return renderer.renderToken(tokens, index, options, env)


def _around_table(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    """A wide table scrolls within a box, instead of breaking its words."""
    tag = renderer.renderToken(tokens, index, options, env)
    return f"<div>{tag}" if tokens[index].nesting > 0 else f"{tag}</div>\n"


_ADDRESS = re.compile(r"(?:(?!\[\^)\S)*")


class _Links(LinkifyIt):  # type: ignore[misc]  # has no types
    def test_schema_at(self, text: str, name: str, position: int) -> int:
        """Returns the length of the address at `position`. A footnote behind it is no part of it."""
        found = _ADDRESS.match(text, position)
        assert found is not None, "it may be empty"
        length: int = super().test_schema_at(text[: found.end()], name, position)
        return length


def _links() -> LinkifyIt:
    """Finds addresses with a scheme, those that begin with "www." and those of e-mail.

    Others are names of files more often than addresses: `README.md`, `setup.py`.
    """
    linkify = _Links(options={"fuzzy_link": False})
    for scheme in ("ftp:", "//"):
        linkify.add(scheme, None)
    linkify.add("www.", {"validate": _www, "normalize": _with_scheme})
    return linkify


def _www(linkify: LinkifyIt, text: str, position: int) -> int:
    """Returns how long the address is behind its "www.", or 0 when there is none."""
    if position > 4 and (text[position - 5].isalnum() or text[position - 5] in "@.-/"):
        return 0
    length: int = linkify.test_schema_at(f"http://{text[position:]}", "http:", len("http:"))
    return max(0, length - len("//"))


def _with_scheme(_: LinkifyIt, match: Any) -> None:
    match.url = f"http://{match.url}"


def _parser() -> MarkdownIt:
    # `breaks`: a model, or a person whom it quotes, means the line breaks that it writes.
    markdown = MarkdownIt("commonmark", {"html": False, "linkify": True, "breaks": True})
    markdown.enable(["table", "strikethrough", "linkify"])
    markdown.use(footnote_plugin, inline=False).use(tasklists_plugin)
    markdown.add_render_rule("link_open", _open_link)
    markdown.add_render_rule("table_open", _around_table)
    markdown.add_render_rule("table_close", _around_table)
    markdown.linkify = _links()
    return markdown


_markdown = _parser()
_without_links = _parser().disable(
    ["link", "image", "reference", "footnote_def", "footnote_ref", "github-tasklists", "linkify"]
)
