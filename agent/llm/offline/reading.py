"""What a message says, clause by clause: forms of the grammar, and what fits none. Looks nothing up."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from agent.llm.offline.grammar import CREATING, FORMS, LISTING, QUESTIONS, Form
from agent.llm.offline.matching import Gaps, Tokens, begins, key_of, matches
from agent.llm.offline.tokens import sentences, text_of

# So many places of one sentence may begin another clause; a plan has no more than 20 steps.
_MOST_PLACES = 40
_POLITE = ("could you", "can you", "would you", "will you", "can you tell me", "could you tell me")
_THEN = ("then", "finally", "lastly", "after that", "afterwards", "next")
# Words that may be passed over before a clause, and behind it.
_BEFORE = (
    "actually,please,pls,plz,kindly,just,also,and,so,now,ok,okay,well,hi,hello,hey,thanks,thank you,"
    "great,i want you to,i'd like to,i would like to,i want to,we want to,i need to,"
    "we need to,let's,let us,tell me,first,second,third"
)
_BEHIND = "please,pls,thanks,thank you,for me,for us,too,as well,now,right now,already,again,then"
_PASSED_BEFORE = frozenset((*_POLITE, *_BEFORE.split(","), *_THEN))
_PASSED_BEHIND = frozenset(_BEHIND.split(","))
_LONGEST_PASSED = 4  # in words
_MOST_PASSED = 5
_JOINS = frozenset((",", ";", "and", "then", "but", "–", "-", "—", "&"))
# "Sign up and list tasks" may be one title: only a comma or "then" leads from a command to these.
_WEAK = frozenset(("list", "find", "talk", "help", "about"))
# A gap for free words at the end of a form would take anything.
_VALUES = ("{status}", "{priority}", "{listed}")
_CLOSED = [one.pattern for one in FORMS if one.pattern.endswith(_VALUES) or one.pattern[-1] != "}"]


@dataclass(frozen=True, slots=True)
class Clause:
    """What was said, without what was passed over."""

    form: Form  # the first one of the grammar that it has
    ways: Sequence[Gaps]  # how its words may fall into gaps
    said: str
    after: bool = False  # said as "then"


@dataclass(frozen=True, slots=True)
class Unread:
    """A clause that fits no form. `understood`: what a form could take of it, from the start."""

    said: str
    understood: str = ""
    is_order: bool = False  # but for the question mark

    @property
    def rest(self) -> str:
        return self.said[len(self.understood) :].strip(" ,;") or self.said


@dataclass(frozen=True, slots=True)
class Reading:
    """The clauses of a message, and those that fit no form: all of a message in which nothing fits."""

    clauses: tuple[Clause, ...]
    unread: tuple[Unread, ...]


def read(message: str) -> Reading:
    """Raises TooLong."""
    found: list[Clause | Unread] = []
    for tokens, asks in sentences(message):
        is_polite = any(key_of(tokens[at : at + 2]) in _POLITE for at in _beginnings(tokens))
        for part in _parts(tokens):
            before = {one.form.intent for one in found if isinstance(one, Clause)}
            found.append(_clause(part, asks and not is_polite, before))
    clauses = tuple(one for one in found if isinstance(one, Clause))
    unread = tuple(one for one in found if isinstance(one, Unread))
    return Reading(clauses, unread if found else (Unread(message),))


def _may_follow(intent: str, before: Collection[str]) -> bool:
    """Tells whether a clause says something behind those of `before`: "another …" needs one."""
    if intent == "another":
        return not CREATING.isdisjoint(before)
    return intent != "reason" or not {*before} <= CREATING | LISTING | QUESTIONS


def _parts(tokens: Tokens) -> Iterator[Tokens]:
    """Yields the clauses of a sentence: it is cut where the words behind a comma, an "and" or a "then" are
    a form of their own.
    """
    keys = [token.key for token in tokens]
    joins = [at for at in range(1, len(keys)) if keys[at] in _JOINS and keys[at - 1] not in _JOINS]
    places = sorted(joins + [at for at, key in enumerate(keys) if at and key == "because"])
    start = 0
    for index, place in enumerate(places if len(places) <= _MOST_PLACES else ()):
        if _is_cut(tokens, start, place, [*places[index + 1 : index + 4], len(tokens)]):
            yield tokens[start:place]
            start = place
    yield tokens[start:]


def _is_cut(tokens: Tokens, start: int, place: int, ends: Sequence[int]) -> bool:
    """Tells whether a clause begins at `place` that is no part of the words before it."""
    if max(_beginnings(tokens[start:place])) >= place - start:
        return False  # all of it is passed over
    readings = ((_match(_bare(tokens[place:end])), tokens[place:end]) for end in ends)
    found, said = next((one for one in readings if one[0]), (None, ()))
    if not found:
        return False
    intent = found.form.intent
    previous = _match(_bare(tokens[start:place]))
    before = previous.form.intent if previous else ""
    if intent in ("another", "reason"):
        return bool(before) and _may_follow(intent, [before])
    if before in LISTING:
        return _said_then(said)
    is_and = said[0].key == "and" and not _said_then(said)
    return before in QUESTIONS or not (intent in _WEAK and is_and)


def _bare(tokens: Tokens) -> Tokens:
    """Returns `tokens` without joining words and signs around them."""
    while tokens and (tokens[0].key in _JOINS or not tokens[0].is_word):
        tokens = tokens[1:]
    while tokens and (
        tokens[-1].key in _JOINS or not (tokens[-1].is_word or tokens[-1].key == ")")
    ):
        tokens = tokens[:-1]
    return tokens


def _said_then(tokens: Tokens) -> bool:
    bare = _bare(tokens)
    begins_so = any(key_of(bare[:size]) in _THEN for size in (1, 2))
    return begins_so or any(token.key == "then" for token in tokens[:3])


def _clause(part: Tokens, asks: bool, before: Collection[str]) -> Clause | Unread:
    """Reads a part of a sentence. `before`: the intents of the clauses before it."""
    tokens = _bare(part)
    found = _match(tokens)
    if found and asks and found.form.intent not in QUESTIONS | {"talk", "help"}:
        return Unread(text_of(tokens), is_order=True)
    if found and not _may_follow(found.form.intent, before):
        return Unread(found.said)
    if found:
        return replace(found, after=_said_then(part))
    most = 0  # how far the form gets that takes the most words of it
    for begin in _beginnings(tokens):
        taken = max(begins(pattern, tokens[begin:]) for pattern in _CLOSED)
        most = max(most, begin + taken if taken else 0)
    return Unread(text_of(tokens), text_of(tokens[:most]))


def _match(tokens: Tokens) -> Clause | None:
    """Returns the form that is all of `tokens`, but for words that may be passed over."""
    for begin in _beginnings(tokens):
        for end in _endings(tokens[begin:]):
            rest = tokens[begin : begin + end]
            for form in FORMS:
                if ways := matches(form.pattern, rest):
                    return Clause(form, ways, text_of(rest))
    return None


def _beginnings(tokens: Tokens) -> Iterator[int]:
    """Yields where the clause may begin, words that are passed over left out one by one."""
    at = 0
    for _ in range(_MOST_PASSED):
        yield at
        sizes = range(1, min(_LONGEST_PASSED, len(tokens) - at) + 1)
        size = next((n for n in sizes if key_of(tokens[at : at + n]) in _PASSED_BEFORE), 0)
        if not size:
            return
        at += size
        while at < len(tokens) and not tokens[at].is_word:
            at += 1


def _endings(tokens: Tokens) -> Iterator[int]:
    """Yields where the clause may end; "please" is no part of it in any case."""
    end = len(tokens) - (len(tokens) > 1 and tokens[-1].key == "please")
    size = 1
    while size:
        while end and not tokens[end - 1].is_word and tokens[end - 1].key != ")":
            end -= 1
        yield end
        sizes = [n for n in (1, 2) if n < end and key_of(tokens[end - n : end]) in _PASSED_BEHIND]
        size = min(sizes, default=0)
        end -= size
