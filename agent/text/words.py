"""Text as words: for the search index, and for finding what a reference means. No rows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

# Characters of one text that count. A PostgreSQL `tsvector` holds one megabyte, and the worst text
# (every pair of signs another one) stays well below it.
READ = 20_000
# Longer "words" are keys, hashes and hostility; PostgreSQL refuses to index very long ones.
LONGEST = 64

# Scripts that put no spaces between words, and Hangul, which hangs particles on them.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]+")
_ACCENT = re.compile(r"[\u0300-\u036f]")
_REFUSED = re.compile(r"[\x00\ud800-\udfff]")

# Words that say how a sentence is built, not what it is about.
STOP = frozenset(
    """
    a about after again all also am an and any are as at be because been before being both but by
    can could d did do does doing don done down during each else ever few for from had has have
    having he her here hers him his how i if in into is it its just let ll m me more most my no nor
    not now of off on once one only or other our ours out over own please re s same she should so
    some such t than that the their theirs them then there these they this those through to too
    under until up us ve very was we were what when where which while who whom whose why will with
    would you your yours
    """.split()  # noqa: SIM905  (a hundred quoted words are harder to read)
)


def storable(text: str) -> str:
    """Returns `text` trimmed and without what PostgreSQL or UTF-8 refuse: NUL, lone surrogates."""
    return _REFUSED.sub("", text).strip()


def is_text(value: str) -> bool:
    """Tells whether every database keeps `value`: no NUL, no half of a surrogate pair."""
    return _REFUSED.search(value) is None


def index_text(text: str) -> str:
    """Returns what the index reads of `text`: its words; without spaces, every sign and pair.

    Cutting those up here is what lets both databases find and rank Japanese or Chinese at all:
    neither knows where a word ends there. Stop words are left out, since nobody looks for them and
    they would count as length, by which a text ranks lower.
    """
    return " ".join(piece for run in _runs(text) if run not in STOP for piece in _pieces(run))


def terms(text: str, limit: int) -> list[str]:
    """Returns the first `limit` different words of `text` worth looking for, without stop words."""
    found: dict[str, None] = {}
    for run in _runs(text):
        pieces = _pairs(run) if _UNSPACED_RUN.match(run) and len(run) > 1 else [run[:LONGEST]]
        found.update(dict.fromkeys(piece for piece in pieces if piece not in STOP))
        if len(found) >= limit:
            break
    return list(found)[:limit]


def same_text(text: str) -> str:
    """Returns `text` so that two are equal which differ only in case, spaces or the last dot.

    Signs within count: "C++" is not "C#".
    """
    spaced = " ".join(unicodedata.normalize("NFKC", text.casefold()).split())
    return spaced.strip(" .!\"'“”„‘’«»") or spaced


def unspaced(word: str) -> bool:
    """Tells whether `word` is of a script that puts no spaces between words: it may be many."""
    return _UNSPACED_RUN.match(word) is not None


def stems(text: str) -> frozenset[str]:
    """Returns the stems of the words of `text` that say what it is about."""
    return frozenset(stem(word) for word in _runs(text) if word not in STOP)


def stem(word: str) -> str:
    """Returns `word` without an English ending: "booked" and "booking" are one."""
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def _runs(text: str) -> Iterator[str]:
    """Yields the words of `text`, and the runs of unspaced scripts between them, in order."""
    for word in _plain(text[:READ]).split():
        yield from _RUN.findall(word)


def _plain(text: str) -> str:
    """Returns `text` in one case, without accents, a space for each sign that is no letter."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    whole = unicodedata.normalize("NFKC", _ACCENT.sub("", apart))
    return "".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in whole)


def _pieces(run: str) -> list[str]:
    return [*run, *_pairs(run)] if _UNSPACED_RUN.match(run) else [run[:LONGEST]]


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]
