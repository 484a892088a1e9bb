"""Splits text into words and stems, for the search index and for lookup by title. No queries."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator

# Characters of a text that are indexed. A PostgreSQL `tsvector` holds at most one megabyte; the worst
# text (every pair of characters is different) stays well below it.
READ = 20_000
# Characters of a word that are indexed. Longer "words" are keys and hashes, and PostgreSQL refuses
# to index very long ones.
LONGEST = 64

# Scripts that put no spaces between words, and Hangul, which attaches particles to words.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]+")
_ACCENT = re.compile(r"[\u0300-\u036f]")
_REFUSED = re.compile(r"[\x00\ud800-\udfff]")

# Characters that `name_of` removes. Written as numbers: in a source they would be invisible, too.
_FLAG = r"(\U0001f3f4[\U000e0020-\U000e007e]{1,6}\U000e007f)"  # of a region: it stays
_INVISIBLE = re.compile(
    rf"{_FLAG}|[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]"
)
_HIDDEN = re.compile(rf"(?![\t\n\r])(?:{_INVISIBLE.pattern}|[\u115f\u1160\u3164\uffa0\u2800])")
_BREAK = re.compile(r"\s*[\t-\r\x1c-\x1f\x85\u2028\u2029]\s*")
# Letters and signs that show nothing: fillers of Hangul, and the empty pattern of Braille.
_BLANK = re.compile(r"[\u115f\u1160\u3164\uffa0\u2800]")
# Scripts from right to left; as in static/chat/support/names.js.
_RIGHT_TO_LEFT = re.compile(
    r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)

# Function words: they say nothing about the subject of a sentence.
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


def without_refused(text: str) -> str:
    """Returns `text` without characters that a database refuses: NUL, lone surrogates."""
    return _REFUSED.sub("", text)


def storable(text: str) -> str:
    """Returns `text` trimmed, without characters that a database refuses."""
    return without_refused(text).strip()


def name_of(text: str) -> str:
    """Returns `text` as the name of an object: in one line, trimmed, without characters that change the
    text around it or that nobody sees; "" if nothing is left to see.

    Control characters, marks of direction and invisible format characters are removed. The joiners that
    emoji and Indic and Arabic scripts need stay (U+200C, U+200D), and so do the visible number signs of
    Arabic and the tags of the flags of regions.
    """
    one_line = _BREAK.sub(" ", _REFUSED.sub("", text))
    line = _INVISIBLE.sub(lambda found: found[1] or "", one_line).strip()
    return (
        line if any(unicodedata.category(one)[0] in "LNPS" for one in _BLANK.sub("", line)) else ""
    )


def marked(text: str) -> str:
    """Returns `text` with a mark such as [U+202E] in place of each character that nobody sees, or that
    changes the order of what follows. Line breaks and tabs stay.
    """
    return _HIDDEN.sub(lambda found: found[1] or f"[U+{ord(found[0]):04X}]", text)


def isolated(name: str) -> str:
    """Returns the name for the middle of a sentence, whose order it cannot change: it is `marked`, and one
    with letters from right to left is isolated (FSI … PDI).
    """
    shown = marked(name)
    return f"\u2068{shown}\u2069" if _RIGHT_TO_LEFT.search(shown) else shown


def is_text(value: str) -> bool:
    """Tells whether every database can store `value`: it has no NUL and no lone surrogate."""
    return _REFUSED.search(value) is None


def index_text(text: str) -> str:
    """Returns the words of `text` to be indexed. A run of an unspaced script is split into each
    character and each pair of adjacent characters.

    Neither database knows where a Japanese or Chinese word ends; without the split it could not
    find or rank such texts. Stop words are left out: nobody searches for them, and they would
    lower the rank of a text by making it longer.
    """
    return " ".join(piece for run in _runs(text) if run not in STOP for piece in _pieces(run))


def terms(text: str, limit: int) -> list[str]:
    """Returns the first `limit` different words of `text` to search for, without stop words."""
    words: dict[str, None] = {}
    for run in _runs(text):
        pieces = _pairs(run) if _UNSPACED_RUN.match(run) and len(run) > 1 else [run[:LONGEST]]
        words.update(dict.fromkeys(piece for piece in pieces if piece not in STOP))
        if len(words) >= limit:
            break
    return list(words)[:limit]


def distinct_words(text: str) -> str:
    """Returns the different words of `text` for an index of the beginnings of words. Unlike `index_text`,
    it has the stop words: they are also the beginnings of others.
    """
    return " ".join(dict.fromkeys(piece for run in _runs(text) for piece in _pieces(run)))


def beginnings(word: str) -> list[tuple[str, bool]]:
    """Returns what of `distinct_words` a text with `word` has, each with whether a longer word that begins
    so is enough.
    """
    found: list[tuple[str, bool]] = []
    for run in _runs(word):
        if _UNSPACED_RUN.match(run):
            found += [(piece, False) for piece in (_pairs(run) if len(run) > 1 else [run])]
        else:
            found.append((run[:LONGEST], True))
    return found


def same_text(text: str) -> str:
    """Normalises `text`: texts that differ only in case, spaces, or punctuation around them become
    equal. Other signs count: "C++" is not "C#".
    """
    spaced = " ".join(unicodedata.normalize("NFKC", text.casefold()).split())
    return spaced.strip(" .!\"'“”„‘’«»") or spaced


def text_key(text: str) -> str:
    """Returns 32 characters that are the same for all texts that are equal after `same_text`."""
    return hashlib.blake2b(same_text(storable(text)).encode(), digest_size=16).hexdigest()


def unspaced(word: str) -> bool:
    """Tells whether `word` is of an unspaced script. It may then consist of several words."""
    return _UNSPACED_RUN.match(word) is not None


def stems(text: str) -> frozenset[str]:
    """Returns the stems of the words of `text`, without stop words."""
    return frozenset(stem(word) for word in _runs(text) if word not in STOP)


def stem(word: str) -> str:
    """Returns `word` without an English ending: "booked" and "booking" have the same stem."""
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def _runs(text: str) -> Iterator[str]:
    """Yields in order the words of `text` and its runs of unspaced scripts."""
    for word in _plain(text[:READ]).split():
        yield from _RUN.findall(word)


def _plain(text: str) -> str:
    """Returns `text` in lower case, without accents, with spaces instead of signs."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    composed = unicodedata.normalize("NFKC", _ACCENT.sub("", decomposed))
    return "".join(
        character if unicodedata.category(character)[0] in "LMN" else " " for character in composed
    )


def _pieces(run: str) -> list[str]:
    return [*run, *_pairs(run)] if _UNSPACED_RUN.match(run) else [run[:LONGEST]]


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]
