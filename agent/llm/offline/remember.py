"""Statements worth remembering: what they say, how the memory is called, and its kind."""

from __future__ import annotations

import re

from agent.llm.base import MemoryBrief
from agent.llm.offline.titles import capitalised, clean, cut, sentence, without_article
from agent.llm.offline.wishes import Aside, Remember, Unclear, Wish
from agent.llm.offline.words import key, stems

MAX_MEMORY_TITLE = 100
MAX_CONTENT = 10_000

_ASKED = re.compile(
    r"(?:(?:also )?remember|keep in mind|bear in mind|make a note|take note|note(?: down)?"
    r"|memori[sz]e|for the record"
    r"|(?:don['’]t|do not|never) forget|save (?:to|in) (?:the |your )?memory|store)"
    r"(?: that\b|:|,| -)? ?",
    re.I,
)
_FOR_LATER = re.compile(
    r"(?:add|save|store|put) (?P<said>.+) (?:to|in|into) (?:the |your |our )?memory[.!]?", re.I
)
_WE = r"(?:we|i|the team|our team|they)"
_HAVE = r"(?:['’]ve| have|['’]re| are|['’]ll| will|['’]d| had)?"
_OFTEN = r"(?: all| also| now| both| finally| just| already)*"
_DECISION = re.compile(
    rf"(?:{_WE}{_HAVE}{_OFTEN} (?:decided|chose|chosen|picked(?! up)|selected|agreed|settled"
    rf"|opted|committed)\b"
    rf"|{_WE}{_HAVE}{_OFTEN} (?:going|went|go|stick|sticking)(?= (?:with|for)\b)"
    rf"|{_WE}(?:['’]ll| will){_OFTEN} (?:use|be using|take)\b"
    r"|it (?:was|has been|is) (?:decided|agreed)|(?:the|our) decision is|decisions?:|decided:"
    r"|let['’]?s (?:go with|use|stick with|stick to|take|choose|pick))"
    r"(?: (?:to go with|to use|to take|to pick|to choose|in favou?r of|using|with|upon|on|that|to"
    r"|for)\b)?:? ?"
    r"(?P<what>.+)",
    re.I,
)
_PREFERENCE = re.compile(
    rf"(?:{_WE}(?!(?:['’]d| would)(?: \w+)? (?:like|love))(?:['’]d| would)?{_OFTEN} (?:(?:really "
    rf"|much |strongly )?(?:prefer|like|love|hate|dislike|rather)"
    rf"|(?:don['’]t|do not) (?:like|want))(?: to| that| it when)?"
    r"|(?:my|our) preferences? (?:is|are)(?: to| that)?|preferences?:) (?P<what>.+)",
    re.I,
)
_HABIT = re.compile(rf"(?:{_WE} )?(?P<what>(?:always|never|usually|normally|generally) .+)", re.I)
_PRACTICE = re.compile(
    rf"{_WE}{_OFTEN} (?!(?:are|am|were|was|have|had|has|will|can|could|should|must|may|might|need"
    rf"|want|did"
    r"|do not|don['’]t|cannot|can['’]t|know|think|believe|got|met|sold|lost"
    r"|[a-z]+ed)\b)(?P<what>[a-z]+ .+)",
    re.I,
)
_REASON = re.compile(
    r",? (?:because|since|so that|as it|as we|due to|in order to)\b|[;(]|, (?:which|as)\b", re.I
)
_PROJECT = re.compile(
    r"(?:we|i)(?:['’]re| are|['’]m| am)(?: currently| now)? (?:building|making|developing"
    r"|creating|planning|designing|writing"
    r"|working on an?) .+|(?:our app|our product|the app) is (?:an?|the|our) .+"
    r"|(?:our|the|this|my) project is .+|our (?:users|customers|clients|team) (?:is|are) .+"
    r"|(?:i|we)(?:['’]d like| want| would like)? to plan an? .+",
    re.I,
)


def statement(text: str) -> Wish | None:
    """Returns what `text` tells to be remembered, or None when it tells nothing of the kind."""
    if text.rstrip().endswith("?"):
        return None
    if asked := _ASKED.match(text):
        return _asked_for(text[asked.end() :].strip())
    if len(text) <= MAX_CONTENT and (later := _FOR_LATER.fullmatch(text)):
        return _asked_for(later["said"])
    return _decision(text) or _preference(text) or _project(text)


def _asked_for(said: str) -> Wish:
    if not key(said):
        return Unclear(
            "What shall I remember? Say for example “Remember that we test on Firefox too”."
        )
    return stated(said)


def stated(said: str) -> Remember:
    """Returns the memory of `said`, whatever it is about."""
    found = _decision(said) or _preference(said)
    if found is not None:
        return found
    if practice := _PRACTICE.match(said):
        return _remember(said, practice["what"], "preference")
    return _remember(said, re.sub(r"^to (?=\w)", "", said), "fact")


def as_kind(said: str, kind: str) -> Remember:
    """Returns `said`, an item of a list of such memories, as one."""
    found = _decision(said) or _preference(said)
    return found if found is not None else _remember(said, said, kind)


def _decision(text: str) -> Remember | None:
    match = _DECISION.match(text)
    if match is None:
        return None
    what = match["what"]
    if what.lower().startswith("against "):
        what = "not " + what.removeprefix(what[:8])
    return _remember(text, what, "decision")


def _preference(text: str) -> Remember | None:
    if match := _PREFERENCE.match(text):
        if not stems(match["what"]):
            return None  # "I like it"
        avoids = re.search(r"(?:don['’]t|do not|hate|dislike)", text[: match.start("what")], re.I)
        return _remember(text, ("no " if avoids else "") + match["what"], "preference")
    match = _HABIT.match(text)
    return _remember(text, match["what"], "preference") if match else None


def _project(text: str) -> Aside | None:
    return Aside("project", text) if _PROJECT.match(text) else None


def _remember(said: str, what: str, kind: str) -> Remember:
    reason = _REASON.search(what)
    short = what[: reason.start()] if reason and reason.start() > 3 else what
    return Remember(said, without_article(short), kind)


# -- what becomes of it ----------------------------------------------------------------------------


def memory_title(title: str) -> str:
    return cut(capitalised(clean(title)), MAX_MEMORY_TITLE)


def memory_content(said: str) -> str:
    return cut(sentence(said), MAX_CONTENT)


def same(
    title: str, content: str, kind: str, memories: tuple[MemoryBrief, ...]
) -> MemoryBrief | None:
    """Returns the memory that says the same as `content`, or says it in other numbers."""
    for memory in memories:
        same_name = memory.kind == kind and key(memory.title) == key(title)
        if same_name or key(memory.content) == key(content):
            return memory
    told = _told(content)
    for memory in memories:
        if len(told) > 1 and told == _told(memory.content):
            return memory
    return None


def says_the_same(content: str, memory: MemoryBrief) -> bool:
    """Tells whether `content` adds nothing to `memory`."""
    return stems(content) == stems(memory.content)


def _told(content: str) -> frozenset[str]:
    return frozenset(word for word in stems(content) if not word.isdigit())
