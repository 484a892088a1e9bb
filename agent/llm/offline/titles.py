"""Titles out of free words: whole, or not at all. What might say something else is no part of one."""

from __future__ import annotations

from agent.llm.offline.grammar import DETAILS
from agent.llm.offline.matching import Gaps, Tokens, matches
from agent.llm.offline.tokens import text_of
from agent.llm.offline.vocabulary import word_set
from agent.shorten import shorten

MAX_TITLE = 200
_EDGES = " \t.,;:!-–—•"
# Outside quotes a title has none of these words, which may say something else than the title does.
_MORE = word_set(
    "depends depend depending needs requires waits blocks belongs which whose who that because since "
    "unless otherwise whereas then but except without if when while where so also not don't assign "
    "assigned remind schedule due deadline priority prio each every it its this them these those him her "
    "he she they we you i today tomorrow tonight monday tuesday wednesday thursday friday saturday sunday "
    "another one subtask sub-task , : ; ( ) @"
)
# Nor these with a word behind them, which may be another task.
_ORDER = word_set("after before once until under")
_NO_TITLE = word_set("list the next on by for all any")


class Misread(Exception):
    """Words that are no part of a title, and of nothing else that is understood."""

    def __init__(self, understood: str, rest: str, hint: str = "") -> None:
        super().__init__(rest)
        self.understood = understood
        self.rest = rest
        self.hint = hint  # what to say instead


def details(tokens: Tokens) -> Gaps:
    """Returns the title of a new task, and what is said of it behind that."""
    while tokens and not tokens[-1].is_word:
        tokens = tokens[:-1]
    for form in DETAILS:
        for gaps in matches(form.pattern, tokens)[:1]:
            return {**gaps, **details(gaps["title"])}
    return {"title": tokens}


def title(tokens: Tokens) -> str:
    """Returns the title that `tokens` are. Raises Misread."""
    text = text_of(tokens)
    if len(tokens) == 1 and tokens[0].quoted:
        return _checked(" ".join(tokens[0].text.split()))
    if tokens and (tokens[0].key == "-" or tokens[0].items):
        raise Misread("", text, "I take lists of one level.")
    if tokens[-1].key in _NO_TITLE or tokens[0].key in _MORE:
        raise Misread("", text, "Please say what is to be done, one task at a time.")
    for at, token in enumerate(tokens):
        is_more = token.key in _MORE or (at and token.quoted) or token.key.startswith("@")
        if is_more or (token.key in _ORDER and at and at + 1 < len(tokens)):
            whole = text.replace('"', "'")
            hint = f"If all of it is the title, put it into quotes: “{whole}”."
            raise Misread(text_of(tokens[:at]), text_of(tokens[at:]), hint)
    return _checked(without_article(text.strip(_EDGES)))


def free_text(tokens: Tokens) -> str:
    """Returns what was said, without the quotes around it."""
    is_quoted = len(tokens) == 1 and tokens[0].quoted
    return tokens[0].text if is_quoted else text_of(tokens)


def _checked(text: str) -> str:
    if not 1 <= len(text) <= MAX_TITLE or not any(map(str.isalnum, text)):
        what = f"A title has 1 to {MAX_TITLE} characters, with a letter or a number in it."
        raise Misread("", shorten(text, 60) or "the title", what)
    return capitalised(text)


def capitalised(text: str) -> str:
    """Returns `text` with a capital first letter; names such as "iPhone" stay as they are."""
    is_name = text[:1].islower() and text[1:2].isupper()
    return text if is_name else text[:1].upper() + text[1:]


def without_article(text: str) -> str:
    first, _, rest = text.partition(" ")
    return rest if rest and first.casefold() in ("the", "a", "an") else text


def sentence(text: str) -> str:
    """Returns `text` as a sentence: a capital first letter and a stop at its end."""
    line = capitalised(text.strip().rstrip(",;:"))
    return line if line.endswith((".", "!", "?", "…", "。", "”")) else line + "."
