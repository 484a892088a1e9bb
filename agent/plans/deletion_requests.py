"""Tells whether a message is a plain command to delete one object. No queries.

A deleting word and a name somewhere in a message are no request: "What is the status of Remove legacy
login?", "Remove the label from Login". So the whole first clause has to be understood: a deleting word at
its beginning or end, and beside it only the name, the kind of the object, and words that change nothing.
What is not understood costs an unnecessary approval.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from agent.plans import deletion_words as known
from agent.support.words import same_text, stems
from agent.text import lookup

_MAX_LENGTH = 2_000  # characters of a message that is looked at; a plain command is short

_QUOTED = re.compile(
    r"“[^”\n]*”|„[^“”\n]*[“”]|«[^»\n]*»|»[^«\n]*«|\"[^\"\n]*\"|‘[^’\n]*’|`[^`\n]*`|「[^」\n]*」"
)
_WORD = re.compile(r"[\x01\x03]|[\w'’#+-]+")
# Marks of the title, of the id or number, and of other quotations.
_NAME, _ID, _QUOTATION = "\x01", "\x03", " \x02 "
_MARKS = re.compile(r"[\x01-\x03]")
_MAX_OTHERS = 2  # words of a sentence that tells a memory in full


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


def is_plain(messages: Collection[str], target: Target) -> bool:
    """Tells whether one of `messages` is a plain command to delete `target`, and none takes it back."""
    texts = [message.strip() for message in messages]
    if any(len(text) > _MAX_LENGTH or known.QUESTION.search(text) for text in texts):
        return False
    return any(
        _commands(text, target)
        and not any(known.BUT.search(other.casefold()) for other in texts[place + 1 :])
        for place, text in enumerate(texts)
    )


def _commands(message: str, target: Target) -> bool:
    clause, rest = _first_clause(_with_marks(message, target))
    if _means_another(clause, target):
        return False
    if known.BUT.search(clause) or known.BUT.search(rest) or _QUOTATION.strip() in clause:
        return False
    return any(_names(left, clause, target) for left in _without_command(clause))


def _means_another(clause: str, target: Target) -> bool:
    """Tells whether the clause has the title of another object in full, and not as a part of its own."""
    return any(
        re.search(
            rf"(?<!\w){re.escape(title)}(?!\w)", clause.replace(_NAME, same_text(target.title))
        )
        for titles in target.titles.values()
        for title in map(same_text, titles.values())
        if title and title not in same_text(target.title)
    )


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
    return re.sub(rf"(?<!\w){re.escape(title)}(?!\w)", f" {_NAME} ", text)


def _first_clause(text: str) -> tuple[str, str]:
    """Returns the first clause, without what may come before its command, and what follows it."""
    text = known.WISH.sub("", text.strip(), count=1)
    found = known.SENTENCE_END.search(text)
    return (text[: found.start()], text[found.end() :]) if found else (text, "")


def _without_command(clause: str) -> Iterator[str]:
    """Yields what is left of the clause without its deleting word, for each way to read it."""
    clause = known.FROM_THE_BOARD.sub("", clause.strip()).strip()
    first = [(phrase, "") for phrase in known.FIRST]
    last = [("", phrase) for phrase in known.LAST]
    for before, after in (*first, *last, *known.AROUND):
        start, end = f"{before} " if before else "", f" {after}" if after else ""
        if clause.startswith(start) and clause.endswith(end):
            yield clause.removeprefix(start).removesuffix(end)
    for pattern in (known.UNSPACED_FIRST, known.UNSPACED_LAST):
        if found := pattern.match(clause):
            yield known.UNSPACED_KIND.sub(" ", found[1])


def _names(left: str, clause: str, target: Target) -> bool:
    """Tells whether what is left of a command says only what `target` is, and not which else it may be."""
    said = [known.ELIDED.sub("", word) for word in _WORD.findall(left)]
    kinds = {kind for kind, names in known.KINDS.items() if not set(said).isdisjoint(names)}
    kinds = kinds or set(target.titles)
    if target.kind not in kinds:
        return False
    is_exact = _ID in said or _NAME in said
    if not is_exact and _is_a_command(
        target.title
    ):  # what seems to be the command may be of the title
        return False
    specific = [word for word in said if word not in (_NAME, _ID, *known.PASSED_OVER)]
    others = [word for word in specific if not _is_of_title(word, target.title)]
    if others and not _is_told_in_full(clause, others, specific, target):
        return False
    if _ID in said:
        return True
    titles = {key: title for kind in kinds for key, title in target.titles[kind].items()}
    return lookup.identifies(left.replace(_NAME, target.title), target.id, titles)


def _is_a_command(title: str) -> bool:
    return any(_without_command(same_text(title)))


def _is_of_title(word: str, title: str) -> bool:
    found = stems(word)  # none of a stop word
    return found <= stems(title) if found else word in _WORD.findall(title.casefold())


def _is_told_in_full(
    clause: str, others: Collection[str], specific: Collection[str], target: Target
) -> bool:
    """Tells whether a memory is told in full, in a sentence: "Forget that Firefox comes first"."""
    return (
        target.kind == "memory"
        and clause.startswith(known.FORGET_THAT)
        and len(others) <= _MAX_OTHERS
        and stems(target.title) <= stems(" ".join(specific))
    )
