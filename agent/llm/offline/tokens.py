"""A message as words, signs, quotations and lists. Knows no grammar, and takes linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from agent.llm.offline.vocabulary import word_set

_QUOTES = (
    r"“[^“”]*”|\"[^\"\n]*\"|«[^«»]*»|„[^„“”]*[“”]|`[^`\n]*`"
    r"|(?<!\w)'[^'\n]*'(?!\w)|‘[^‘’\n]*’(?!\w)"
)
_TOKEN = re.compile(
    rf"(?P<quote>{_QUOTES})|(?P<link>https?://\S+)|(?P<sign>[,;:!?()…\n\"“”«»„`]|\.+(?!\S))"
    r"|(?P<word>(?:[^\s,;:!?()“”\"«»„…`.]|(?<=\d)[,:](?=\d)|\.(?!\s|$))+)"
)
_LIST_LINE = re.compile(
    r"(?P<indent>\s*)(?P<mark>[-*•–]|\d{1,3}[.)])\s+(?:\[ \]\s+)?(?P<item>\S.*)"
)
_HEADED = re.compile(r"(?P<head>[^:\n]*:)\s+(?P<list>[-*•]\s+\S.*|1[.)]\s+\S.*)")
_NUMBER = re.compile(r"(?:^|(?<=\s))(?P<number>\d{1,3})[.)]\s+(?=\S)")
_MARK = re.compile(r"(?<=\s)(?:[-*•]|1[.)])\s+(?=\S)")
_SENTENCE_END = re.compile(r"[.!?](?:\s+|$)")
# So many words, signs and lines of lists are read. What is longer is no command, and takes long.
MOST = 5_000
_ABBREVIATIONS = word_set("dr mr mrs ms st vs e.g i.e etc approx")
_BREAKS = frozenset(["!", "?", "…", "\n"])


@dataclass(frozen=True, slots=True)
class Token:
    """`key`: the word as it is compared; "" for a quotation or a list, which are no words.

    `text` is what stands in the message from `start` to `end`, without the quotes.
    """

    text: str
    key: str
    start: int
    end: int
    quoted: bool = False
    items: tuple[str, ...] = ()

    @property
    def is_word(self) -> bool:
        return self.quoted or bool(self.items) or any(map(str.isalnum, self.key))


class TooLong(Exception):
    """The message has more words than are read."""


@dataclass(frozen=True, slots=True)
class Sentence:
    tokens: tuple[Token, ...]
    asks: bool = False  # ends in a question mark


def sentences(message: str) -> list[Sentence]:
    """Returns the sentences of `message`. A list belongs to the line before it.

    Raises TooLong.
    """
    found: list[Sentence] = []
    gathered: list[Token] = []
    ended = ""  # what ended the last sentence
    for token in _tokens(message):
        if token.items:
            if not gathered and found and ended == "\n":
                gathered = list(found.pop().tokens)
            colon = Token(":", ":", token.start, token.start)
            head = gathered if gathered and gathered[-1].key == ":" else [*gathered, colon]
            found.append(Sentence((*head, token)))
            gathered, ended = [], "list"
        elif _ends(gathered, token):
            if any(one.is_word for one in gathered):
                found.append(Sentence(tuple(gathered), token.key == "?"))
                ended = token.key
            gathered = []
        else:
            gathered.append(token)
    if any(one.is_word for one in gathered):
        found.append(Sentence(tuple(gathered)))
    return found


def words_of(text: str) -> tuple[Token, ...]:
    """Returns the tokens of `text`, which holds no list."""
    return tuple(_words(text, 0))


def text_of(tokens: Sequence[Token], message: str) -> str:
    """Returns what `tokens` are in `message`, on one line."""
    if not tokens:
        return ""
    if tokens[-1].items:
        head = text_of([token for token in tokens[:-1] if token.start < token.end], message)
        return f"{head} {', '.join(tokens[-1].items[:5])}".strip()
    return " ".join(message[tokens[0].start : tokens[-1].end].split())


def _ends(gathered: Sequence[Token], token: Token) -> bool:
    if token.key == ".":
        return not (gathered and gathered[-1].key in _ABBREVIATIONS)
    return token.key in _BREAKS


def _tokens(message: str) -> list[Token]:
    cutter = _Cutter()
    place = 0
    for line in message.splitlines(keepends=True):
        cutter.take(line, place)
        place += len(line)
    cutter.end_list(place)
    return cutter.tokens


class _Cutter:
    """Takes a message line by line. The lines of a list become one token."""

    def __init__(self) -> None:
        self.tokens: list[Token] = []
        self.items: list[str] = []
        self.indent = 0  # of the first line of the list
        self.began = 0

    def take(self, line: str, start: int) -> None:
        numbers = _numbered(line)
        if numbers or (headed := _HEADED.match(line)):
            begin = numbers[0].start() if numbers else headed.start("list") if headed else 0
            self.end_list(start)
            self._words(line[:begin], start)
            self._inline(line, start, numbers or list(_MARK.finditer(line, begin)))
        elif match := _LIST_LINE.match(line):
            self._item(match, start)
        elif line.strip() or not self.items:
            self.end_list(start)
            self._words(line, start)

    def end_list(self, place: int) -> None:
        if self.items:
            self.tokens.append(Token("", "", self.began, place, items=tuple(self.items)))
            self.items = []

    def _item(self, match: re.Match[str], start: int) -> None:
        indent = len(match["indent"])
        if not self.items:
            self.indent, self.began = indent, start
        # An item within an item keeps its mark: nobody may take it for one beside it.
        if len(self.items) == MOST:
            raise TooLong
        self.items.append(("- " if indent > self.indent else "") + match["item"].strip())

    def _inline(self, line: str, start: int, marks: Sequence[re.Match[str]]) -> None:
        """Takes a list within a line, whose last item ends with its sentence."""
        end = _SENTENCE_END.search(line, marks[-1].end())
        stop = end.start() if end else len(line)
        ends = [*(mark.start() for mark in marks[1:]), stop]
        self.items = [line[mark.end() : to].strip() for mark, to in zip(marks, ends, strict=True)]
        self.indent, self.began = 0, start + marks[0].start()
        if end and line[end.end() :].strip():
            self.end_list(start + end.end())
            self._words(line[end.end() :], start + end.end())

    def _words(self, text: str, start: int) -> None:
        self.tokens += islice(_words(text, start), MOST + 1 - len(self.tokens))
        if len(self.tokens) > MOST:
            raise TooLong


def _numbered(line: str) -> list[re.Match[str]]:
    """Returns the marks "1." and "2." and so on within a line; one alone is none."""
    marks: list[re.Match[str]] = []
    for match in _NUMBER.finditer(line):
        if int(match["number"]) == len(marks) + 1:
            marks.append(match)
    return marks if len(marks) > 1 else []


def _words(text: str, start: int) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        place = (start + match.start(), start + match.end())
        written = match.group()
        if match["quote"] and len(written) > 2:
            yield Token(written[1:-1].strip(), "", *place, quoted=True)
        elif match["sign"]:
            yield Token(written, "." if written.startswith(".") else written, *place)
        else:
            yield Token(written, written.casefold().replace("’", "'"), *place)
