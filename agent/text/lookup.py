"""Which object a person or a model means by an id or a title. Looks at titles, never at rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from uuid import UUID

from agent.exceptions import SeveralFit, ToolFailed
from agent.text.words import same_text, stem, stems, unspaced

# "the sign-up task" names the kind of object too; that is no part of its title.
_KINDS = frozenset(map(stem, ("task", "memory", "memories", "decision", "preference", "note")))
# So many candidates are named in an error.
_NAMED = 5


def as_id(reference: str) -> UUID | None:
    try:
        return UUID(reference.strip())
    except ValueError:
        return None


def by_title(noun: str, reference: str, titles: Mapping[UUID, str]) -> UUID:
    """Returns the one object of `titles` that `reference` means.

    1. the one with this title, whatever its case and the quotes around it;
    2. the one whose title has every word of the reference, or, of several, has no other word.

    Raises ToolFailed when there is none or more than one. `noun`: "task" or "memory".
    """
    found = _same_title(reference, titles) or _with_every_word(reference, titles)
    if len(found) == 1:
        return found[0]
    if found:
        raise SeveralFit(
            f"“{reference}” may be several: {_list(found, titles)}. Name one by its id."
        )
    raise ToolFailed(f"There is no {noun} “{reference}” in this project.{_hint(reference, titles)}")


def _same_title(reference: str, titles: Mapping[UUID, str]) -> list[UUID]:
    wanted = same_text(reference)
    return [key for key, title in titles.items() if same_text(title) == wanted]


def _with_every_word(reference: str, titles: Mapping[UUID, str]) -> list[UUID]:
    wanted = _about(reference)
    if not wanted:
        return []
    words = {key: stems(title) for key, title in titles.items()}
    found = [key for key, has in words.items() if wanted <= has]
    exact = [key for key in found if words[key] == wanted]
    return exact if len(exact) == 1 else found


def _about(reference: str) -> frozenset[str]:
    words = stems(reference)
    return words - _KINDS or words


def _hint(reference: str, titles: Mapping[UUID, str]) -> str:
    wanted = _about(reference)
    near = [key for key, title in titles.items() if wanted & stems(title)]
    return f" Close to it: {_list(near, titles)}." if near else ""


def _list(keys: Iterable[UUID], titles: Mapping[UUID, str]) -> str:
    named = [f"“{titles[key]}” ({key})" for key in keys]
    rest = len(named) - _NAMED
    return ", ".join(named[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


# -- whether a message names an object -------------------------------------------------------------

# What a message says of any object, and not of a certain one: verbs, numbers, how far it is.
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


def names_exactly(message: str, key: UUID, titles: Mapping[UUID, str]) -> bool:
    """Tells whether `message` says which of `titles`, by id or title, it means: that of `key`.

    Words of the title are enough when they fit no other one: "the SMS reminder" names "SMS reminder
    a day before" where there is no other reminder by SMS. "It" and "all done tasks" name nothing.
    """
    if str(key) in message.casefold():
        return True
    said = {other: _said(message, title) for other, title in titles.items()}
    if not said[key]:
        return False
    others = [other for other in titles if other != key]
    if _in_full(titles[key], message):
        same = same_text(titles[key])
        return not any(
            said[key] < said[other] or same_text(titles[other]) == same for other in others
        )
    return not any(_has_all(titles[other], said[key]) for other in others)


def _said(message: str, title: str) -> frozenset[str]:
    """Returns the words of `title` that tell it from others and that `message` has."""
    text = same_text(message)
    there = stems(message)
    return frozenset(
        word for word in _telling(title) if word in there or (unspaced(word) and word in text)
    )


def _has_all(title: str, words: frozenset[str]) -> bool:
    has = _telling(title)
    return all(
        word in has or (unspaced(word) and any(word in other for other in has)) for word in words
    )


def _telling(text: str) -> frozenset[str]:
    return frozenset(word for word in stems(text) - _GENERAL if not word.isdigit())


def _in_full(title: str, message: str) -> bool:
    wanted = re.escape(same_text(title))
    return re.search(rf"(?<!\w){wanted}(?!\w)", same_text(message)) is not None
