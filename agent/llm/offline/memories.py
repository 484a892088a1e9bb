"""What a statement is remembered as, and which memory it makes outdated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.llm.base import MemoryBrief
from agent.llm.offline.grammar import FORMS, Form
from agent.llm.offline.matching import Gaps, matches
from agent.llm.offline.names import find_memory, fits
from agent.llm.offline.new_tasks import capitalised, free_text, sentence, without_article
from agent.llm.offline.tokens import text_of, words_of
from agent.llm.offline.vocabulary import word_set
from agent.shorten import shorten

MAX_CONTENT = 10_000
_MAX_TITLE = 100
_REASON = re.compile(
    r",? (?:because|since|so that|as it|as we|due to|in order to)\b|[;(]|, (?:which|as)\b", re.I
)
_INSTEAD = re.compile(r",? (?:instead of|rather than|in place of|and not|not) ", re.I)
# "We test on Firefox" is how people work; "we have two doctors" is a fact.
_FACTS = word_set("are am were was have had has will can could should must may need want did do")


@dataclass(frozen=True, slots=True)
class Statement:
    """What is to be remembered. `old`: the name of what it replaces; `new`: what takes its place."""

    title: str
    content: str
    kind: str
    old: str = ""
    new: str = ""


def statement(form: Form, gaps: Gaps, said: str) -> Statement:
    """Returns what the clause `said` states."""
    if form.intent == "remember":
        return _inner(free_text(gaps["text"]))
    what, old, new = (free_text(gaps[one]) if one in gaps else "" for one in ("what", "old", "new"))
    if what:
        new, _, old = _INSTEAD.sub("\0", what, count=1).partition("\0")
    title = f"not {old}" if form.value == "not" else new
    kind = "preference" if form.intent == "prefer" else "decision"
    return Statement(_title(title), sentence(said), kind, _short(old), _short(new))


def _inner(said: str) -> Statement:
    """Returns what is remembered: a statement of its own, how people work, or else a fact."""
    tokens = words_of(said)
    for form in (one for one in FORMS if one.intent in ("decide", "switch", "prefer")):
        for gaps in matches(form.pattern, tokens)[:1]:
            return statement(form, gaps, said)
    verb = tokens[1].key if len(tokens) > 2 and tokens[0].key in ("we", "i") else "are"
    if verb not in _FACTS and not verb.endswith("ed"):
        return Statement(_title(text_of(tokens[1:])), sentence(said), "preference")
    return Statement(_title(said), sentence(said), "fact")


def _short(text: str) -> str:
    reason = _REASON.search(text)
    return (text[: reason.start()] if reason and reason.start() > 2 else text).strip(" .,!")


def _title(text: str) -> str:
    return shorten(capitalised(without_article(_short(text))), _MAX_TITLE)


def replacing(
    stated: Statement, memories: Sequence[MemoryBrief]
) -> tuple[Statement, MemoryBrief | None]:
    """Returns what takes the place of the memory that is no longer true with `stated`, and that memory;
    what it says besides stays as it is. Raises NotFound when several may be meant.
    """
    of_kind = [memory for memory in memories if memory.kind == stated.kind]
    texts = {one.id: f"{one.title} {one.content}" for one in of_kind}
    if not stated.old or not fits(stated.old, texts):
        return stated, None
    memory = find_memory(stated.old, of_kind)
    old = re.compile(rf"(?<!\w){re.escape(stated.old)}(?!\w)", re.I)
    if not stated.new or not old.search(memory.content):
        return stated, memory
    title, content = (old.sub(lambda _: stated.new, one) for one in (memory.title, memory.content))
    return Statement(title, content, memory.kind), memory
