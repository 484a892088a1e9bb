"""Compares the words of a reference or a message with titles. No queries."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from itertools import islice
from typing import TypeVar
from uuid import UUID

from agent.support.words import same_text, stem, stems, terms, unspaced

Key = TypeVar("Key", bound=Hashable)

# "the sign-up task": these words name the kind of object and are not part of its title.
_KINDS = frozenset(map(stem, ("task", "memory", "memories", "decision", "preference", "note")))


def fitting(reference: str, titles: Mapping[Key, str]) -> list[Key]:
    """Returns the keys of the titles that `reference` may refer to:

    1. the titles that are the same, ignoring case and quotes around it;
    2. the titles that have every word of the reference, or the one of them that has no other word.

    A number alone fits no title of several words: it may be meant as the number of a task.
    """
    return _same_title(reference, titles) or _with_every_word(reference, titles)


def _same_title(reference: str, titles: Mapping[Key, str]) -> list[Key]:
    text = same_text(reference)
    return [key for key, title in titles.items() if same_text(title) == text]


def _with_every_word(reference: str, titles: Mapping[Key, str]) -> list[Key]:
    words = _title_words(reference)
    if all(word.isdecimal() for word in words):
        return []
    stems_of = {key: stems(title) for key, title in titles.items()}
    matches = [key for key, title_stems in stems_of.items() if words <= title_stems]
    exact = [key for key in matches if stems_of[key] == words]
    return exact if len(exact) == 1 else matches


def has_a_word_of(reference: str, title: str) -> bool:
    return not _title_words(reference).isdisjoint(stems(title))


def search_terms(reference: str, limit: int) -> list[str]:
    """Returns the words that a title has to have to fit `reference`, for the search index."""
    words = terms(reference, limit)
    return [word for word in words if stem(word) not in _KINDS] or words


def _title_words(reference: str) -> frozenset[str]:
    words = stems(reference)
    return words - _KINDS or words


# -- whether a message names an object -------------------------------------------------------------

# Words that fit any object and identify none: verbs, kinds, numbers, statuses.
_GENERAL = frozenset(
    map(
        stem,
        """
        delete deleting remove removing forget drop erase discard clear clean undo cancel trash
        task tasks memory memories decision preference note fact spec item items entry entries board
        list project every everything anything nothing something everyone any all both rest last
        latest oldest newest first second third next previous old new open pending done complete completed
        finished progress blocked high medium low priority one two three four five six seven eight
        nine ten
        """.split(),  # noqa: SIM905  (a hundred quoted words are harder to read)
    )
)


def numbers(message: str, limit: int) -> list[int]:
    """Returns the first numbers of tasks that `message` names: 12 for "#12"."""
    found = re.finditer(r"(?<![\w#&])#([0-9]{1,9})(?!\w)", message)
    return [int(match[1]) for match in islice(found, limit)]


def has_number(message: str, number: int) -> bool:
    """Tells whether `message` names the task `number`: "#12"."""
    return re.search(rf"(?<![\w#&])#{number}(?!\w)", message) is not None


def identifies(message: str, key: UUID, titles: Mapping[UUID, str]) -> bool:
    """Tells whether `message` identifies the object `key` among `titles`, by its id or its title.

    Some words of the title are enough when no other title has them: "the SMS reminder" identifies
    "SMS reminder a day before" if no other title is about SMS reminders. "It" and "all done tasks"
    identify nothing.
    """
    if str(key) in message.casefold():
        return True
    shared = {other: _shared_words(message, title) for other, title in titles.items()}
    if not shared[key]:
        return False
    others = [other for other in titles if other != key]
    if _in_full(titles[key], message):
        text = same_text(titles[key])
        return not any(
            shared[key] < shared[other] or same_text(titles[other]) == text for other in others
        )
    return not any(_has_all(titles[other], shared[key]) for other in others)


def _shared_words(message: str, title: str) -> frozenset[str]:
    """Returns the specific words of `title` that also occur in `message`."""
    text = same_text(message)
    message_stems = stems(message)
    return frozenset(
        word
        for word in _specific_words(title)
        if word in message_stems or (unspaced(word) and word in text)
    )


def _has_all(title: str, words: frozenset[str]) -> bool:
    title_words = _specific_words(title)
    return all(
        word in title_words or (unspaced(word) and any(word in other for other in title_words))
        for word in words
    )


def _specific_words(text: str) -> frozenset[str]:
    return frozenset(word for word in stems(text) - _GENERAL if not word.isdigit())


def _in_full(title: str, message: str) -> bool:
    pattern = re.escape(same_text(title))
    return re.search(rf"(?<!\w){pattern}(?!\w)", same_text(message)) is not None
