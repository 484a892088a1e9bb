"""Titles out of free words: whole, or not at all. What might say something else is no part of one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from agent.llm.offline.grammar import DETAILS, Intent
from agent.llm.offline.matching import Gaps, Tokens, key_of, matches
from agent.llm.offline.tokens import text_of, words_of
from agent.llm.offline.vocabulary import PRIORITY

MAX_TITLE = 200
_ARTICLE = re.compile(r"(?:the|an?) (?=\S)", re.IGNORECASE)
_EDGES = " \t.,;:!-–—•"
# Where one of these stands, something is said beside the title.
_APART = frozenset(
    (
        "depends",
        "depend",
        "depending",
        "which",
        "unless",
        "otherwise",
        "whereas",
        "then",
        "but",
        "assigned",
        ":",
        ";",
    )
)
_SAYS_MORE = frozenset(
    ("depends", "depend", "blocks", "needs", "requires", "waits", "comes", "belongs")
)
# Behind a comma or an "and", one of these begins another clause.
_BEGINS_MORE = frozenset(
    """
    that who whose it they this these those he she we i you one another because since except without
    also not after before once until when while if so assign remind notify tell let inform due asap
    """.split()  # noqa: SIM905  (quoted words are harder to read)
)
_ORDERS = frozenset(
    """
    mark set put move assign give link rename delete remove start finish schedule prioritize make add
    """.split()  # noqa: SIM905
)
_PRONOUNS = frozenset(("it", "this", "that", "them", "these", "those", "him", "her"))
_DATES = frozenset(
    """
    today tomorrow tonight monday tuesday wednesday thursday friday saturday sunday mondays fridays week
    month january february march april june july august september october november december deadline
    due daily weekly monthly yearly
    """.split()  # noqa: SIM905
)


class Misread(Exception):
    """Words that are no part of a title, and of nothing else that is understood."""

    def __init__(self, understood: str, rest: str, hint: str = "") -> None:
        super().__init__(rest)
        self.understood = understood
        self.rest = rest
        self.hint = hint  # what to say instead


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task as it was asked for. `on` and `parent` are names of others."""

    title: str
    priority: str = ""
    description: str = ""
    on: Tokens = ()
    parent: Tokens = ()
    tells_date: bool = False
    order: Tokens = ()  # what is said to come before or after it, in its title


def new_task(tokens: Tokens, message: str) -> NewTask:
    """Returns the task that `tokens` of `message` ask for. Raises Misread."""
    for form in DETAILS:
        if not (ways := matches(form.pattern, tokens)):
            continue
        gaps = ways[0]
        task = new_task(gaps["title"], message)
        return _with_detail(task, form.intent, gaps, message)
    tells_date = any(token.key in _DATES for token in tokens)
    return NewTask(title(tokens, message), tells_date=tells_date, order=_order(tokens))


def item_task(item: str) -> NewTask:
    """The same for an item of a list."""
    return new_task(_trimmed(words_of(item)), item)


def _order(tokens: Tokens) -> Tokens:
    for at, token in enumerate(tokens[1:], 1):
        if token.key in ("after", "before", "once", "until"):
            rest = [
                one for one in tokens[at + 1 :] if one.key not in ("is", "are", "done", "finished")
            ]
            return tuple(rest)
    return ()


def _trimmed(tokens: Tokens) -> Tokens:
    while tokens and not tokens[-1].is_word and tokens[-1].key != ")":
        tokens = tokens[:-1]
    return tokens


def _with_detail(task: NewTask, intent: Intent, gaps: Gaps, message: str) -> NewTask:
    match intent:
        case Intent.PRIORITY:
            return replace(task, priority=PRIORITY[key_of(gaps["priority"])])
        case Intent.DEPEND:
            return replace(task, on=gaps["on"])
        case Intent.NEST:
            return replace(task, parent=gaps["parent"])
        case Intent.DESCRIBE:
            return replace(task, description=free_text(gaps["text"], message))
    return task


def title(tokens: Tokens, message: str) -> str:
    """Returns the title that `tokens` of `message` are. Raises Misread."""
    if len(tokens) == 1 and tokens[0].quoted:
        return _checked(capitalised(" ".join(tokens[0].text.split())))
    if tokens and (tokens[0].key == "-" or tokens[0].items):
        raise Misread("", text_of(tokens, message), "I take lists of one level.")
    place = _more(tokens)
    if place is not None:
        rest = tokens[place:]
        whole = text_of(tokens, message).replace('"', "'")
        hint = f"If all of it is the title, put it into quotes: “{whole}”."
        raise Misread(text_of(tokens[:place], message).strip(_EDGES), text_of(rest, message), hint)
    return _checked(capitalised(without_article(text_of(tokens, message).strip(_EDGES))))


def no_pronoun(title: str) -> None:
    """Raises Misread when the title speaks of another one: "one to test it"."""
    tokens = words_of(title)
    for at, token in enumerate(tokens):
        if token.key in ("it", "them", "these", "those"):
            hint = f"Please say what “{token.text}” is."
            raise Misread(text_of(tokens[:at], title), text_of(tokens[at:], title), hint)


def free_text(tokens: Tokens, message: str) -> str:
    """Returns what was said, without the quotes around it."""
    if len(tokens) == 1 and tokens[0].quoted:
        return tokens[0].text
    return text_of(tokens, message)


def _checked(text: str) -> str:
    if not 1 <= len(text) <= MAX_TITLE or not any(map(str.isalnum, text)):
        what = f"A title has 1 to {MAX_TITLE} characters, with a letter or a number in it."
        raise Misread("", text[:60] or "the title", what)
    return text


def _more(tokens: Tokens) -> int | None:
    """Returns where something begins that may say more than the title does."""
    if tokens[0].quoted:
        return 1
    for at, token in enumerate(tokens):
        behind = tokens[at + 1].key if at + 1 < len(tokens) else ""
        beyond = tokens[at + 2].key if at + 2 < len(tokens) else ""
        joins = token.key in (",", "and", "(")
        if token.key in _APART or token.key.startswith("@"):
            return at
        if token.key in ("that", "it") and behind in _SAYS_MORE:
            return at
        if joins and (behind in _BEGINS_MORE or (behind in _ORDERS and beyond in _PRONOUNS)):
            return at + 1
        if token.key in ("priority", "prio") and _is_priority(tokens, at):
            return max(at - 2, 1)
    if len(tokens) > 1 and tokens[-1].key in _PRONOUNS:
        return len(tokens) - 1
    return _behind_comma(tokens)


def _is_priority(tokens: Tokens, at: int) -> bool:
    return any(token.key in PRIORITY for token in tokens[max(at - 1, 0) : at + 3])


def _behind_comma(tokens: Tokens) -> int | None:
    """Returns what stands behind a comma that enumerates nothing: "milk, eggs and bread" does."""
    commas = [at for at, token in enumerate(tokens) if token.key == ","]
    if not commas:
        return None
    pieces = [
        tokens[at + 1 : end] for at, end in zip(commas, [*commas[1:], len(tokens)], strict=True)
    ]
    joins = any(token.key in ("and", "or", "&") for token in pieces[-1])
    short = all(1 <= sum(token.is_word for token in piece) <= 4 for piece in pieces)
    return None if joins and short else commas[0] + 1


# -- texts -----------------------------------------------------------------------------------------


def capitalised(text: str) -> str:
    """Returns `text` with a capital first letter; names such as "iPhone" stay as they are."""
    if len(text) > 1 and text[0].islower() and text[1].isupper():
        return text
    return text[:1].upper() + text[1:]


def without_article(text: str) -> str:
    match = _ARTICLE.match(text)
    return text[match.end() :] if match else text


def cut(text: str, limit: int) -> str:
    """Returns `text` within `limit` characters, at the end of a word when there is one near."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    space = head.rfind(" ")
    return (head[:space] if space > limit // 2 else head).rstrip(_EDGES) + "…"


def sentence(text: str) -> str:
    """Returns `text` as a sentence: a capital first letter and a stop at its end."""
    line = capitalised(text.strip().rstrip(",;:"))
    return line if line.endswith((".", "!", "?", "…", "。", "”")) else line + "."
