"""Tells whether a message is a plain command to delete one object. No queries.

A deleting word and a name somewhere in a message are no request: "What is the status of Remove legacy
login?", "Remove the label from Login". So every word has to be understood: one deleting phrase at the
beginning or the end, the title, number or id, the kind of the object, and words that change nothing. Some
words of the title are enough where the kind is said: "Delete the SMS reminder task". What is not understood
costs an unnecessary approval.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from agent.plans import deletion_words as known
from agent.support.words import same_text, stems
from agent.text import lookup

_MAX_LENGTH = 2_000  # characters of a message that is looked at; a plain command is short
# Marks of the title, of the id or number, and of other quotations.
_NAME, _ID, _QUOTATION = "\x01", "\x03", "\x02"
_MARKS = re.compile(r"[\x01-\x03]")
_QUOTED = re.compile(
    r"“[^”\n]*”|„[^“”\n]*[“”]|«[^»\n]*»|»[^«\n]*«|\"[^\"\n]*\"|‘[^’\n]*’|`[^`\n]*`|「[^」\n]*」"
)
_WORD = re.compile(r"[\x01\x03]|[\w'’#+-]*\w[\w'’#+-]*")
_ELIDED = re.compile(r"\b(l)['’](?=\w)")
_BETWEEN = re.compile(r"[\s.,!:。！、，]*")
_MAX_OTHERS = 1  # words of a sentence that tells a memory in full


@dataclass(frozen=True, slots=True)
class Target:
    """The object that a plan deletes. `titles`: of it and of all others that a message may mean, by kind and
    id; `number`: of a task.
    """

    id: UUID
    kind: str
    titles: Mapping[str, Mapping[UUID, str]]
    number: int | None = None

    @property
    def title(self) -> str:
        return self.titles[self.kind][self.id]


def is_plain(messages: Sequence[str], target: Target) -> bool:
    """Tells whether the last of `messages` is a plain command to delete `target`."""
    message = messages[-1].strip() if messages else ""
    if len(message) > _MAX_LENGTH:
        return False
    text = known.REASON.sub("", _with_marks(message, target))
    if _BETWEEN.fullmatch(_WORD.sub("", text)) is None or _means_another(text, target):
        return False
    words = " ".join(_WORD.findall(known.WISH.sub("", text, count=1)))
    return any(_names(phrase, left, target) for phrase, left in _commands(words))


def _with_marks(message: str, target: Target) -> str:
    """Returns the message in lower case, with a mark in place of the id, number or title, and another in
    place of each other quotation.
    """
    text = _MARKS.sub(" ", message.casefold())
    title = same_text(target.title)

    def quotation(found: re.Match[str]) -> str:
        return f" {_NAME} " if same_text(found[0][1:-1]) == title else _QUOTATION

    text = _QUOTED.sub(quotation, text)
    text = text.replace(str(target.id), f" {_ID} ")
    if target.number is not None:
        text = re.sub(rf"(?<![\w#&])#{target.number}(?!\w)", f" {_ID} ", text)
    text = re.sub(rf"(?<!\w){re.escape(title)}(?!\w)", f" {_NAME} ", text)
    return _ELIDED.sub(r"\1 ", text).strip()


def _means_another(text: str, target: Target) -> bool:
    """Tells whether the message has the title of another object in full, and not as a part of its own."""
    own = same_text(target.title)
    text = text.replace(_NAME, own)
    return any(
        re.search(rf"(?<!\w){re.escape(title)}(?!\w)", text)
        for titles in target.titles.values()
        for title in map(same_text, titles.values())
        if title and title not in own
    )


def _commands(words: str) -> Iterator[tuple[str, str]]:
    """Yields each deleting phrase that the message may begin or end with, and the words beside it."""
    shorter = known.POLITE_END.sub("", words)
    for phrase in known.FIRST:
        if words.startswith(f"{phrase} "):
            yield phrase, words[len(phrase) + 1 :]
    for phrase in known.LAST:
        if shorter.endswith(f" {phrase}"):
            yield phrase, shorter[: -len(phrase) - 1]
    for first, last in known.AROUND:
        if shorter.startswith(f"{first} ") and shorter.endswith(f" {last}"):
            yield first, shorter[len(first) + 1 : -len(last) - 1]
    for pattern in (known.UNSPACED_FIRST, known.UNSPACED_LAST):
        if found := pattern.match(shorter):
            yield found[0], known.UNSPACED_KIND.sub(" ", found[1])


def _names(phrase: str, left: str, target: Target) -> bool:
    """Tells whether what is beside a deleting phrase says what `target` is, and nothing else."""
    if phrase in known.FORGETTING and target.kind != "memory":
        return False
    said = known.FROM_THE_BOARD.sub("", left).split()
    kinds = [kind for word in said for kind, names in known.KINDS.items() if word in names]
    if len(kinds) > 1 or (kinds and kinds != [target.kind]):
        return False
    is_exact = _ID in said or _NAME in said
    if same_text(target.title) in known.FIELDS and not (kinds or _ID in said):
        return False
    specific = [word for word in said if word not in (_NAME, _ID, *known.PASSED_OVER)]
    if is_exact:
        return not specific and (_ID in said or _is_alone(kinds, target))
    if _is_a_command(target.title):  # what seems to be the command may be of the title
        return False
    title = stems(target.title)
    others = [word for word in specific if not stems(word) or not stems(word) <= title]
    if others and not (phrase in known.FORGETTING_THAT and len(others) <= _MAX_OTHERS):
        return False
    if title <= stems(" ".join(specific)):
        return _is_alone(kinds, target)
    return not others and bool(kinds and specific) and _is_alone(kinds, target, " ".join(specific))


def _is_a_command(title: str) -> bool:
    words = " ".join(_WORD.findall(same_text(title)))
    return any(_commands(words))


def _is_alone(kinds: Sequence[str], target: Target, words: str = "") -> bool:
    """Tells whether no other object of these kinds, of any kind without one, may be meant by the words: the
    title, or a part of it.
    """
    among = kinds or target.titles
    titles = {key: title for kind in among for key, title in target.titles[kind].items()}
    return lookup.identifies(words or target.title, target.id, titles)
