"""Cuts a message into lists, sentences and clauses. Knows where something ends, not what it means.

Quoted text is masked first, so that nothing is cut inside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Stand around the number of a quoted piece; private characters, dropped from what people write.
_OPEN, _CLOSE = "\ue000", "\ue001"
_QUOTED = re.compile(
    r"```.*?```|`[^`\n]{1,1000}`"
    r"|“[^“”\n]{1,1000}”|«[^«»\n]{1,1000}»|„[^„“\n]{1,1000}“|\"[^\"\n]{1,1000}\""
    r"|(?<!\w)'[^'\n]{1,300}'(?!\w)|(?<!\w)‘[^‘’\n]{1,300}’(?!\w)",
    re.DOTALL,
)
_MASK = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
MASK = f"{_OPEN}\\d+{_CLOSE}"

_BULLET = re.compile(r"(\s*)(?:[-*•–—+‣▪◦☐]|\(?\d{1,4}[.)]|[a-z]\))\s+(?:\[[ xX]?\]\s+)?(\S.*)")
_CHECKBOX = re.compile(r"(\s*)\[[ xX]?\]\s+(\S.*)")
_NUMBER = re.compile(r"(?:(?<=\s)|(?<=:)|^)\(?(\d{1,3})[.)]\s+(?=\S)")
_DASH = re.compile(r":\s+[-•*–]\s+")
# "Tasks: 1. this", where the next line is an item too.
_FIRST = re.compile(r":\s+(?=(?:[-*•–—]|\(?1[.)]|a\))\s+\S)")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+")
# The counts are bounded so that a line of nothing but dots is read in one go.
_SENTENCE_END = re.compile(rf"[.!?…]{{1,9}}{_CLOSE}?[\"”'’)]{{0,4}}\s+|[。！？]\s*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:e\.g|i\.e|etc|vs|dr|mrs?|ms|prof|approx|incl)\.\s+$", re.I
)


@dataclass(frozen=True, slots=True)
class Masked:
    """A text whose quoted pieces are replaced by marks."""

    text: str
    pieces: tuple[str, ...]

    def unmask(self, text: str) -> str:
        return _MASK.sub(self._piece, text)

    def _piece(self, match: re.Match[str]) -> str:
        return self.pieces[int(match.group(1))]


def mask(text: str) -> Masked:
    pieces: list[str] = []

    def keep(match: re.Match[str]) -> str:
        pieces.append(match.group())
        return f"{_OPEN}{len(pieces) - 1}{_CLOSE}"

    text = text.replace(_OPEN, "").replace(_CLOSE, "").replace("\0", "")
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
    return Masked(_QUOTED.sub(keep, text), tuple(pieces))


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list and what was said about it, below or behind it."""

    text: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list and the sentence that introduced it."""

    intro: str
    items: tuple[Item, ...]


Part = str | Listing


def parts(text: str, begins_anew: Callable[[str], bool]) -> list[Part]:
    """Returns the sentences and lists of `text`, in order.

    `begins_anew` tells whether a line that starts in lower case is a command of its own, and so
    does not belong to the line before it.
    """
    found: list[Part] = []
    paragraph: list[str] = []
    lines = list(_first_items_apart(text.split("\n")))
    index = 0
    while index < len(lines):
        if _bullet(lines[index]) and not _inline(lines[index]):
            items, index = _items(lines, index)
            _flush(paragraph, found, begins_anew)
            intro = found.pop() if found and isinstance(found[-1], str) else ""
            found.append(Listing(str(intro), items))
            continue
        paragraph.append(_without_heading(lines[index]).replace("**", ""))
        index += 1
    _flush(paragraph, found, begins_anew)
    return found


def _first_items_apart(lines: list[str]) -> Iterator[str]:
    """Gives the first item of a list a line of its own where it stands behind its introduction."""
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        begins = None if _bullet(line) or not _bullet(after) else _FIRST.search(line)
        if begins is None:
            yield line
        else:
            yield from (line[: begins.end()].rstrip(), line[begins.end() :])


def _without_heading(line: str) -> str:
    heading = _HEADING.match(line)
    return line[heading.end() :] if heading else line


def _bullet(line: str) -> re.Match[str] | None:
    return _BULLET.match(line) or _CHECKBOX.match(line)


def _items(lines: list[str], index: int) -> tuple[tuple[Item, ...], int]:
    """Returns the list from `index` on, and its end. Deeper items describe their parent."""
    items: list[tuple[str, list[str]]] = []
    depth = _depth(lines[index])
    while index < len(lines):
        line = lines[index]
        bullet = _bullet(line)
        if bullet and (_depth(line) <= depth or not items):
            items.append((bullet.group(2).strip(), []))
        elif bullet:
            items[-1][1].append(f"- {bullet.group(2).strip()}")
        elif line.strip() and line[0].isspace():
            items[-1][1].append(line.strip())
        elif line.strip() or not _goes_on(lines, index):
            break
        index += 1
    return tuple(_item(text, "\n".join(more)) for text, more in items), index


def _depth(line: str) -> int:
    line = line.expandtabs(4)
    return len(line) - len(line.lstrip())


def _goes_on(lines: list[str], index: int) -> bool:
    """Tells whether a list goes on after one empty line."""
    return index + 1 < len(lines) and _bullet(lines[index + 1]) is not None


def _item(text: str, more: str = "") -> Item:
    """Returns an item: its first sentence, and the others as what was said about it."""
    first, *others = sentences(text) or [text]
    return Item(first, "\n".join(filter(None, (" ".join(others), more))))


def _flush(paragraph: list[str], found: list[Part], begins_anew: Callable[[str], bool]) -> None:
    for line in _joined(paragraph, begins_anew):
        found.extend(_line(line))
    paragraph.clear()


def _joined(lines: list[str], begins_anew: Callable[[str], bool]) -> list[str]:
    """Returns `lines` with those joined that were only wrapped."""
    joined: list[list[str]] = []
    last = ""
    for line in (" ".join(line.split()) for line in lines):
        wrapped = last and last[-1] not in ".!?:;。" and line[:1].islower()
        if wrapped and not begins_anew(line):
            joined[-1].append(line)
        elif line:
            joined.append([line])
        last = line
    return [" ".join(pieces) for pieces in joined]


def _line(line: str) -> list[Part]:
    inline = _inline(line) or _dashed(line)
    if inline is None:
        return list(sentences(line))
    before, items, behind = inline
    *others, intro = sentences(before) or [""]
    return [*others, Listing(intro, items), *sentences(behind)]


Inline = tuple[str, tuple[Item, ...], str]


def _inline(line: str) -> Inline | None:
    """Returns what stands before, in and behind a list such as "1. this 2. that" within a line."""
    marks: list[re.Match[str]] = []
    for match in _NUMBER.finditer(line):
        if int(match.group(1)) == len(marks) + 1:
            marks.append(match)
    if len(marks) < 2:
        return None
    ends = [mark.start() for mark in marks[1:]] + [len(line)]
    texts = [line[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)]
    last, *behind = sentences(texts[-1]) or [""]
    items = [_item(text) for text in texts[:-1]]
    return line[: marks[0].start()], (*items, Item(last)), " ".join(behind)


def _dashed(line: str) -> Inline | None:
    """The same for "tasks: - this - that"."""
    start = _DASH.search(line)
    if start is None:
        return None
    texts = re.split(r"\s[-•*–]\s", line[start.end() :])
    last, *behind = sentences(texts[-1]) or [""]
    items = [_item(text) for text in texts[:-1]]
    return line[: start.start() + 1], (*items, Item(last)), " ".join(behind)


def sentences(text: str) -> list[str]:
    """Returns the sentences of one line; "e.g. this" is not an end."""
    found: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if _ABBREVIATION.search(text, max(start, match.start() - 8), match.end()):
            continue
        found.append(text[start : match.end()].strip())
        start = match.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]


# -- clauses ---------------------------------------------------------------------------------------

_LINK = r"(?:and|but|then|also|plus|finally|lastly|afterwards?|after that|next)"
_SEPARATOR = re.compile(rf"[,;] ?(?:{_LINK}(?:, | ))*| (?:{_LINK}(?:, | ))+", re.I)
_SEQUENCE = re.compile(r"\b(?:then|finally|lastly|afterwards?|after that|next)\b", re.I)
_LEAD = re.compile(
    r"(?:(?:and|but|also|then|next|finally|lastly|afterwards?|after that|first(?:ly)?"
    r"|second(?:ly)?|third(?:ly)?|last)(?:, ?| ))+(?=\S)",
    re.I,
)
_ORDER = re.compile(
    r"\b(?:then|next|finally|lastly|afterwards?|after that|second(?:ly)?|third(?:ly)?|last)\b", re.I
)


def clauses(sentence: str, cuts: Callable[[str, str], bool]) -> list[tuple[str, bool]]:
    """Returns the clauses of `sentence`, each with whether it comes after the one before.

    `cuts(left, right)` tells whether `right` begins a clause of its own behind `left`.
    """
    lead = _LEAD.match(sentence)
    after = bool(lead and _ORDER.search(lead.group()))
    start = lead.end() if lead else 0
    found: list[tuple[str, bool]] = []
    for match in _SEPARATOR.finditer(sentence, start):
        # What a clause is and whether one begins shows within its first words.
        left = sentence[start : min(match.start(), start + 240)]
        if left.strip() and cuts(left, sentence[match.end() : match.end() + 240]):
            found.append((sentence[start : match.start()].strip(), after))
            start, after = match.end(), bool(_SEQUENCE.search(match.group()))
    found.append((sentence[start:].strip(), after))
    return found
