"""What a message says, clause by clause: forms of the grammar, and what fits none. Looks nothing up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.llm.offline.grammar import FORMS, QUESTIONS, Form, Intent
from agent.llm.offline.matching import Gaps, Tokens, begins, gap_names, matches
from agent.llm.offline.tokens import Sentence, TooLong, sentences, text_of

# So many places of one sentence may begin another clause; a plan has no more than 20 steps.
_MOST_PLACES = 120
# Words that may be passed over before a clause and behind it.
_BEFORE = tuple(
    tuple(said.split())
    for said in (
        *(
            "actually",
            "please",
            "kindly",
            "just",
            "also",
            "and",
            "so",
            "now",
            "ok",
            "okay",
            "well",
            "hi",
            "hello",
            "hey",
        ),
        *(
            "thanks",
            "thank you",
            "great",
            "could you",
            "can you",
            "would you",
            "will you",
            "i want you to",
        ),
        *(
            "i'd like you to",
            "i would like you to",
            "i'd like to",
            "i would like to",
            "i want to",
            "we want to",
        ),
        *(
            "i need you to",
            "i need to",
            "we need to",
            "let's",
            "let us",
            "go ahead and",
            "you can",
            "tell me",
        ),
        *(
            "can you tell me",
            "then",
            "next",
            "finally",
            "lastly",
            "first",
            "second",
            "third",
            "after that",
            "afterwards",
        ),
    )
)
_BEHIND = (
    *(("please",), ("thanks",), ("thank", "you"), ("for", "me"), ("for", "us")),
    *(("too",), ("as", "well"), ("now",), ("right", "now"), ("already",), ("again",), ("then",)),
)
_THEN = frozenset(
    [("then",), ("finally",), ("lastly",), ("after", "that"), ("afterwards",), ("next",)]
)
_POLITE = frozenset([("could", "you"), ("can", "you"), ("would", "you"), ("will", "you")])
_JOINS = frozenset([",", ";", "and", "then", "but", "–", "-", "—", "&"])
_AFTER_COMMAND = frozenset(
    {Intent.DELETE, Intent.STATUS, Intent.PRIORITY, Intent.MOVE, Intent.FORGET, Intent.RELEASE}
)
# Only a comma or "then" leads from a command to these: "sign up and list tasks" may be one title.
_WEAK = frozenset({Intent.LIST, Intent.FIND, Intent.TALK, Intent.HELP, Intent.URGENT, Intent.ABOUT})
_CREATING = frozenset({Intent.CREATE, Intent.ANOTHER, Intent.SUBTASK})
_LISTS = frozenset({Intent.CREATE_ALL, Intent.SUBTASKS, Intent.REQUIRE})


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
    def intent(self) -> Intent:
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
        for sentence in sentences(message):
            asks = sentence.asks and not _is_polite(sentence.tokens)
            for part, after in _parts(sentence):
                found = _clause(part, asks, after, message)
                if isinstance(found, Clause) and not _is_lonely(found, clauses):
                    clauses.append(found)
                else:
                    unread.append(found if isinstance(found, Unread) else Unread(found.said))
    except TooLong:
        return Reading(too_long=True)
    return Reading(tuple(clauses), tuple(unread))


def _is_lonely(clause: Clause, before: Sequence[Clause]) -> bool:
    """Tells whether the clause says something only behind another one that is not there."""
    if clause.intent == Intent.ANOTHER:
        return not any(one.intent in _CREATING for one in before)
    return clause.intent == Intent.REASON and not before


# -- where a sentence falls apart ------------------------------------------------------------------


def _parts(sentence: Sentence) -> Iterator[tuple[Tokens, bool]]:
    """Yields the clauses of a sentence, and whether each was said to come after the one before.

    It is cut where the words behind a comma, an "and" or a "then" are a form of their own.
    """
    tokens = sentence.tokens
    places = _places(tokens)
    if len(places) > _MOST_PLACES:
        yield tokens, False
        return
    start = 0
    for index, (join, place) in enumerate(places):
        if join >= start and _is_cut(
            tokens, start, join, place, [*places[index + 1 :], (len(tokens), 0)]
        ):
            yield tokens[start:join], _said_then(tokens, start)
            start = join
    yield tokens[start:], _said_then(tokens, start)


def _places(tokens: Tokens) -> list[tuple[int, int]]:
    """Returns where clauses may begin: the place of the joining words, and of what comes behind."""
    places = []
    at = 1
    while at < len(tokens):
        begin = at
        while at < len(tokens) and tokens[at].key in _JOINS:
            at += 1
        if begin < at < len(tokens) or tokens[begin].key in ("because", "since"):
            places.append((begin, at))
        at = max(at, begin + 1)
    return places


def _is_cut(
    tokens: Tokens, start: int, join: int, place: int, ends: Sequence[tuple[int, int]]
) -> bool:
    joining = {token.key for token in tokens[join:place]}
    if _is_passed_over(tokens[start:join]):
        return False
    for end, _ in (*ends[:3], ends[-1]):
        form = _form_of(tokens[join:end])
        if form is None:
            continue
        before = _form_of(tokens[start:join])
        if form.intent == Intent.REASON:
            return before is not None and before.intent in _AFTER_COMMAND
        if form.intent == Intent.ANOTHER and (before is None or before.intent not in _CREATING):
            return False
        if before is not None and before.intent in _LISTS:
            return "then" in joining or _starts_then(tokens[place:end])
        is_free = before is None or before.intent not in QUESTIONS
        return not (form.intent in _WEAK and joining == {"and"} and is_free)
    return False


def _is_passed_over(tokens: Tokens) -> bool:
    return max(_beginnings(tokens)) >= len(tokens)


def _form_of(tokens: Tokens) -> Form | None:
    found = _match(_without_joins(tokens))
    return found[0] if found else None


def _without_joins(tokens: Tokens) -> Tokens:
    while tokens and (tokens[0].key in _JOINS or not tokens[0].is_word):
        tokens = tokens[1:]
    while tokens and (
        tokens[-1].key in _JOINS or not (tokens[-1].is_word or tokens[-1].key == ")")
    ):
        tokens = tokens[:-1]
    return tokens


def _said_then(tokens: Tokens, start: int) -> bool:
    joining = [token.key for token in tokens[start : start + 3] if token.key in _JOINS]
    return "then" in joining or _starts_then(_without_joins(tokens[start:]))


def _starts_then(tokens: Tokens) -> bool:
    return any(_begins_with(tokens, words) for words in _THEN)


# -- which form a clause has -----------------------------------------------------------------------


def _clause(tokens: Tokens, asks: bool, after: bool, message: str) -> Clause | Unread:
    tokens = _without_joins(tokens)
    found = _match(tokens)
    if found is None:
        return _unread(tokens, asks, message)
    if asks and found[0].intent not in QUESTIONS:
        return Unread(text_of(tokens, message), asks=True, is_order=True)
    form, ways, matched = found
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


def _is_polite(tokens: Tokens) -> bool:
    """Tells whether the sentence asks for something to be done: "could you …?"."""
    return any(_begins_with(tokens[at:], words) for at in _beginnings(tokens) for words in _POLITE)


def _beginnings(tokens: Tokens) -> Iterator[int]:
    """Yields where the clause may begin, words that are passed over left out one by one."""
    at = 0
    while True:
        yield at
        passed = next((words for words in _BEFORE if _begins_with(tokens[at:], words)), None)
        if passed is None:
            return
        at += len(passed)
        while at < len(tokens) and not tokens[at].is_word:
            at += 1


def _endings(tokens: Tokens) -> Iterator[int]:
    end = len(tokens)
    if end and _ends_with(tokens, ("please",)):
        end -= 1
    while True:
        while end and not tokens[end - 1].is_word and tokens[end - 1].key != ")":
            end -= 1
        yield end
        passed = next((words for words in _BEHIND if _ends_with(tokens[:end], words)), None)
        if passed is None:
            return
        end -= len(passed)


def _begins_with(tokens: Tokens, words: Sequence[str]) -> bool:
    return len(tokens) >= len(words) and all(
        token.key == word for token, word in zip(tokens, words, strict=False)
    )


def _ends_with(tokens: Tokens, words: Sequence[str]) -> bool:
    return len(tokens) > len(words) and _begins_with(tokens[-len(words) :], words)


def _unread(tokens: Tokens, asks: bool, message: str) -> Unread:
    """Says how far the form that takes the most words of it gets."""
    most = 0
    for begin in _beginnings(tokens):
        taken = max(
            (begins(form.pattern, tokens[begin:]) for form in FORMS if _is_closed(form)), default=0
        )
        most = max(most, begin + taken if taken else 0)
    return Unread(text_of(tokens, message), text_of(tokens[:most], message), asks)


def _is_closed(form: Form) -> bool:
    """Tells whether what stands behind the form is no part of a gap at its end."""
    return not form.pattern.endswith("}") or bool(
        gap_names(form.pattern) & {"status", "state", "priority", "listed"}
    )
