"""Patterns of words and gaps, and what they match. A match accounts for every word of its clause.

A pattern is words with spaces between them:

- `mark|set`: one of them; `to_do`: two words in a row;
- `[the|a]`: may be missing, and may hold several words;
- `{task}`: a gap, whose name tells what may fill it (`_GAPS`).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from agent.llm.offline import vocabulary
from agent.llm.offline.tokens import Token
from agent.llm.offline.vocabulary import word_set
from agent.text.words import STOP

Tokens = tuple[Token, ...]
Gaps = Mapping[str, Tokens]

# A title has at most 200 characters; so many words of it fill a gap.
_LONGEST_NAME = 40


# No name begins with these: they are what is left of a question, a condition or an order.
_NO_NAME = word_set(
    "when where how whether if unless to of is are was as by and or with should could would will there "
    "nothing nobody make let"
)
_NEVER_IN_NAME = word_set("what which who whose why no not longer doesn't don't never")
# With "of" or a quotation behind it, one of these is something of a task, and no task.
_FIELDS = word_set(
    "status state priority prio title name description dependency memory memories decision decisions "
    "preference preferences fact facts note notes subtasks sub-tasks parts"
)
_OF = word_set("of for about on from between called")
# A single task is called by none of these.
_NO_TASK = word_set(
    "tasks tickets todos items board backlog list project memory memories notes facts decisions "
    "preferences everything anything something"
)
_NO_LABEL = {*STOP, *vocabulary.LISTED, *vocabulary.PRIORITY} | word_set(
    "another new second first third next last similar same duplicate recurring daily weekly monthly "
    "repeating sub subtask parent main whole single every any following task tasks me us priority prio"
)
_NO_TITLE = word_set("of for from under in mind")


@dataclass(frozen=True, slots=True)
class _Words:
    ways: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class _Maybe:
    nodes: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Gap:
    name: str


_Node = _Words | _Maybe | _Gap


def matches(pattern: str, tokens: Tokens) -> list[Gaps]:
    """Returns each way in which `pattern` is the whole of `tokens`, those with short gaps first."""
    return [gaps for end, gaps in _from_start(pattern, tokens) if end == len(tokens)]


def begins(pattern: str, tokens: Tokens) -> int:
    """Returns how many of `tokens` `pattern` takes from their start, at most; 0 when it fits none."""
    return max((end for end, _ in _from_start(pattern, tokens)), default=0)


def key_of(tokens: Sequence[Token]) -> str:
    """Returns the words as the vocabulary has them."""
    return " ".join(token.key for token in tokens)


# -- patterns --------------------------------------------------------------------------------------


@cache
def _nodes(pattern: str) -> tuple[_Node, ...]:
    stack: list[list[_Node]] = [[]]
    for part in pattern.replace("[", " [ ").replace("]", " ] ").split():
        if part == "[":
            stack.append([])
        elif part == "]":
            inner = _Maybe(tuple(stack.pop()))
            stack[-1].append(inner)
        elif part.startswith("{"):
            stack[-1].append(_Gap(part[1:-1]))
        else:
            ways = (tuple(way.split("_")) for way in part.split("|"))
            stack[-1].append(_Words(tuple(sorted(ways, key=len, reverse=True))))
    (nodes,) = stack
    return tuple(nodes)


@cache
def _firsts(nodes: tuple[_Node, ...]) -> frozenset[str] | None:
    """Returns the words that may come first; None when a gap may."""
    found: set[str] = set()
    for node in nodes:
        match node:
            case _Gap():
                return None
            case _Words(ways):
                return frozenset(found | {way[0] for way in ways})
            case _Maybe(inner):
                firsts = _firsts(inner)
                if firsts is None:
                    return None
                found |= firsts
    return frozenset(found)


# -- matching --------------------------------------------------------------------------------------


def _from_start(pattern: str, tokens: Tokens) -> Iterator[tuple[int, Gaps]]:
    nodes = _nodes(pattern)
    firsts = _firsts(nodes)
    if tokens and (firsts is None or tokens[0].key in firsts):
        yield from _match(nodes, tokens, 0)


def _match(nodes: tuple[_Node, ...], tokens: Tokens, at: int) -> Iterator[tuple[int, Gaps]]:
    """Yields where `nodes` may end when they begin `at`, with what fills their gaps."""
    if not nodes:
        yield at, {}
        return
    node, rest = nodes[0], nodes[1:]
    match node:
        case _Words(ways):
            for way in ways:
                if tuple(token.key for token in tokens[at : at + len(way)]) == way:
                    yield from _match(rest, tokens, at + len(way))
        case _Maybe(inner):
            yield from _match((*inner, *rest), tokens, at)
            yield from _match(rest, tokens, at)
        case _Gap(name):
            if at < len(tokens):
                for end in _GAPS[name](tokens, at, not rest):
                    for last, gaps in _match(rest, tokens, end):
                        yield last, {name: tokens[at:end], **gaps}


# -- gaps: each yields where it may end when it begins `at` ----------------------------------------

_Ends = Callable[[Tokens, int, bool], Iterator[int]]


def _name(tokens: Tokens, at: int, is_last: bool, longest: int = _LONGEST_NAME) -> Iterator[int]:
    if not tokens[at].is_word or tokens[at].key in _NO_NAME or _is_field(tokens, at):
        return
    for end in range(at + 1, min(len(tokens), at + longest) + 1):
        last = tokens[end - 1]
        is_over = last.key in _NEVER_IN_NAME or key_of(tokens[end - 1 : end + 1]) == "status to"
        if last.items or is_over:
            return
        if last.is_word and (end == len(tokens) or not is_last):
            yield end


def _is_field(tokens: Tokens, at: int) -> bool:
    """Tells whether "the status of …" stands there, or "the memory “…”"."""
    at += tokens[at].key in ("the", "my", "our")
    behind = tokens[at + 1 : at + 2]
    return any(token.quoted or token.key in _OF for token in behind) and tokens[at].key in _FIELDS


def _name_without(
    words: Container[str], longest: int, tokens: Tokens, at: int, is_last: bool
) -> Iterator[int]:
    for end in _name(tokens, at, is_last, longest):
        if not any(token.key in words for token in tokens[at:end]):
            yield end


def _task(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    return (end for end in _name(tokens, at, is_last) if tokens[end - 1].key not in _NO_TASK)


def _person(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    return (end for end in _name(tokens, at, is_last, 2) if not tokens[at].key.endswith("ing"))


def _quotation(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    return iter([at + 1] if tokens[at].quoted else [])


def _text(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    """Free words: to the end of the clause, or as few as may be when something follows."""
    if not tokens[at].is_word or tokens[at].items:
        return iter(())
    end = min(len(tokens), at + _LONGEST_NAME)
    return iter([len(tokens)] if is_last else range(at + 1, end + 1))


def _title(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    """Free words; a quotation at their start is the whole title."""
    if tokens[at].quoted:
        return iter([at + 1] if not is_last or at + 1 == len(tokens) else [])
    return iter(()) if tokens[at].key in _NO_TITLE else _text(tokens, at, is_last)


def _purpose(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    """A title behind "for": in "for Bob to …" there is a person."""
    person = any(token.key == "to" for token in tokens[at + 1 : at + 3])
    is_title = not person or tokens[at].key.endswith("ing")
    return _title(tokens, at, is_last) if is_title else iter(())


def _statement(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    begins_one = tokens[at].key in ("we", "i", "our", "my", "the", "all", "every")
    return _text(tokens, at, is_last) if begins_one else iter(())


def _items(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    return iter([len(tokens)] if tokens[at].is_word and is_last else [])


def _one_of(said: Mapping[str, object], tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    return (at + size for size in (2, 1) if key_of(tokens[at : at + size]) in said)


def _number(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    is_one = tokens[at].key in vocabulary.NUMBER or tokens[at].key.isdecimal()
    return iter([at + 1] if is_one else [])


_GAPS: Mapping[str, _Ends] = {
    **dict.fromkeys(("tasks", "on", "topic", "memory", "who"), _name),
    **dict.fromkeys(("task", "parent", "other"), _task),
    **dict.fromkeys(("text", "old", "new"), _text),
    **dict.fromkeys(("title", "what"), _title),
    "purpose": _purpose,
    "query": partial(_name_without, ("task", "tasks"), _LONGEST_NAME),
    "label": partial(_name_without, _NO_LABEL, 3),
    "items": _items,
    "person": _person,
    "quotation": _quotation,
    "statement": _statement,
    "status": partial(_one_of, vocabulary.STATUS),
    "state": partial(_one_of, vocabulary.STATE),
    "listed": partial(_one_of, vocabulary.LISTED),
    "priority": partial(_one_of, vocabulary.PRIORITY),
    "number": _number,
}
