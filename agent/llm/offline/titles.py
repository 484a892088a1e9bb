"""Titles out of free words: whole, or not at all. What might say something else is no part of one."""

from __future__ import annotations

from dataclasses import dataclass

from agent.llm.offline.grammar import DETAILS
from agent.llm.offline.matching import Tokens, begins, matches
from agent.llm.offline.tokens import text_of
from agent.llm.offline.vocabulary import word_set
from agent.shorten import head

MAX_TITLE = 200
_EDGES = " \t.,;:!-–—•"
_PRONOUNS = word_set("it this that them these those him her")
# What says more than a title does, and how many of its words belong to the title still.
_MORE = (
    ("depends|depend|depending|which|unless|otherwise|whereas|then|but|assigned|:|;", 0),
    ("that|it blocks|needs|requires|waits|comes|belongs", 0),
    (
        ",|and|( that|who|whose|it|they|this|these|those|he|she|we|i|you|one|another|because|since|except"
        "|without|also|not|after|before|once|until|when|while|if|so|assign|remind|notify|tell|let|due",
        1,
    ),
    (
        ",|and|( mark|set|put|move|assign|give|link|rename|delete|remove|start|finish|schedule|prioritize"
        f"|make {'|'.join(_PRONOUNS)}",
        1,
    ),
    ("[with] [a] {priority} priority|prio", 0),
    ("priority|prio [is|to|:] {priority}", 0),
)
_DATES = word_set(
    "today tomorrow tonight monday tuesday wednesday thursday friday saturday sunday week month "
    "january february march april june july august september october november december deadline "
    "due daily weekly monthly yearly nightly"
)

_NO_TITLE = _DATES | {"list", "the", "next", "this", "on", "by", "for"}
_MANY = word_set("each every all any")
_ORDER = word_set("after before once until under")
_ORDER_STATE = word_set("is are done finished")


class Misread(Exception):
    """Words that are no part of a title, and of nothing else that is understood."""

    def __init__(self, understood: str, rest: str, hint: str = "") -> None:
        super().__init__(rest)
        self.understood = understood
        self.rest = rest
        self.hint = hint  # what to say instead


@dataclass(slots=True)
class NewTask:
    """A task as it was asked for, with what was said of it behind its title."""

    title: str
    priority: Tokens = ()
    description: Tokens = ()
    on: Tokens = ()
    parent: Tokens = ()
    tells_date: bool = False
    beside: Tokens = ()  # what its title says to come before or after it, or to stand above it


def new_task(tokens: Tokens) -> NewTask:
    """Returns the task that `tokens` ask for. Raises Misread."""
    while tokens and not tokens[-1].is_word and tokens[-1].key != ")":
        tokens = tokens[:-1]
    for form in DETAILS:
        for gaps in matches(form.pattern, tokens)[:1]:
            task = new_task(gaps["title"])
            for name in gaps.keys() - {"title"}:
                setattr(task, name, gaps[name])
            return task
    keys = [token.key for token in tokens]
    place = next((at for at, key in enumerate(keys) if at and key in _ORDER), len(keys))
    beside = tuple(token for token in tokens[place + 1 :] if token.key not in _ORDER_STATE)
    return NewTask(title(tokens), tells_date=bool(_DATES & {*keys}), beside=beside)


def title(tokens: Tokens) -> str:
    """Returns the title that `tokens` are. Raises Misread."""
    text = text_of(tokens)
    if len(tokens) == 1 and tokens[0].quoted:
        return _checked(" ".join(tokens[0].text.split()))
    if tokens and (tokens[0].key == "-" or tokens[0].items):
        raise Misread("", text, "I take lists of one level.")
    if {token.key for token in tokens} <= _NO_TITLE or tokens[0].key in _MANY:
        raise Misread("", text, "Please say what is to be done, one task at a time.")
    place = _more(tokens) if len(text) <= 2 * MAX_TITLE else None
    if place is not None:
        whole = text.replace('"', "'")
        hint = f"If all of it is the title, put it into quotes: “{whole}”."
        raise Misread(text_of(tokens[:place]), text_of(tokens[place:]), hint)
    return _checked(without_article(text.strip(_EDGES)))


def free_text(tokens: Tokens) -> str:
    """Returns what was said, without the quotes around it."""
    is_quoted = len(tokens) == 1 and tokens[0].quoted
    return tokens[0].text if is_quoted else text_of(tokens)


def _checked(text: str) -> str:
    if not 1 <= len(text) <= MAX_TITLE or not any(map(str.isalnum, text)):
        what = f"A title has 1 to {MAX_TITLE} characters, with a letter or a number in it."
        raise Misread("", cut(text, 60) or "the title", what)
    return capitalised(text)


def _more(tokens: Tokens) -> int | None:
    """Returns where something begins that may say more than the title does."""
    if tokens[0].quoted:
        return 1
    keys = [token.key for token in tokens]
    if keys.count("(") != keys.count(")"):
        return keys.index("(") if "(" in keys else keys.index(")")
    for at in range(len(tokens)):
        for pattern, taken in _MORE:
            if begins(pattern, tokens[at:]):
                return at + taken
        if keys[at].startswith("@"):
            return at
    if len(tokens) > 1 and tokens[-1].key in _PRONOUNS:
        return len(tokens) - 1
    return _behind_comma(tokens)


def _behind_comma(tokens: Tokens) -> int | None:
    """Returns what stands behind a comma that enumerates nothing: "milk, eggs and bread" does."""
    commas = [at for at, token in enumerate(tokens) if token.key == ","]
    ends = [*commas[1:], len(tokens)]
    pieces = [tokens[at + 1 : end] for at, end in zip(commas, ends, strict=False)]
    is_short = all(1 <= sum(token.is_word for token in piece) <= 4 for piece in pieces)
    joins = any(token.key in ("and", "or", "&") for piece in pieces[-1:] for token in piece)
    return commas[0] + 1 if commas and not (is_short and joins) else None


def capitalised(text: str) -> str:
    """Returns `text` with a capital first letter; names such as "iPhone" stay as they are."""
    is_name = text[:1].islower() and text[1:2].isupper()
    return text if is_name else text[:1].upper() + text[1:]


def without_article(text: str) -> str:
    first, _, rest = text.partition(" ")
    return rest if rest and first.casefold() in ("the", "a", "an") else text


def cut(text: str, limit: int) -> str:
    """Returns `text` on one line within `limit` characters, cut at the end of a word if it has one."""
    if len(text) <= limit:
        return text
    start = head(" ".join(text.split()), limit - 1)
    space = start.rfind(" ")
    return (start[:space] if space > limit // 2 else start).rstrip(_EDGES) + "…"


def sentence(text: str) -> str:
    """Returns `text` as a sentence: a capital first letter and a stop at its end."""
    line = capitalised(text.strip().rstrip(",;:"))
    return line if line.endswith((".", "!", "?", "…", "。", "”")) else line + "."
