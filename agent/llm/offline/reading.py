"""What a message says, clause by clause: forms of the grammar, and what fits none. Looks nothing up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.llm.offline.grammar import CREATING, FORMS, LISTING, QUESTIONS, Form
from agent.llm.offline.matching import Gaps, Tokens, begins, matches
from agent.llm.offline.tokens import Sentence, TooLong, sentences, text_of

# So many places of one sentence may begin another clause; a plan has no more than 20 steps.
_MOST_PLACES = 120
_POLITE = "could you,can you,would you,will you,can you tell me,could you tell me"
_THEN = "then,finally,lastly,after that,afterwards,next"
# Words that may be passed over before a clause, and behind it.
_BEFORE = (
    "actually,please,kindly,just,also,and,so,now,ok,okay,well,hi,hello,hey,thanks,thank you,great,"
    "i want you to,i'd like you to,i would like you to,i'd like to,i would like to,i want to,we want to,"
    "i need you to,i need to,we need to,let's,let us,go ahead and,you can,tell me,first,second,third"
)
_BEHIND = "please,thanks,thank you,for me,for us,too,as well,now,right now,already,again,then"
_JOINS = frozenset((",", ";", "and", "then", "but", "–", "-", "—", "&"))
# A reason may follow on these.
_HAS_REASON = frozenset(("delete", "status", "priority", "move", "forget", "release"))
# "Sign up and list tasks" may be one title: only a comma or "then" leads from a command to these.
_WEAK = frozenset(("list", "find", "talk", "help", "urgent", "about"))

# A gap for free words at the end of a form would take anything.
_CLOSED = ("{status}", "{priority}", "{listed}")


def _phrases(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(phrase.split()) for phrase in text.split(","))


_PASSED_BEFORE = _phrases(f"{_POLITE},{_BEFORE},{_THEN}")
_PASSED_BEHIND = _phrases(_BEHIND)


@dataclass(frozen=True, slots=True)
class Clause:
    """One form as it was said, without what was passed over.

    `ways`: how its words may fall into the gaps; `after`: said as "then".
    """

    form: Form
    ways: tuple[Gaps, ...]
    said: str
    after: bool = False

    @property
    def intent(self) -> str:
        return self.form.intent


@dataclass(frozen=True, slots=True)
class Unread:
    """A clause that fits no form. `understood`: what a form could take of it, from the start."""

    said: str
    understood: str = ""
    asks: bool = False
    is_order: bool = False  # but for the question mark

    @property
    def rest(self) -> str:
        return self.said[len(self.understood) :].strip(" ,;") or self.said


@dataclass(frozen=True, slots=True)
class Reading:
    clauses: tuple[Clause, ...] = ()
    unread: tuple[Unread, ...] = ()
    too_long: bool = False


def read(message: str) -> Reading:
    clauses: list[Clause] = []
    unread: list[Unread] = []
    try:
        parts = [part for sentence in sentences(message) for part in _parts(sentence)]
    except TooLong:
        return Reading(too_long=True)
    for tokens, after, asks in parts:
        found = _clause(tokens, asks, after, message)
        if isinstance(found, Unread):
            unread.append(found)
        elif _is_lonely(found, clauses):
            unread.append(Unread(found.said))
        else:
            clauses.append(found)
    return Reading(tuple(clauses), tuple(unread))


def _is_lonely(clause: Clause, before: Sequence[Clause]) -> bool:
    """Tells whether the clause says something only behind another one that is not there."""
    if clause.intent == "another":
        return not any(one.intent in CREATING for one in before)
    return clause.intent == "reason" and not before


# -- where a sentence falls apart ------------------------------------------------------------------


def _parts(sentence: Sentence) -> Iterator[tuple[Tokens, bool, bool]]:
    """Yields the clauses of a sentence, whether each comes after the one before, and whether it asks.

    The sentence is cut where the words behind a comma, an "and" or a "then" are a form of their own.
    """
    tokens = sentence.tokens
    asks = sentence.asks and not _is_polite(tokens)
    places = _places(tokens)
    start = 0
    for index, (join, place) in enumerate(places if len(places) <= _MOST_PLACES else ()):
        ends = [end for end, _ in places[index + 1 : index + 4]]
        if _is_cut(tokens, start, join, place, [*ends, len(tokens)]):
            yield tokens[start:join], _said_then(tokens[start:]), asks
            start = join
    yield tokens[start:], _said_then(tokens[start:]), asks


def _places(tokens: Tokens) -> list[tuple[int, int]]:
    """Returns where clauses may begin: the place of the joining words, and of what comes behind."""
    places = []
    at = 1
    while at < len(tokens):
        begin = at
        while at < len(tokens) and tokens[at].key in _JOINS:
            at += 1
        if begin < at < len(tokens) or tokens[begin].key == "because":
            places.append((begin, at))
        at = max(at, begin + 1)
    return places


def _is_cut(tokens: Tokens, start: int, join: int, place: int, ends: Sequence[int]) -> bool:
    before = _match(_bare(tokens[start:join]))
    if max(_beginnings(tokens[start:join])) >= join - start:
        return False  # all of it is passed over
    for end in ends:
        if found := _match(_bare(tokens[join:end])):
            joining = {token.key for token in tokens[join:place]}
            is_then = "then" in joining or _said_then(tokens[join:end])
            return _leads_on(before[0].intent if before else "", found[0].intent, joining, is_then)
    return False


def _leads_on(before: str, intent: str, joining: set[str], is_then: bool) -> bool:
    """Tells whether a clause of `intent` follows on one of `before`, or is a part of its words."""
    if intent == "reason":
        return before in _HAS_REASON
    if intent == "another" and before not in CREATING:
        return False
    if before in LISTING:
        return is_then
    return before in QUESTIONS or not (intent in _WEAK and joining == {"and"})


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
    joins = [token.key for token in tokens[:3] if token.key in _JOINS]
    return "then" in joins or any(_begins_with(_bare(tokens), words) for words in _phrases(_THEN))


def _is_polite(tokens: Tokens) -> bool:
    """Tells whether the sentence asks for something to be done: "could you …?"."""
    starts = (tokens[at:] for at in _beginnings(tokens))
    return any(_begins_with(start, words) for start in starts for words in _phrases(_POLITE))


# -- which form a clause has -----------------------------------------------------------------------


def _clause(tokens: Tokens, asks: bool, after: bool, message: str) -> Clause | Unread:
    tokens = _bare(tokens)
    found = _match(tokens)
    if found is None:
        return _unread(tokens, asks, message)
    form, ways, matched = found
    if asks and form.intent not in QUESTIONS | {"talk", "help"}:
        return Unread(text_of(tokens, message), asks=True, is_order=True)
    return Clause(form, tuple(ways), text_of(matched, message), after)


def _match(tokens: Tokens) -> tuple[Form, list[Gaps], Tokens] | None:
    """Returns the first form that is all of `tokens`, but for words that may be passed over."""
    for begin in _beginnings(tokens):
        for end in _endings(tokens[begin:]):
            rest = tokens[begin : begin + end]
            for form in FORMS:
                if ways := matches(form.pattern, rest):
                    return form, ways, rest
    return None


def _beginnings(tokens: Tokens) -> Iterator[int]:
    """Yields where the clause may begin, words that are passed over left out one by one."""
    at = 0
    while True:
        yield at
        passed = [words for words in _PASSED_BEFORE if _begins_with(tokens[at:], words)]
        if not passed:
            return
        at += len(passed[0])
        while at < len(tokens) and not tokens[at].is_word:
            at += 1


def _endings(tokens: Tokens) -> Iterator[int]:
    """Yields where the clause may end; "please" is no part of it in any case."""
    end = len(tokens) - (len(tokens) > 1 and tokens[-1].key == "please")
    while True:
        while end and not tokens[end - 1].is_word and tokens[end - 1].key != ")":
            end -= 1
        yield end
        sizes = [
            len(words)
            for words in _PASSED_BEHIND
            if end > len(words) and _begins_with(tokens[end - len(words) : end], words)
        ]
        if not sizes:
            return
        end -= sizes[0]


def _begins_with(tokens: Tokens, words: Sequence[str]) -> bool:
    return tuple(token.key for token in tokens[: len(words)]) == words


def _unread(tokens: Tokens, asks: bool, message: str) -> Unread:
    """Says how far the form that takes the most words of it gets."""
    closed = [
        form for form in FORMS if not form.pattern.endswith("}") or form.pattern.endswith(_CLOSED)
    ]
    most = 0
    for begin in _beginnings(tokens):
        taken = max(begins(form.pattern, tokens[begin:]) for form in closed)
        most = max(most, begin + taken if taken else 0)
    return Unread(text_of(tokens, message), text_of(tokens[:most], message), asks)
