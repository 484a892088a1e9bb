"""Edits a text in places and leaves the rest exactly as it is. No queries, no model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from markdown_it import MarkdownIt

from agent.exceptions import ToolFailed
from agent.shorten import shorten

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_MAX_SHOWN = 80  # characters of a passage in an error message
_MAX_HEADINGS = 20  # that an error message names
# Only the blocks of a text matter here: their inline parts take most of the time.
_markdown = MarkdownIt("commonmark")
_markdown.core.ruler.disable("inline")


class How(StrEnum):
    REPLACE = "replace"  # the passage `find`, which must occur exactly once
    APPEND = "append"  # adds a paragraph at the end
    PREPEND = "prepend"  # adds a paragraph at the start
    SECTION = "section"  # the text below the Markdown heading `find`, up to the next of its level


@dataclass(frozen=True, slots=True)
class Edit:
    how: How
    text: str
    find: str = ""


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Returns `text` after the `edits`, one after the other.

    Raises ToolFailed if what an edit has to find does not occur exactly once.
    """
    headings: list[_Heading] | None = None  # of `text`, if they are known
    for edit in edits:
        if edit.how is How.SECTION:
            text, headings = _with_section(text, edit, headings)
            continue
        headings = None
        match edit.how:
            case How.REPLACE:
                text = _replaced(text, edit)
            case How.APPEND:
                text = _joined(text, edit.text)
            case How.PREPEND:
                text = _joined(edit.text, text)
    return text


def _joined(first: str, second: str) -> str:
    return f"{first}\n\n{second}" if first and second else first or second


def _replaced(text: str, edit: Edit) -> str:
    start = text.find(edit.find)
    if start < 0:
        raise ToolFailed(f"The text does not contain “{shorten(edit.find, _MAX_SHOWN)}”.")
    if text.find(edit.find, start + 1) >= 0:
        raise ToolFailed(
            f"The text contains “{shorten(edit.find, _MAX_SHOWN)}” several times; find a longer "
            "passage that occurs once."
        )
    return text[:start] + edit.text + text[start + len(edit.find) :]


# -- sections --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Heading:
    """`start`: the number of its first line; `end`: of the line after it."""

    level: int
    title: str
    start: int
    end: int

    def moved(self, lines: int) -> _Heading:
        return replace(self, start=self.start + lines, end=self.end + lines)


def _with_section(
    text: str, edit: Edit, headings: list[_Heading] | None
) -> tuple[str, list[_Heading] | None]:
    """Returns the edited text and its headings, if they are known without parsing all of it again."""
    lines = _LINE.findall(text)
    headings = _headings(text) if headings is None else headings
    place = _place(headings, edit.find)
    heading, later = headings[place], headings[place + 1 :]
    later = later[
        next((n for n, one in enumerate(later) if one.level <= heading.level), len(later)) :
    ]
    end = later[0].start if later else len(lines)
    first, last = "".join(lines[: heading.end]), "".join(lines[end:])
    body = _without_heading(edit.text, heading).strip("\r\n")
    if body:
        first = first if first.endswith(("\n", "\r")) else f"{first}\n"
        body = f"\n{body}\n\n" if last else f"\n{body}"
    elif last:
        body = "\n"
    within = _headings_within(body, lines, later)
    if within is not None:
        shift = heading.end + len(_LINE.findall(body)) - end
        within = [one.moved(heading.end) for one in within]
        within = [*headings[: place + 1], *within, *(one.moved(shift) for one in later)]
    return first + body + last, within


def _headings_within(body: str, lines: list[str], later: list[_Heading]) -> list[_Heading] | None:
    """Returns the headings of a new section; None if it changes what its end means for the headings behind
    it, as an open block of code does.
    """
    if not later:
        return _headings(body)
    found = _headings(body + "".join(lines[later[0].start : later[0].end]))
    expected = later[0].moved(len(_LINE.findall(body)) - later[0].start)
    return found[:-1] if found and found[-1] == expected else None


def _place(headings: list[_Heading], wanted: str) -> int:
    """Returns the index of the heading with the title `wanted`, whatever its case."""
    places = [n for n, heading in enumerate(headings) if _key(heading.title) == _key(wanted)]
    if len(places) == 1:
        return places[0]
    if places:
        raise ToolFailed(f"The text has several headings “{shorten(wanted, _MAX_SHOWN)}”.")
    names = ", ".join(f"“{heading.title}”" for heading in headings[:_MAX_HEADINGS])
    existing = f"Its headings: {names}." if names else "It has no Markdown headings."
    raise ToolFailed(f"The text has no heading “{shorten(wanted, _MAX_SHOWN)}”. {existing}")


def _headings(text: str) -> list[_Heading]:
    """Returns the headings of `text`, in order, without those in quotes, lists and code."""
    tokens = _markdown.parse(text)
    return [
        _Heading(int(token.tag[1:]), tokens[place + 1].content, *token.map)
        for place, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0 and token.map is not None
    ]


def _without_heading(text: str, heading: _Heading) -> str:
    """Returns `text` without the heading that it repeats at its start."""
    lines, found = _LINE.findall(text), _headings(text)[:1]
    if not found or _key(found[0].title) != _key(heading.title):
        return text
    is_first = not "".join(lines[: found[0].start]).strip()
    return "".join(lines[found[0].end :]) if is_first else text


def _key(title: str) -> str:
    return " ".join(title.strip().lstrip("#").casefold().split())
