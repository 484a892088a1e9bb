"""Which object a person or a model means by an id or a title. Looks at titles, never at rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from agent.exceptions import SeveralFit, ToolFailed
from agent.words import same_text, stem, stems

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
