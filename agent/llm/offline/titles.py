"""Titles: what somebody said, made into the short name of a task or a memory."""

from __future__ import annotations

import re

MAX_TITLE = 200

_KNOWN = (
    "add analyse analyze answer ask automate book build buy call cancel change check "
    "clean collect compare configure connect convert cover create decide define delete "
    "deploy describe design develop document draft draw enable encrypt evaluate explain "
    "export extend extract find finish fix get handle hide implement import improve "
    "install integrate investigate invite launch list load localise localize log make "
    "manage measure merge migrate model monitor move notify optimise optimize order "
    "organise organize paginate pay plan prepare print process profile protect publish "
    "rebuild reduce refactor release remind remove rename render replace research reset "
    "restore review rework rewrite run save schedule search secure see select send serve "
    "set setup share ship show sign simplify sort split start store style support switch "
    "sync test track train translate try turn update upgrade upload use validate verify "
    "wire write"
)
_VERBS = _KNOWN.split()

# The last consonant is doubled before "-ing".
_DOUBLED = frozenset(["get", "log", "plan", "reset", "run", "set", "ship", "split"])


def _gerund(verb: str) -> str:
    if verb in _DOUBLED:
        return verb + verb[-1] + "ing"
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    return verb + "ing"


_IMPERATIVE = {_gerund(verb): verb for verb in _VERBS} | {"cancelling": "cancel"}
VERBS = frozenset(_VERBS)
_ARTICLE = re.compile(r"(?:the|an?|some|another|our|my)\s+(?=\S)", re.IGNORECASE)
_EDGES = " \t\r\n.,;:!-–—•·"


def capitalised(text: str) -> str:
    """Returns `text` with a capital first letter; names such as "iPhone" stay as they are."""
    if len(text) > 1 and text[0].islower() and text[1].isupper():
        return text
    return text[:1].upper() + text[1:]


def cut(text: str, limit: int = MAX_TITLE) -> str:
    """Returns `text` within `limit` characters, at the end of a word when there is one near."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    space = head.rfind(" ")
    return (head[:space] if space > limit // 2 else head).rstrip(_EDGES) + "…"


def clean(text: str) -> str:
    """Returns `text` on one line without what merely stands around it."""
    line = " ".join(text[:20_000].split()).strip(_EDGES)
    return line[1:-1].strip(_EDGES) if len(line) > 2 and _quoted(line) else line


def _quoted(line: str) -> bool:
    pairs = {"“": "”", '"': '"', "«": "»", "`": "`", "„": "“", "‘": "’", "'": "'"}
    closing = pairs.get(line[0])
    return closing == line[-1] and line.count(line[-1]) == (2 if closing == line[0] else 1)


def without_article(text: str) -> str:
    match = _ARTICLE.match(text)
    return text[match.end() :] if match else text


def imperative(text: str) -> str:
    """Returns "testing the login" as "test the login"; leaves what begins with no known verb."""
    first, space, rest = text.partition(" ")
    verb = _IMPERATIVE.get(first.casefold())
    return verb + space + rest if verb and space else text


def task_title(text: str, *, action: bool = False) -> str:
    """Returns the full title of a task, uncut. `action`: a gerund at its start names what to do."""
    if clean(text) != " ".join(text[:20_000].split()).strip(_EDGES):
        return capitalised(clean(text))  # it was quoted: nothing in it is changed
    line = without_article(clean(text))
    return capitalised(imperative(line) if action else line)


def sentence(text: str) -> str:
    """Returns `text` as a sentence: a capital first letter and a stop at its end."""
    line = capitalised(text.strip().rstrip(",;:"))
    return line if line.endswith((".", "!", "?", "…", "。", "”")) else line + "."
