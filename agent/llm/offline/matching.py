"""Patterns of words and gaps, and what they match. A match accounts for every word of its clause.

A pattern is words with spaces between them:

- `mark|set`: one of them; `to_do`: two words in a row;
- `[the|a]`: may be missing, and may hold several words;
- `{since}`: a time that is understood;
- `{task}`: a gap, whose name tells what may fill it (`_ends`); `{label:title}` is called "title".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from agent.llm.offline import vocabulary
from agent.llm.offline.tokens import Token, text_of
from agent.llm.offline.vocabulary import word_set
from agent.text import dates, moments

Tokens = tuple[Token, ...]
Gaps = Mapping[str, Tokens]

# A title has at most 200 characters; so many words of it fill a gap.
_LONGEST = 40
# No name begins with these: they are what is left of a question, a condition or an order.
_NO_NAME = word_set(
    "when where how whether if unless to of is are was as by and or with should could would will there "
    "nothing nobody make let"
)
_NEVER_IN_NAME = word_set(
    "what which who whose why no not longer anymore doesn't don't isn't aren't can't cannot never"
)
# With "of" or a quotation behind it, one of these is something of a task, and no task.
_FIELDS = word_set(
    "status state priority prio title name description history dependency memory memories decision decisions "
    "preference preferences fact facts note notes subtasks sub-tasks parts"
)
_OF = word_set("of for about on from between called")
# A single task is called by none of these.
_NO_TASK = word_set(
    "tasks tickets todos items board backlog list project memory memories notes facts decisions "
    "preferences everything anything something"
)
_NO_TITLE = word_set("of for from under in mind")

_MEANINGS: Mapping[str, Mapping[str, object]] = {
    "status": vocabulary.STATUS,
    "state": vocabulary.STATE,
    "listed": vocabulary.LISTED,
    "priority": vocabulary.PRIORITY,
    "number": vocabulary.COUNT,
    "side": vocabulary.SIDE,
    "place": vocabulary.PLACE,
    "kind": vocabulary.KIND,
}
_FREE = frozenset(("text", "new", "title", "what", "purpose"))

# Words of which one stands there; what may be missing; the name of a gap.
_Node = tuple[tuple[str, ...], ...] | list["_Node"] | str


def matches(pattern: str, tokens: Tokens) -> list[Gaps]:
    """Returns each way in which `pattern` is the whole of `tokens`, those with short gaps first."""
    return [gaps for end, gaps in _match(_compiled(pattern), tokens, 0) if end == len(tokens)]


def begins(pattern: str, tokens: Tokens) -> int:
    """Returns how many of `tokens` `pattern` takes from their start, at most; 0 when it fits none."""
    return max((end for end, _ in _match(_compiled(pattern), tokens, 0)), default=0)


def key_of(tokens: Sequence[Token]) -> str:
    """Returns the words as the vocabulary has them."""
    return " ".join(token.key for token in tokens)


@cache
def _compiled(pattern: str) -> list[_Node]:
    stack: list[list[_Node]] = [[]]
    for part in pattern.replace("[", " [ ").replace("]", " ] ").split():
        if part == "[":
            stack.append([])
        elif part == "]":
            inner = stack.pop()
            stack[-1].append(inner)
        elif part.startswith("{"):
            stack[-1].append(part[1:-1])
        else:
            ways = (tuple(way.split("_")) for way in part.split("|"))
            stack[-1].append(tuple(sorted(ways, key=len, reverse=True)))
    return stack[0]


def _match(nodes: list[_Node], tokens: Tokens, at: int) -> Iterator[tuple[int, Gaps]]:
    """Yields where `nodes` may end when they begin `at`, with what fills their gaps."""
    if not nodes:
        yield at, {}
        return
    node, rest = nodes[0], nodes[1:]
    if isinstance(node, tuple):
        first = tokens[at].key if at < len(tokens) else None
        for way in node:  # the longest one is the first
            if way[0] == first and key_of(tokens[at : at + len(way)]) == " ".join(way):
                yield from _match(rest, tokens, at + len(way))
    elif isinstance(node, list):
        yield from _match([*node, *rest], tokens, at)
        yield from _match(rest, tokens, at)
    elif at < len(tokens):
        kind, _, name = node.partition(":")
        for end in _ends(kind, tokens, at, not rest):
            for last, gaps in _match(rest, tokens, end):
                yield last, {name or kind: tokens[at:end], **gaps}


def _ends(gap: str, tokens: Tokens, at: int, is_last: bool) -> Iterable[int]:
    """Yields where `gap` may end when it begins `at`."""
    if gap in _MEANINGS:
        sizes = (size for size in (2, 1) if at + size <= len(tokens))
        return (at + size for size in sizes if key_of(tokens[at : at + size]) in _MEANINGS[gap])
    if gap == "since":
        return [len(tokens)] if moments.moment(text_of(tokens[at:]), dates.now()) else []
    if gap == "items":
        return [len(tokens)] if tokens[at].is_word and is_last else []
    return _free(gap, tokens, at, is_last) if gap in _FREE else _name(gap, tokens, at, is_last)


def _free(gap: str, tokens: Tokens, at: int, is_last: bool) -> Sequence[int]:
    """Free words: to the end of the clause, or as few as may be when something follows."""
    first, behind = tokens[at], [token.key for token in tokens[at + 1 : at + 3]]
    is_title = gap in ("title", "what", "purpose")
    names_person = gap == "purpose" and "to" in behind and not first.key.endswith("ing")
    if first.items or not first.is_word:
        return []
    if is_title and first.quoted:  # all of the title
        return [at + 1] if not is_last or at + 1 == len(tokens) else []
    if is_title and (first.key in _NO_TITLE or names_person):
        return []
    return [len(tokens)] if is_last else range(at + 1, min(len(tokens), at + _LONGEST) + 1)


def _name(gap: str, tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    if not tokens[at].is_word or tokens[at].key in _NO_NAME or _is_field(tokens, at):
        return
    never_last = _NO_TASK if gap in ("task", "parent", "other") else ()
    for end in range(at + 1, min(len(tokens), at + _LONGEST) + 1):
        last = tokens[end - 1]
        if last.items or last.key in _NEVER_IN_NAME:
            return
        if last.is_word and (end == len(tokens) or not is_last) and last.key not in never_last:
            yield end


def _is_field(tokens: Tokens, at: int) -> bool:
    """Tells whether "the status of …" stands there, or "the memory “…”"."""
    at += tokens[at].key in ("the", "my", "our")
    behind = tokens[at + 1 : at + 2]
    return any(token.quoted or token.key in _OF for token in behind) and tokens[at].key in _FIELDS
