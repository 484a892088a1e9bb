"""Titles out of free words: whole, or not at all. What might say something else is no part of one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.llm.offline.grammar import DETAILS, Form
from agent.llm.offline.matching import Gaps, Tokens, key_of, matches
from agent.llm.offline.tokens import text_of, words_of
from agent.llm.offline.vocabulary import PRIORITY, word_set
from agent.shorten import head, shorten

MAX_TITLE = 200
_EDGES = " \t.,;:!-–—•"
# Where one of these stands, something is said beside the title.
_APART = word_set("depends depend depending which unless otherwise whereas then but assigned : ;")
_SAYS_MORE = word_set("blocks needs requires waits comes belongs")
# Behind a comma or an "and", one of these begins another clause.
_BEGINS_MORE = word_set(
    "that who whose it they this these those he she we i you one another because since except "
    "without also not after before once until when while if so assign remind notify tell let due"
)
_ORDERS = word_set(
    "mark set put move assign give link rename delete remove start finish schedule prioritize make"
)
_PRONOUNS = word_set("it this that them these those him her")
_DATES = word_set(
    "today tomorrow tonight monday tuesday wednesday thursday friday saturday sunday week month "
    "january february march april june july august september october november december deadline "
    "due daily weekly monthly yearly nightly"
)

_NO_TITLE = _DATES | {"list", "the", "next", "this", "on", "by", "for"}
_MANY = frozenset(("each", "every", "all", "any"))


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
    order: Tokens = ()  # what its title says to come before or after it


def new_task(tokens: Tokens, message: str) -> NewTask:
    """Returns the task that `tokens` of `message` ask for. Raises Misread."""
    for form in DETAILS:
        if ways := matches(form.pattern, tokens):
            return _with_detail(new_task(ways[0]["title"], message), form, ways[0], message)
    tells_date = any(token.key in _DATES for token in tokens)
    return NewTask(title(tokens, message), tells_date=tells_date, order=_order(tokens))


def item_task(item: str) -> NewTask:
    """The same for an item of a list."""
    tokens = words_of(item)
    while tokens and not tokens[-1].is_word and tokens[-1].key != ")":
        tokens = tokens[:-1]
    return new_task(tokens, item)


def _with_detail(task: NewTask, form: Form, gaps: Gaps, message: str) -> NewTask:
    match form.intent:
        case "priority":
            return replace(task, priority=PRIORITY[key_of(gaps["priority"])])
        case "depend":
            return replace(task, on=gaps["on"])
        case "nest":
            return replace(task, parent=gaps["parent"])
        case "describe":
            return replace(task, description=free_text(gaps["text"], message))
    return task


def _order(tokens: Tokens) -> Tokens:
    for at, token in enumerate(tokens):
        if at and token.key in ("after", "before", "once", "until"):
            said = ("is", "are", "done", "finished")
            return tuple(one for one in tokens[at + 1 :] if one.key not in said)
    return ()


def title(tokens: Tokens, message: str) -> str:
    """Returns the title that `tokens` of `message` are. Raises Misread."""
    text = text_of(tokens, message)
    if len(tokens) == 1 and tokens[0].quoted:
        return _checked(" ".join(tokens[0].text.split()))
    if tokens and (tokens[0].key == "-" or tokens[0].items):
        raise Misread("", text, "I take lists of one level.")
    if {token.key for token in tokens} <= _NO_TITLE or tokens[0].key in _MANY:
        raise Misread("", text, "Please say what is to be done, one task at a time.")
    place = _more(tokens)
    if place is not None:
        whole = text.replace('"', "'")
        hint = f"If all of it is the title, put it into quotes: “{whole}”."
        raise Misread(text_of(tokens[:place], message), text_of(tokens[place:], message), hint)
    return _checked(without_article(text.strip(_EDGES)))


def without_pronoun(task: NewTask) -> NewTask:
    """Returns `task`. Raises Misread when its title speaks of another one: "one to test it"."""
    before, _, behind = f" {task.title} ".partition(" it ")
    if behind or any(f" {word} " in before for word in ("them", "these", "those")):
        raise Misread("", task.title, "Please say in its title what “it” is.")
    return task


def free_text(tokens: Tokens, message: str) -> str:
    """Returns what was said, without the quotes around it."""
    is_quoted = len(tokens) == 1 and tokens[0].quoted
    return tokens[0].text if is_quoted else text_of(tokens, message)


def _checked(text: str) -> str:
    if not 1 <= len(text) <= MAX_TITLE or not any(map(str.isalnum, text)):
        what = f"A title has 1 to {MAX_TITLE} characters, with a letter or a number in it."
        raise Misread("", shorten(text, 60) or "the title", what)
    return capitalised(text)


def _more(tokens: Tokens) -> int | None:
    """Returns where something begins that may say more than the title does."""
    if tokens[0].quoted:
        return 1
    keys = [token.key for token in tokens] + ["", "", ""]
    if keys.count("(") != keys.count(")"):
        return keys.index("(") if "(" in keys else keys.index(")")
    for at in range(len(tokens)):
        if keys[at] in _APART or keys[at].startswith("@"):
            return at
        if keys[at] in ("that", "it") and keys[at + 1] in _SAYS_MORE:
            return at
        is_order = keys[at + 1] in _ORDERS and keys[at + 2] in _PRONOUNS
        if keys[at] in (",", "and", "(") and (keys[at + 1] in _BEGINS_MORE or is_order):
            return at + 1
        if keys[at] in ("priority", "prio") and {*keys[max(at - 1, 0) : at + 3]} & {*PRIORITY}:
            return max(at - 2, 1)
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


# -- texts -----------------------------------------------------------------------------------------


def capitalised(text: str) -> str:
    """Returns `text` with a capital first letter; names such as "iPhone" stay as they are."""
    is_name = text[:1].islower() and text[1:2].isupper()
    return text if is_name else text[:1].upper() + text[1:]


def without_article(text: str) -> str:
    first, _, rest = text.partition(" ")
    return rest if rest and first.casefold() in ("the", "a", "an") else text


def cut(text: str, limit: int) -> str:
    """Returns `text` within `limit` characters, at the end of a word when there is one near."""
    if len(text) <= limit:
        return text
    start = head(text, limit - 1)
    space = start.rfind(" ")
    return (start[:space] if space > limit // 2 else start).rstrip(_EDGES) + "…"


def sentence(text: str) -> str:
    """Returns `text` as a sentence: a capital first letter and a stop at its end."""
    line = capitalised(text.strip().rstrip(",;:"))
    return line if line.endswith((".", "!", "?", "…", "。", "”")) else line + "."
