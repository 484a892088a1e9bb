"""Answers as HTML: what a model writes can do no harm in a page."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from agent.support import markdown


def render(text: str) -> str:
    return markdown.render(text, "k")


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
    allowed = {"a": {"href", "title", "rel", "target"}, "p": set(), "em": set()}
    for tag, attributes in tags_of(render(text)):
        assert set(attributes) <= allowed[tag]
        assert attributes.get("href", "https:").startswith(("https:", "http:"))


def test_links_tell_nothing_and_lend_nothing() -> None:
    html = render("[docs](https://docs.example/a?b=1&c=2)")
    assert 'href="https://docs.example/a?b=1&amp;c=2"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


@pytest.mark.parametrize(
    "text", ["one\ntwo", "one\\\ntwo", "one  \ntwo", "- one\ntwo", "> one\n> two"]
)
def test_a_line_break_stays(text: str) -> None:
    assert "one<br>\ntwo" in render(text)


def test_a_block_of_code_takes_the_focus_so_that_keys_scroll_it() -> None:
    assert '<pre tabindex="0"><code>' in render(f"```\n{'wide ' * 100}\n```")


def test_a_table_is_in_a_box_that_keys_scroll() -> None:
    html = render("| a | b |\n|---|---|\n| 1 | 2 |")
    box, _, rest = html.partition("<table>")
    assert 'class="table"' in box
    assert 'tabindex="0"' in box
    assert rest.endswith("</table>\n</div>\n")


def test_lines_of_code_get_no_break() -> None:
    assert "<br>" not in render("```\none\ntwo\n```\n\n    three\n    four")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("see https://docs.example/a_b?x=1&y=2.", "https://docs.example/a_b?x=1&amp;y=2"),
        ("See https://docs.example/a[^1].\n\n[^1]: Note", "https://docs.example/a"),
        ("https://docs.example/__main__.html", "https://docs.example/__main__.html"),
        ("(http://docs.example:8000/a)", "http://docs.example:8000/a"),
        ("at www.docs.example/a, today", "http://www.docs.example/a"),
        ("write to ana@example.org!", "mailto:ana@example.org"),
        ("- https://例え.jp/あ", "https://xn--r8jz45g.jp/%E3%81%82"),
        ("| a |\n|---|\n| https://docs.example |", "https://docs.example"),
    ],
)
def test_a_bare_address_is_a_link(text: str, address: str) -> None:
    assert f'<a href="{address}" target="_blank" rel=' in render(text)


@pytest.mark.parametrize(
    "text",
    [
        "README.md and setup.py in main.rs",
        "`https://docs.example`",
        "```\nhttps://docs.example\n```",
        "ftp://docs.example/a",
        "//docs.example/a",
        "javascript:alert(1)",
        "a@b",
        "awww.docs.example",
    ],
)
def test_what_is_no_address_is_no_link(text: str) -> None:
    assert "<a" not in render(text)


def test_a_link_within_the_page_opens_in_the_page() -> None:
    html = render("[Create a task](#say)")
    assert 'href="#say"' in html
    assert "target" not in html


def test_a_task_list_has_boxes_that_nobody_can_check() -> None:
    html = render("- [ ] one\n- [x] two\n  1. [X] three\n- [y] four\n\n[ ] five")
    boxes = [attributes for tag, attributes in tags_of(html) if tag == "input"]
    assert [("checked" in box) for box in boxes] == [False, True, True]
    assert all(box["type"] == "checkbox" and "disabled" in box for box in boxes)
    assert "[y] four" in html
    assert "<p>[ ] five</p>" in html


def test_a_footnote_and_its_text_are_linked() -> None:
    html = render("One[^a], two[^b], one again[^a].\n\n[^a]: The *first*.\n[^b]: The second.")
    parts = tags_of(html)
    ids = {attributes["id"] for _, attributes in parts if "id" in attributes}
    links = [attributes["href"] for tag, attributes in parts if tag == "a"]
    assert len(ids) == 5
    assert {link.removeprefix("#") for link in links} == ids
    assert "The <em>first</em>." in html


def test_the_footnotes_of_two_texts_have_different_ids() -> None:
    text = "One[^1].\n\n[^1]: Note."
    ids = [
        [
            attributes["id"]
            for _, attributes in tags_of(markdown.render(text, key))
            if "id" in attributes
        ]
        for key in ("a", "b")
    ]
    assert len(ids[0]) == len(ids[1]) == 2
    assert not set(ids[0]) & set(ids[1])


def test_a_footnote_without_its_text_stays_as_it_is_written() -> None:
    assert render("One[^1].") == "<p>One[^1].</p>\n"


def test_html_in_a_text_is_text() -> None:
    for text in ("<input type=text id=x>", "<section id=title>", '<sup class="x">', "<li id=log>"):
        assert [tag for tag, _ in tags_of(render(text))] in ([], ["p"])


@pytest.mark.parametrize("text", ["", " ", "\n" * 50, "[" * 5000, "*" * 5000, "> " * 500 + "x"])
def test_odd_text_is_rendered_too(text: str) -> None:
    assert isinstance(render(text), str)


def test_a_text_of_brackets_alone_is_shown_as_it_is() -> None:
    text = "- [ ] item\n" * (markdown.MAX_BRACKETS + 1)
    html = render(text)
    assert html.count("<li>") == markdown.MAX_BRACKETS + 1
    assert "<input" not in html
    assert render("[" * 50_000) == f"<p>{'[' * 50_000}</p>\n"


def test_a_text_of_many_addresses_is_shown_without_links() -> None:
    line, lines = markdown.MAX_ADDRESSES_OF_LINE, markdown.MAX_ADDRESSES
    assert render("https://a.example/ x " * line).count("<a ") == line
    assert "<a " not in render("https://a.example/ x " * (line + 1))
    assert render("https://a.example/\n" * lines).count("<a ") == lines
    assert "<a " not in render("https://a.example/\n" * (lines + 1))
