"""Phrases that mean several tasks: "all login tasks", "everything about billing", "the subtasks of X".

Text in, a description out; which tasks those are, the board tells.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from agent.llm.offline.titles import clean
from agent.llm.offline.vocabulary import PRIORITIES, STATUSES, S
from agent.llm.offline.words import STOP, words

OPEN = ("pending", "in_progress", "blocked")
EVERY = (*OPEN, "completed")


@dataclass(frozen=True, slots=True)
class Group:
    """`statuses`: none for any. `topic`: words of the title, with `about` of the description too.
    `parent`: the task whose subtasks are meant, with `itself` that task too. `without`: those that
    are not meant."""

    statuses: tuple[str, ...] = ()
    priority: str = ""
    topic: str = ""
    about: bool = False
    parent: str = ""
    itself: bool = False
    without: str = ""

    @property
    def only_status(self) -> bool:
        """No word narrows it: a search by status finds all of it, however many there are."""
        return not (self.priority or self.topic or self.parent or self.without)


_KIND = r"(?:tasks|task|tickets?|to-?dos?|items?|cards?|issues?)"
_ALL = (
    r"(?:all|every|each|any|everything|anything)(?: (?:of|single))*(?: (?:the|my|our|these|those))?"
)
_OPEN = r"open|unfinished|incomplete|remaining|outstanding|undone|not (?:yet )?(?:done|completed|finished)"
_STATUS = re.compile(rf"\b(?P<status>{_OPEN}|{S})\b", re.I)
_PRIORITY = re.compile(
    rf"\b(?:(?P<priority>{'|'.join(PRIORITIES)})[ -](?:priority|prio)|(?P<urgent>urgent|critical))\b",
    re.I,
)
_SUBTASKS = re.compile(
    r"(?:all |every |each |any )*(?:of )?(?:the |its )?"
    r"(?:(?:open )?(?:sub-?tasks?|children|parts) (?:of|under|in|below|from)"
    r"|(?:everything|all tasks?|all|tasks?) (?:under|within|inside|below|that (?:is|are) part of))"
    r" (?P<parent>.+)",
    re.I,
)
_AND_SUBTASKS = re.compile(
    r"(?P<parent>.+?),? (?:and|with|including|plus) (?:all )?(?:of )?(?:its|the|all|their) ?"
    r"(?:sub-?tasks|children|parts)",
    re.I,
)
_LINK = (
    r"(?:that|which)(?: (?:are|is|have|has|mention|mentions|contain|say|deal|do))?(?: to do)?(?: with)?"
    r"|about|for|on|of|with|related to|regarding|concerning|mentioning|containing|in|to do with|called"
)
_EVERY = re.compile(
    rf"{_ALL}(?P<before>(?: (?!(?:{_LINK})\b)[\w/&'’-]+){{0,6}}?)(?: {_KIND})?"
    rf"(?: (?:{_LINK})\b(?P<after>.+))?",
    re.I,
)
_PLURAL = re.compile(
    rf"(?:the |my |our |both )?(?P<before>[^,]+?) (?:tasks|tickets|to-?dos|items|cards|issues)"
    rf"(?: (?:{_LINK})\b(?P<after>.+))?",
    re.I,
)
_EXCEPT = re.compile(
    r"(?P<group>(?:all|every|each|everything)\b.*?),? (?:except(?: for)?|but(?: not)?|other than|apart from"
    r"|excluding) (?P<without>.+)",
    re.I,
)
_COUNTED = re.compile(
    r"(?:the )?(?:first|last|next|two|three|four|five|\d+|new|these|those)\b", re.I
)
_IDLE = frozenset(["have", "has", "done", "board", "list", "project", "currently", "still", "yet"])


def group(phrase: str) -> Group | None:
    """Returns the group that `phrase` describes, or None when it means tasks one by one."""
    phrase = " ".join(phrase.split()).strip(" .,:;!?")
    if (match := _EXCEPT.fullmatch(phrase)) and (rest := group(match["group"])):
        return replace(rest, without=match["without"])
    if match := _AND_SUBTASKS.fullmatch(phrase):
        return Group(parent=match["parent"], itself=True)
    if match := _SUBTASKS.fullmatch(phrase):
        return Group(parent=match["parent"])
    if match := _EVERY.fullmatch(phrase):
        return _described(match["before"] or "", match["after"] or "")
    if match := _PLURAL.fullmatch(phrase):
        found = _described(match["before"], match["after"] or "")
        return None if _counts(match["before"]) else found
    return None


def _counts(text: str) -> bool:
    """Tells "the first two tasks", which are counted, from "the login tasks"."""
    return bool(
        re.match(
            r"(?:the )?(?:first|last|next|two|three|four|five|\d+|new|these|those)\b", text, re.I
        )
    )


def _described(before: str, after: str) -> Group:
    about = bool(after.strip())
    text = f"{before} {after}"
    priority = ""
    if match := _PRIORITY.search(text):
        priority = PRIORITIES[(match["priority"] or match["urgent"]).lower()]
        text = _without(text, match)
    statuses: tuple[str, ...] = ()
    if match := _STATUS.search(text):
        statuses = _statuses(match["status"])
        text = _without(text, match)
    topic = " ".join(
        word for word in clean(text).split() if (set(words(word)) - STOP - _IDLE) or not words(word)
    )
    return Group(statuses, priority, topic, about=about)


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"


def _statuses(said: str) -> tuple[str, ...]:
    word = " ".join(said.lower().split())
    if re.fullmatch(_OPEN, word):
        return OPEN
    return (STATUSES[word],)
