"""Answers as HTML: what a model writes can do no harm in a page."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from agent.support.markdown import render


def tags_of(html: str) -> list[tuple[str, dict[str, str]]]:
    """Returns each start tag as a browser reads it, with its attributes."""
    found: list[tuple[str, dict[str, str]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, {name: value or "" for name, value in attrs}))

    Reader().feed(html)
    return found


def test_markdown_becomes_html() -> None:
    html = render("# One\n\n- *two*\n- **three**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n~~four~~")
    for part in ("<h1>One</h1>", "<em>two</em>", "<strong>three</strong>", "<td>1</td>"):
        assert part in html
    assert "<s>four</s>" in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![track](https://elsewhere.example/x.png)",
        "![data](data:image/svg+xml;base64,PHN2Zz4=)",
        "[click](javascript:alert(1))",
        "[click](JaVaScRiPt:alert(1))",
        "[click](data:text/html,hello)",
        "<a href='javascript:alert(1)'>x</a>",
        "<p style='position:fixed'>x</p>",
        "<iframe src=https://elsewhere.example></iframe>",
        "<svg onload=alert(1)>",
        '[x](https://a.example "t\\" onmouseover=alert(1)")',
    ],
)
def test_nothing_runs_and_nothing_is_fetched(text: str) -> None:
    allowed = {"a": {"href", "title", "rel"}, "p": set(), "em": set()}
    for tag, attributes in tags_of(render(text)):
        assert set(attributes) <= allowed[tag]
        assert attributes.get("href", "https:").startswith(("https:", "http:"))


def test_links_tell_nothing_and_lend_nothing() -> None:
    html = render("[docs](https://docs.example/a?b=1&c=2)")
    assert 'href="https://docs.example/a?b=1&amp;c=2"' in html
    assert 'rel="noopener nofollow"' in html


@pytest.mark.parametrize("text", ["", " ", "\n" * 50, "[" * 5000, "*" * 5000, "> " * 500 + "x"])
def test_odd_text_is_rendered_too(text: str) -> None:
    assert isinstance(render(text), str)
