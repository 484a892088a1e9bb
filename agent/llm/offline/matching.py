"""Patterns of words and gaps, and what they match. A match accounts for every word of its clause.

A pattern is words with spaces between them:

- `mark|set`: one of them; `to_do`: two words in a row;
- `[the|a]`: may be missing, and may hold several words;
- `<delete>`: one of the words that stand under this name in `NAMED`;
- `{task}`: a gap, whose name tells what may fill it (`_GAPS`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from agent.llm.offline import vocabulary
from agent.llm.offline.tokens import Token
from agent.text.words import STOP

Tokens = tuple[Token, ...]
Gaps = Mapping[str, Tokens]

_TASK = "task|ticket|todo|to-do|to_do|card|issue"
NAMED = {
    "create": "create|add|make|open|i_need|we_need",
    "task": _TASK,
    "tasks": "tasks|tickets|todos|to-dos|to_dos|cards|issues",
    "set": "mark|set|change|move|put|switch",
    "delete": "delete|remove|drop|discard|erase|get_rid_of",
    "show": "show|list|display|give",
    "what_is": "what_is|what's|whats|what_are",
    "we": "we|i|we've|i've|we_have|i_have|the_team|our_team",
    "often": "also|now|just|finally|all|already|both|really|strongly",
    "board": "to_the_board|on_the_board|to_the_list|on_the_list|to_the_backlog|to_my_list|to_our_list",
    "memory": "memory|memories|decision|decisions|preference|preferences|fact|facts|note|notes",
}
# A title has at most 200 characters; so many words of it fill a gap.
_LONGEST_NAME = 40
_LONGEST_LABEL = 3


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# No name begins with these: they are what is left of a question, a condition or an order.
_NO_NAME = _set(
    "when where how whether if unless to of is are was as by and or with should could would will there "
    "nothing nobody make let"
)
_NEVER_IN_NAME = _set("what which who whose why no not longer doesn't don't never")
# With "of" or a quotation behind it, one of these is something of a task, and no task.
_PARTS = _set(
    "status state priority prio title name description dependency memory memories decision decisions "
    "preference preferences fact facts note notes subtasks sub-tasks parts"
)
_OF = _set("of for about on from between called")
# A single task is called by none of these.
_NO_TASK = _set(
    "tasks tickets todos items board backlog list project memory memories notes facts decisions "
    "preferences everything anything something"
)
_NO_LABEL = STOP | _set(
    "another new second first third next last similar same duplicate recurring daily weekly monthly "
    "repeating sub subtask parent main whole single every any following task tasks me us priority prio"
)
_NO_TEXT = _set("of for from under in mind")


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
    nodes = _nodes(pattern)
    if not tokens or not _may_begin(nodes, tokens[0]):
        return []
    return [gaps for end, gaps in _match(nodes, tokens, 0) if end == len(tokens)]


def begins(pattern: str, tokens: Tokens) -> int:
    """Returns how many of `tokens` `pattern` takes from their start, at most; 0 when it fits none."""
    nodes = _nodes(pattern)
    if not tokens or not _may_begin(nodes, tokens[0]):
        return 0
    return max((end for end, _ in _match(nodes, tokens, 0)), default=0)


@cache
def gap_names(pattern: str) -> frozenset[str]:
    return frozenset(
        part[1:-1] for part in pattern.replace("[", " ").replace("]", " ").split() if part[0] == "{"
    )


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
            stack[-1].append(_Words(_ways(part)))
    (nodes,) = stack
    return tuple(nodes)


def _ways(part: str) -> tuple[tuple[str, ...], ...]:
    words = part
    for name, meant in NAMED.items():
        words = words.replace(f"<{name}>", meant)
    ways = (tuple(way.split("_")) for way in words.split("|"))
    return tuple(sorted(ways, key=len, reverse=True))


def _may_begin(nodes: Sequence[_Node], token: Token) -> bool:
    firsts = _firsts(tuple(nodes))
    return firsts is None or token.key in firsts


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


def _match(nodes: Sequence[_Node], tokens: Tokens, at: int) -> Iterator[tuple[int, Gaps]]:
    """Yields where `nodes` may end when they begin `at`, with what fills their gaps."""
    if not nodes:
        yield at, {}
        return
    node, rest = nodes[0], nodes[1:]
    match node:
        case _Words(ways):
            for way in ways:
                if _stands(way, tokens, at):
                    yield from _match(rest, tokens, at + len(way))
        case _Maybe(inner):
            yield from _match((*inner, *rest), tokens, at)
            yield from _match(rest, tokens, at)
        case _Gap(name):
            for end in _GAPS[name](tokens, at, not rest):
                for last, gaps in _match(rest, tokens, end):
                    yield last, {name: tokens[at:end], **gaps}


def _stands(way: Sequence[str], tokens: Tokens, at: int) -> bool:
    return all(
        at + place < len(tokens) and tokens[at + place].key == word
        for place, word in enumerate(way)
    )


# -- gaps: each yields where it may end ------------------------------------------------------------

_Ends = Callable[[Tokens, int, bool], Iterator[int]]


def _name(tokens: Tokens, at: int, is_last: bool, longest: int = _LONGEST_NAME) -> Iterator[int]:
    if at >= len(tokens) or not tokens[at].is_word or tokens[at].key in _NO_NAME:
        return
    if _is_part(tokens, at):
        return
    for end in range(at + 1, min(len(tokens), at + longest) + 1):
        last = tokens[end - 1]
        if (
            last.items
            or last.key in _NEVER_IN_NAME
            or key_of(tokens[end - 1 : end + 1]) == "status to"
        ):
            return
        if last.is_word and (end == len(tokens) or not is_last):
            yield end


def _is_part(tokens: Tokens, at: int) -> bool:
    """Tells whether "the status of …" stands there, or "the memory “…”"."""
    at += tokens[at].key in ("the", "my", "our")
    behind = tokens[at + 1] if at + 1 < len(tokens) else None
    return (
        tokens[at : at + 1] != ()
        and tokens[at].key in _PARTS
        and (behind is not None and (behind.quoted or behind.key in _OF))
    )


def _task(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    for end in _name(tokens, at, is_last):
        if tokens[end - 1].key not in _NO_TASK:
            yield end


def _query(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    for end in _name(tokens, at, is_last):
        if not any(token.key in ("task", "tasks") for token in tokens[at:end]):
            yield end


def _label(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    """A short name without little words: "login" in "add a login task"."""
    no_label = (_NO_LABEL, vocabulary.LISTED, vocabulary.PRIORITY)
    for end in _name(tokens, at, is_last, _LONGEST_LABEL):
        if not any(token.key in words for words in no_label for token in tokens[at:end]):
            yield end


def _person(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    for end in _name(tokens, at, is_last, 2):
        if not tokens[at].key.endswith("ing"):
            yield end


def _quotation(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    if at < len(tokens) and tokens[at].quoted:
        yield at + 1


def _text(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    """Free words: to the end of the clause, or as few as may be when something follows."""
    if at >= len(tokens) or not tokens[at].is_word or tokens[at].items:
        return
    if is_last:
        yield len(tokens)
        return
    yield from range(at + 1, min(len(tokens), at + _LONGEST_NAME) + 1)


def _title(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    """Free words; a quotation at their start is the whole title."""
    if at < len(tokens) and tokens[at].quoted:
        yield from (at + 1 for _ in range(1) if not is_last or at + 1 == len(tokens))
    elif at < len(tokens) and tokens[at].key not in _NO_TEXT:
        yield from _text(tokens, at, is_last)


def _purpose(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    """A title behind "for": in "for Bob to …" there is a person."""
    person = any(token.key == "to" for token in tokens[at + 1 : at + 3])
    if at < len(tokens) and not (person and not tokens[at].key.endswith("ing")):
        yield from _title(tokens, at, is_last)


def _statement(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    if at < len(tokens) and tokens[at].key in ("we", "i", "our", "my", "the", "all", "every"):
        yield from _text(tokens, at, is_last)


def _items(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    if at < len(tokens) and tokens[at].is_word and is_last:
        yield len(tokens)


def _one_of(said: Mapping[str, object], tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    for end in (at + 2, at + 1):
        if end <= len(tokens) and key_of(tokens[at:end]) in said:
            yield end


def _number(tokens: Tokens, at: int, is_last: bool) -> Iterator[int]:
    if at < len(tokens) and (tokens[at].key in vocabulary.NUMBER or tokens[at].key.isdecimal()):
        yield at + 1


def key_of(tokens: Sequence[Token]) -> str:
    """Returns the words as the vocabulary has them."""
    return " ".join(token.key for token in tokens)


_GAPS: Mapping[str, _Ends] = {
    **dict.fromkeys(("tasks", "on", "topic", "memory", "who"), _name),
    **dict.fromkeys(("task", "parent", "other"), _task),
    **dict.fromkeys(("text", "old", "new"), _text),
    **dict.fromkeys(("title", "what"), _title),
    "purpose": _purpose,
    "query": _query,
    "items": _items,
    "label": _label,
    "person": _person,
    "quotation": _quotation,
    "statement": _statement,
    "status": partial(_one_of, vocabulary.STATUS),
    "state": partial(_one_of, vocabulary.STATE),
    "listed": partial(_one_of, vocabulary.LISTED),
    "priority": partial(_one_of, vocabulary.PRIORITY),
    "number": _number,
}
