"""Words: cut out of a text, reduced to a stem, compared. Knows English, and nothing of tasks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

_WORD = re.compile(r"\w+", re.UNICODE)

# Say nothing about which task or memory is meant.
_STOP = (
    "a an the this that these those my our your their its his her of for to in on at by "
    "with about and or is are was were be been it we i you they he she us me too also as "
    "from into so just task tasks todo todos ticket tickets item items issue issues one "
    "ones please now again card s t re ve ll d m memory memories"
)
STOP = frozenset(_STOP.split())

# What people ask for by its kind and store by its name.
_KINDS: tuple[tuple[str, str], ...] = (
    ("database db storage store data", "postgresql postgres mysql mariadb sqlite mongodb oracle"),
    ("database db cache caching queue broker", "redis memcached rabbitmq kafka"),
    (
        "framework backend stack technology tech",
        "django flask fastapi rails laravel spring express react vue angular svelte htmx",
    ),
    ("frontend ui interface", "react vue angular svelte htmx tailwind bootstrap"),
    (
        "language stack technology tech",
        "python typescript javascript java kotlin swift rust golang ruby php elixir",
    ),
    ("browser", "firefox chrome chromium safari edge"),
    ("payment billing", "stripe paypal adyen klarna"),
    (
        "hosting host cloud deployment deploy server",
        "aws azure gcp heroku hetzner fly docker kubernetes",
    ),
    ("authentication auth login", "oauth saml sso oidc passkey jwt"),
    ("ci pipeline", "jenkins gitlab github circleci"),
)


def words(text: str, limit: int = 400) -> list[str]:
    """Returns the first `limit` words of `text`, in lower case."""
    found = []
    for match in _WORD.finditer(text):
        found.append(match.group().casefold())
        if len(found) == limit:
            break
    return found


def stem(word: str) -> str:
    """Returns `word` without its usual English endings: "booking", "books" and "book" are one."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending, least in (("ing", 3), ("ed", 3), ("er", 4)):
        if word.endswith(ending) and len(word) - len(ending) >= least:
            word = _undouble(word[: -len(ending)])
            break
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def _undouble(word: str) -> str:
    doubled = len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls"
    return word[:-1] if doubled else word


def stems(text: str) -> list[str]:
    """Returns the stems of the words in `text` that carry meaning, in order."""
    return [stem(word) for word in words(text) if word not in STOP]


def key(text: str) -> str:
    """Returns `text` as it is compared with others: words only, in lower case."""
    return " ".join(words(text))


def with_pairs(parts: Iterable[str]) -> frozenset[str]:
    """Returns the words and every two neighbours joined: "sign-up" is also "signup"."""
    listed = list(parts)
    pairs = (left + right for left, right in pairwise(listed))
    return frozenset((*listed, *pairs))


def coverage(wanted: str, text: str) -> float:
    """Returns which part of the words in `wanted` also stand in `text`: 0 to 1."""
    asked = stems(wanted)
    if not asked:
        return 0.0
    there = with_pairs(stems(text))
    hit = [word in there for word in asked]
    for index, (left, right) in enumerate(pairwise(asked)):
        if left + right in there:
            hit[index] = hit[index + 1] = True
    return sum(hit) / len(hit)


def _named() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for kinds, names in _KINDS:
        for kind in kinds.split():
            table.setdefault(stem(kind), set()).update(stem(name) for name in names.split())
    return {kind: frozenset(names) for kind, names in table.items()}


_NAMED = _named()


def about(topic: str, text: str) -> float:
    """Like `coverage`, but "database" also finds "PostgreSQL"."""
    asked = stems(topic)
    if not asked:
        return 0.0
    there = with_pairs(stems(text))
    hits = [word in there or bool(_NAMED.get(word, frozenset()) & there) for word in asked]
    return max(sum(hits) / len(hits), coverage(topic, text))
