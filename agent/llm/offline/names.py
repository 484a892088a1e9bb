"""Which tasks and memories a message names, on the board as its steps so far will leave it.

Every word of a name counts: it is in the title, or in the short list of words that tell nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from agent.llm.base import COMPLETED_TASKS, OPEN_TASKS, Context, MemoryBrief, TaskBrief
from agent.llm.offline.matching import Tokens
from agent.llm.offline.vocabulary import (
    EVERY,
    LISTED,
    OPEN,
    ORDINAL,
    PRIORITY,
)
from agent.text.lookup import fitting
from agent.text.words import same_text, stem

# So many candidates are listed in a question.
LISTED_AT_MOST = 8
_OFFER = re.compile(r"\[[^\]]*\]\(#say\)")  # an example in an answer, which names nothing
_WORD = re.compile(r"[^\W_]+")
_TELLING_NOTHING = frozenset(
    """
    a an the this that these those my our of for to in on at by with about and called named task tasks
    ticket todo item memory decision preference note fact s
    """.split()  # noqa: SIM905  (quoted words are harder to read)
)
_IT = frozenset(
    ("it", "that", "this", "that task", "this task", "that one", "this one", "the task")
)
_THEM = frozenset(
    (
        "them",
        "these",
        "those",
        "both",
        "these tasks",
        "those tasks",
        "both tasks",
        "all of them",
        "them all",
    )
)
_PLURAL = frozenset(("tasks", "tickets", "todos", "items", "things", "cards", "issues"))
_ALL = frozenset(("all", "every", "everything"))
_ABOUT = frozenset(("about", "for", "on", "with", "regarding"))


@dataclass(slots=True, eq=False)
class Entry:
    """A task of the board, or one that the plan makes. `reference`: what a step's argument says."""

    key: str
    title: str
    reference: Any
    status: str = "pending"
    priority: str = "medium"
    description: str = ""
    parent: str | None = None
    depends_on: list[str] = field(default_factory=list)
    is_known: bool = True  # else all that is known of it is a name, which a tool may find
    step: str = ""  # that makes it
    place: int | None = None  # in the list that makes it


@dataclass(frozen=True, slots=True)
class Found:
    """`search`: the statuses of more tasks than are known here, to be found by a step."""

    entries: tuple[Entry, ...]
    search: tuple[str, ...] = ()


class Unclear(Exception):
    """Several objects fit a name."""

    def __init__(self, name: str, candidates: Sequence[Entry | MemoryBrief]) -> None:
        super().__init__(name)
        self.name = name
        self.candidates = candidates[:LISTED_AT_MOST]
        self.more = len(candidates) - len(self.candidates)


class NotFound(Exception):
    """No object has this name. The text is for the person."""


def words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def accounts_for(name: str, title: str) -> bool:
    """Tells whether each word of `name` is in `title` or tells nothing."""
    there = {stem(word) for word in words(title)}
    return all(word in _TELLING_NOTHING or stem(word) in there for word in words(name))


def _spelled_together(title: str) -> str:
    """Adds the words written as one: "sign-up" is "signup" too."""
    said = words(title)
    return " ".join([title, *(left + right for left, right in pairwise(said))])


class Board:
    """The tasks by name. `chosen`: what the person picked for a name that fitted several."""

    def __init__(self, context: Context, chosen: Mapping[str, str]) -> None:
        self.chosen = chosen
        briefs = [*context.tasks, *context.completed, *context.recent_tasks]
        briefs += [context.focus] if context.focus else []
        self.entries: dict[str, Entry] = {brief.id: _entry(brief) for brief in briefs}
        self.order = [brief.id for brief in context.tasks]
        self.own: list[Entry] = []  # what this message makes, in order
        self.last: tuple[Entry, ...] = ()  # what this message named last
        self.is_cut = {
            "completed": len(context.completed) >= COMPLETED_TASKS,
            **dict.fromkeys(OPEN, len(context.tasks) >= OPEN_TASKS),
        }
        self._before = _mentioned(context, self.entries)

    def add(self, entry: Entry) -> None:
        self.own.append(entry)
        self.entries[entry.key] = entry

    # -- one task

    def one(self, name: Tokens, but: Iterable[Entry] = (), among: Sequence[str] = OPEN) -> Entry:
        """Returns the task that is meant, none of `but`. Raises Unclear or NotFound."""
        found = self._named(_text(name), tuple(but), among, _is_quoted(name))
        self.last = (found,)
        return found

    def _named(
        self, name: str, but: Sequence[Entry], among: Sequence[str], quoted: bool = False
    ) -> Entry:
        if (key := self.chosen.get(same_text(name))) is not None and key in self.entries:
            return self.entries[key]
        if not quoted and (pointed := self._pointed_at(" ".join(words(name)))) is not None:
            return pointed
        found = [entry for entry in self._fitting(name, but, among)]
        if not found and any(self.is_cut.values()):
            return Entry(name, name, name[:200], is_known=False)
        if not found:
            raise NotFound(self._missing(name))
        if len(found) > 1:
            raise Unclear(name, found)
        return found[0]

    def fits(self, name: Tokens) -> bool:
        """Tells whether some task is called like that."""
        return bool(self._fitting(_text(name), (), OPEN))

    def _fitting(self, name: str, but: Sequence[Entry], among: Sequence[str]) -> list[Entry]:
        """Returns the tasks that fit: of this message, else of `among`, else of all."""
        others = [entry for entry in self.entries.values() if entry not in but]
        exact = [entry for entry in others if same_text(entry.title) == same_text(name)]
        pools = (
            [entry for entry in others if entry in self.own],
            exact,
            [entry for entry in others if entry.status in among],
            others,
        )
        for pool, write in (*((pool, str) for pool in pools), (others, _spelled_together)):
            titles = {entry.key: write(entry.title) for entry in pool}
            found = [key for key in fitting(name, titles) if accounts_for(name, titles[key])]
            if found:
                return [self.entries[key] for key in found]
        return []

    def _pointed_at(self, name: str) -> Entry | None:
        """Returns the task that "it", "task 2" or "the last task" means; None for another name."""
        if name in _IT:
            return self._it(name)
        said = [word for word in words(name) if word not in ("the", "task", "number", "one", "no")]
        if len(said) != 1 or len(words(name)) == 1:
            return None
        number = int(said[0]) if said[0].isdecimal() else ORDINAL.get(said[0])
        if number is None or any(said[0] in words(self.entries[key].title) for key in self.order):
            return None
        place = number - 1 if number > 0 else number
        if not -len(self.order) <= place < len(self.order):
            raise NotFound(f"There is no {name}: the board has {len(self.order)} open tasks.")
        return self.entries[self.order[place]]

    def _it(self, name: str) -> Entry:
        meant = self.last or tuple(self.own[-1:]) or self._before
        if not meant:
            raise NotFound(f"I don't know which task “{name}” is. Please name it.")
        if len(meant) > 1:
            raise Unclear(name, meant)
        return meant[0]

    def _missing(self, name: str) -> str:
        said = f"There is no task “{name}” on the board."
        wanted = {stem(word) for word in words(name) if word not in _TELLING_NOTHING}
        near = [
            f"“{entry.title}”"
            for entry in self.entries.values()
            if wanted & {stem(word) for word in words(entry.title)}
        ]
        return f"{said} Close to it: {', '.join(near[:3])}." if near else said

    def known(self, name: Tokens, but: Iterable[Entry] = ()) -> Entry:
        """Returns the task as `one` does, when all is known of it."""
        entry = self.one(name, but)
        return self.must_be_known([entry])[0]

    def must_be_known(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        for entry in entries:
            if not entry.is_known:
                raise NotFound(
                    f"I see the first {OPEN_TASKS} open tasks and the last {COMPLETED_TASKS} completed "
                    f"ones, and “{entry.title}” is none of them."
                )
        return entries

    # -- several tasks

    def several(
        self, names: Tokens, among: Sequence[str] = EVERY, but: Iterable[Entry] = ()
    ) -> Found:
        """Returns the tasks that are meant: one, several by name, or a group. Raises as `one` does."""
        but = tuple(but)
        place = next(
            (at for at, token in enumerate(names) if at and token.key in ("except", "but")), None
        )
        if place is not None:
            left_out = self.several(names[place + 1 :], among, but).entries
            return self.several(names[:place], among, (*but, *left_out))
        if _is_quoted(names):
            found = Found((self.one(names, but, OPEN if among == EVERY else among),))
        else:
            found = self._group(_text(names), among, but) or self._listed(names, among, but)
        self.last = found.entries
        return found

    def _listed(self, names: Tokens, among: Sequence[str], but: Sequence[Entry]) -> Found:
        among = OPEN if among == EVERY else among
        parts = _apart(names)
        if len(parts) > 1:
            whole = self._fitting(_text(names), but, among)
            if len(whole) == 1:
                return Found((whole[0],))
        found: dict[str, Entry] = {}
        for part in _numbered(parts):
            group = self._group(part, among, but)
            for entry in group.entries if group else (self._named(part, but, among),):
                found[entry.key] = entry
        return Found(tuple(found.values()))

    def _group(self, name: str, among: Sequence[str], but: Sequence[Entry]) -> Found | None:
        """Returns the tasks of "all login tasks" or "both"; None for a name of one."""
        said = words(name)
        if " ".join(said) in _THEM:
            meant = self.last or tuple(self.own) or self._before
            if not meant:
                raise NotFound(f"I don't know which tasks “{name}” are. Please name them.")
            return Found(meant)
        if not said or not (
            said[0] in _ALL or said[-1] in _PLURAL or (_ABOUT & {*said} and said[0] == "tasks")
        ):
            return None
        if any(word.isdecimal() for word in said):
            return None
        is_wanted = _Group(said)
        statuses = is_wanted.statuses or tuple(among)
        found = tuple(
            entry
            for entry in self.entries.values()
            if entry not in but and entry.status in statuses and is_wanted(entry)
        )
        if any(self.is_cut.get(status) for status in statuses):
            if is_wanted.narrows:
                raise NotFound(
                    f"The board has more tasks than I see at once, so I can't tell which “{name}” are "
                    "all of them. Please name each."
                )
            return Found(found, statuses)
        if not found:
            raise NotFound(f"There is no task like “{name}”.")
        return Found(found)


class _Group:
    """Which tasks belong to "all high priority tasks about login"."""

    def __init__(self, said: Sequence[str]) -> None:
        kept = [
            word
            for word in said
            if word
            not in ("all", "every", "everything", "of", "the", "my", "our", "that", "is", "are")
        ]
        kept = [word for word in kept if word not in _PLURAL and word != "task"]
        place = next((at for at, word in enumerate(kept) if word in _ABOUT), len(kept))
        self.topic = {stem(word) for word in kept[place + 1 :] if word not in _TELLING_NOTHING}
        self.statuses, rest = _statuses(kept[:place])
        self.priority = next((PRIORITY[word] for word in rest if word in PRIORITY), "")
        self.wanted = {stem(word) for word in rest if word not in PRIORITY and word != "priority"}

    @property
    def narrows(self) -> bool:
        return bool(self.topic or self.wanted or self.priority)

    def __call__(self, entry: Entry) -> bool:
        title = {stem(word) for word in words(entry.title)}
        text = title | {stem(word) for word in words(entry.description)} if self.topic else title
        return self.priority in ("", entry.priority) and self.wanted <= title and self.topic <= text


def _statuses(said: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """Returns the statuses at the start of `said`, and what is left of it."""
    for length in (2, 1):
        if (name := " ".join(said[:length])) in LISTED:
            return LISTED[name], said[length:]
    return (), said


# -- memories --------------------------------------------------------------------------------------


def find_memory(
    name: str, memories: Sequence[MemoryBrief], chosen: Mapping[str, str], *, exactly: bool = True
) -> MemoryBrief:
    """Returns the memory that `name` means, by its title, else by its text."""
    by_id = {memory.id: memory for memory in memories}
    if (key := chosen.get(same_text(name))) in by_id:
        return by_id[key or ""]
    texts: tuple[Callable[[MemoryBrief], str], ...] = (
        lambda memory: memory.title,
        lambda memory: f"{memory.title} {memory.content}",
    )
    for text in texts:
        titles = {memory.id: text(memory) for memory in memories}
        found = [
            key for key in fitting(name, titles) if not exactly or accounts_for(name, titles[key])
        ]
        if len(found) == 1:
            return by_id[found[0]]
        if found:
            raise Unclear(name, [by_id[key] for key in found])
    raise NotFound(f"I find nothing about “{name}” in memory.")


# -- names as texts --------------------------------------------------------------------------------


def _text(name: Tokens) -> str:
    if _is_quoted(name):
        return next(token.text for token in name if token.quoted)
    text = " ".join(token.text for token in name)
    return re.sub(r"['’]s$", "", text)


def _is_quoted(name: Tokens) -> bool:
    """Tells whether `name` is a quotation, perhaps with "the" before and "task" behind it."""
    rest = [token.key for token in name if not token.quoted]
    return len(name) - len(rest) == 1 and set(rest) <= {"the", "task", "my", "our"}


def _apart(names: Tokens) -> list[Tokens]:
    """Returns the names of a list: "login, sign-up and the docs"."""
    parts: list[list[Any]] = [[]]
    for token in names:
        if token.key in (",", "and", "&", ";"):
            parts.append([])
        else:
            parts[-1].append(token)
    return [tuple(part) for part in parts if part]


def _numbered(parts: Sequence[Tokens]) -> list[str]:
    """Returns the names as texts; "tasks 2 and 3" are "task 2" and "task 3"."""
    texts = [_text(part) for part in parts]
    if texts and texts[0].casefold().startswith("tasks ") and words(texts[0])[1].isdecimal():
        return [f"task {words(text)[-1]}" for text in texts]
    return texts


def _entry(brief: TaskBrief) -> Entry:
    return Entry(
        key=brief.id,
        title=brief.title,
        reference=brief.id,
        status=brief.status,
        priority=brief.priority,
        description=brief.description,
        parent=brief.parent,
        depends_on=list(brief.depends_on),
    )


def _mentioned(context: Context, entries: Mapping[str, Entry]) -> tuple[Entry, ...]:
    """Returns what "it" may mean before this message names anything: what the last answer spoke of."""
    if context.focus:
        return (entries[context.focus.id],)
    last = context.history[-1] if context.history else None
    text = _OFFER.sub("", last.content) if last and last.role == "assistant" else ""
    said = f" {' '.join(words(text))} "
    spoken = tuple(
        entry for entry in entries.values() if f" {' '.join(words(entry.title))} " in said
    )
    return spoken or tuple(entries[brief.id] for brief in context.recent_tasks[:1])
