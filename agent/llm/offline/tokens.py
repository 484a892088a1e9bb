"""A message as words, signs, quotations and lists. Knows no grammar, and takes linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise

from agent.llm.offline.vocabulary import word_set

_QUOTES = (
    r"“[^“”]*”|\"[^\"\n]*\"|«[^«»]*»|„[^„“”]*[“”]|`[^`\n]*`"
    r"|(?<!\w)'[^'\n]*'(?!\w)|‘[^‘’\n]*’(?!\w)"
)
_TOKEN = re.compile(
    rf"\s*?(?:(?P<quote>{_QUOTES})|(?P<sign>https?://\S+|[,;:!?()…\n\"“”«»„`]|\.+(?!\S))"
    r"|(?P<word>(?:[^\s,;:!?()“”\"«»„…`.]|(?<=\d)[,:](?=\d)|\.(?!\s|$))+))"
)
_LIST_LINE = re.compile(r"(?P<indent>\s*)(?:[-*•–]|\d{1,3}[.)])\s+(?:\[ \]\s+)?(?P<item>\S.*)")
_NUMBER = re.compile(r"(?:^|(?<=\s))(?P<number>\d{1,3})[.)]\s+(?=\S)")
_SENTENCE_END = re.compile(r"[.!?](?:\s+|$)")
# So many words, signs and lines of lists are read. What is longer is no command, and takes long.
MOST = 5_000
_MOST_SENTENCES = 200
_ABBREVIATIONS = word_set("dr mr mrs ms st vs e.g i.e etc approx")
_BREAKS = frozenset([".", "!", "?", "…", "\n"])


@dataclass(frozen=True, slots=True)
class Token:
    text: str  # without quotes
    key: str  # the word as it is compared; "" for a quotation or a list, which are no words
    raw: str  # what stands in the message, with the space before it
    quoted: bool = False
    items: tuple[str, ...] = ()

    @property
    def is_word(self) -> bool:
        return self.quoted or bool(self.items) or any(map(str.isalnum, self.key))


class TooLong(Exception):
    """The message has more words than are read."""


def sentences(message: str) -> list[tuple[tuple[Token, ...], bool]]:
    """Returns the sentences of `message`, and whether each ends in a question mark. Raises TooLong."""
    found: list[tuple[tuple[Token, ...], bool]] = []
    gathered: list[Token] = []
    ended = ""  # what ended the last sentence
    for token in _tokens(message):
        before = gathered[-1].key if gathered else ""
        if token.items:  # a list belongs to the line before it
            if not gathered and found and ended == "\n":
                gathered = list(found.pop()[0])
            colon = [] if gathered and gathered[-1].key == ":" else [Token(":", ":", "")]
            found.append(((*gathered, *colon, token), False))
            gathered, ended = [], "list"
        elif token.key not in _BREAKS or (token.key == "." and before in _ABBREVIATIONS):
            gathered.append(token)
        else:
            if any(one.is_word for one in gathered):
                found.append((tuple(gathered), token.key == "?"))
                ended = token.key
            gathered = []
        if len(found) > _MOST_SENTENCES:
            raise TooLong
    return found


def words_of(text: str) -> tuple[Token, ...]:
    """Returns the tokens of `text`, which holds no list."""
    return tuple(_words(text))


def text_of(tokens: Sequence[Token]) -> str:
    """Returns what `tokens` are in the message, on one line."""
    return " ".join("".join(token.raw for token in tokens).split())


def _tokens(message: str) -> list[Token]:
    tokens: list[Token] = []
    items: list[str] = []
    indent = 0  # of the first line of the list
    parts = (part for line in message.splitlines() for part in _parts(line))
    for line in chain(parts, "."):  # the stop ends the last list and the last sentence
        if match := _LIST_LINE.match(line):
            indent = indent if items else len(match["indent"])
            # An item within an item keeps its mark: nobody may take it for one beside it.
            inner = len(match["indent"]) > indent
            items.append(("- " if inner else "") + match["item"].strip())
        elif line.strip() or not items:
            if items:
                tokens.append(Token("", "", f" {', '.join(items[:5])}", items=tuple(items)))
                items = []
            tokens += islice(_words(line + "\n"), MOST + 1 - len(tokens))
        if max(len(tokens), len(items)) > MOST:
            raise TooLong
    return tokens


def _parts(line: str) -> list[str]:
    """Returns `line`; one with a list, "1. alpha 2. beta", as a line for each item and for what is around.

    The last item ends with its sentence.
    """
    marks: list[int] = []
    for match in _NUMBER.finditer(line):
        if int(match["number"]) == len(marks) + 1:
            marks.append(match.start())
    if len(marks) < 2:
        return [line]
    end = _SENTENCE_END.search(line, marks[-1] + 3)
    cuts = [0, *marks, *(end.span() if end else ()), len(line)]
    return [part for at, to in pairwise(cuts) if (part := line[at:to]).strip()]


def _words(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        raw = match.group()
        said = raw.strip() or "\n"
        if match["quote"] and len(said) > 2:
            yield Token(said[1:-1].strip(), "", raw, quoted=True)
        else:
            key = "." if said.startswith(".") and match["sign"] else said
            yield Token(said, key.casefold().replace("’", "'"), raw)
