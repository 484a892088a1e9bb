"""Which tasks and memories a message names, on the board as its steps so far will leave it.

Every word of a name counts: it is in the title, or in the short list of words that tell nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from agent.llm.base import COMPLETED_TASKS, OPEN_TASKS, Context, MemoryBrief
from agent.llm.offline.matching import Tokens
from agent.llm.offline.vocabulary import EVERY, LISTED, OPEN, ORDINAL, PRIORITY, word_set
from agent.text.lookup import fitting
from agent.text.words import same_text, stem

_LISTED = 8  # so many candidates are listed in a question
_WORD = re.compile(r"[^\W_]+")
_OFFER = re.compile(r"\[[^\]]*\]\(#say\)")  # an example in an answer, which names nothing
_TELLING_NOTHING = word_set(
    "a an the this that these those my our of for to in on at by with about and called named task "
    "tasks ticket todo item memory decision preference note fact s"
)
_IT = ("it", "that", "this", "that task", "this task", "that one", "this one", "the task")
_THEM = ("them", "these", "those", "both", "these tasks", "those tasks", "both tasks")
_PLURAL = word_set("tasks tickets todos items things cards issues")
_ALL = word_set("all every everything")
_ABOUT = word_set("about for on with regarding")
_OF_GROUPS = _ALL | _PLURAL | word_set("of the my our that is are task priority")
_OF_NUMBERS = word_set("the task number one no")


@dataclass(slots=True, eq=False)
class Entry:
    """A task of the board, or one that the plan makes. `key`: its id, or where a result holds that."""

    key: str
    title: str
    status: str = "pending"
    priority: str = "medium"
    description: str = ""
    parent: str | None = None
    depends_on: list[str] = field(default_factory=list)
    step: str = ""  # that makes it
    place: int | None = None  # in the list that makes it

    @property
    def reference(self) -> Any:
        """What an argument of a step says for this task."""
        path = self.key.removeprefix(f"{self.step}.")
        return {"$from": self.step, "path": path} if self.step else self.key


@dataclass(frozen=True, slots=True)
class Found:
    """`search`: the statuses of more tasks than are known here, to be found by a step."""

    entries: Sequence[Entry]
    search: tuple[str, ...] = ()


class Unclear(Exception):
    """Several objects fit a name."""

    def __init__(self, name: str, candidates: Sequence[Entry | MemoryBrief]) -> None:
        super().__init__(name)
        self.name = name
        self.candidates = candidates[:_LISTED]
        self.more = len(candidates) - len(self.candidates)


class NotFound(Exception):
    """No object has this name. The text is for the person."""


def words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def fits(name: str, titles: Mapping[str, str]) -> list[str]:
    """Returns the keys of the titles that hold each word of `name` which tells something."""
    stems = {stem(word) for word in words(name) if word not in _TELLING_NOTHING}
    return [key for key in fitting(name, titles) if stems <= _stems(titles[key])]


def name_text(name: Tokens) -> str:
    """Returns the name that `name` is: of "the “Login” task" what stands in quotes."""
    if is_quoted(name):
        return next(token.text for token in name if token.quoted)
    return re.sub(r"['’]s$", "", " ".join(token.text for token in name))


def is_quoted(name: Tokens) -> bool:
    rest = [token.key for token in name if not token.quoted]
    return len(name) - len(rest) == 1 and set(rest) <= {"the", "task", "my", "our"}


class Board:
    """The tasks by name. `chosen`: what the person picked for a name that fitted several."""

    def __init__(self, context: Context, chosen: Mapping[str, str]) -> None:
        self.context = context
        self.chosen = chosen
        briefs = [*context.tasks, *context.completed, *context.recent_tasks]
        briefs += [context.focus] if context.focus else []
        self.entries = {
            one.id: Entry(
                *(one.id, one.title, one.status, one.priority),
                *(one.description, one.parent, list(one.depends_on)),
            )
            for one in briefs
        }
        self.order = [brief.id for brief in context.tasks]
        self.own: list[Entry] = []  # what this message makes, in order
        self.last: Sequence[Entry] = ()  # what this message named last
        self.cut: tuple[str, ...] = OPEN if len(context.tasks) >= OPEN_TASKS else ()
        self.cut += ("completed",) if len(context.completed) >= COMPLETED_TASKS else ()
        self._before = self._mentioned(context)

    def add(self, *entries: Entry) -> None:
        self.own += entries
        self.entries.update((entry.key, entry) for entry in entries)
        self.last = entries

    def titles(self, keys: Iterable[str]) -> list[Entry]:
        """Returns the tasks with these keys, as far as they are known."""
        return [self.entries[key] for key in keys if key in self.entries]

    def one(self, name: Tokens, but: Collection[Entry] = (), among: Sequence[str] = OPEN) -> Entry:
        """Returns the task that is meant, none of `but`. Raises Unclear or NotFound."""
        self.last = (self._named(name_text(name), but, among, is_quoted(name)),)
        return self.last[0]

    def it(self) -> Entry:
        return self._only("it", self.last or tuple(self.own[-1:]) or self._before)

    def several(
        self, names: Tokens, among: Sequence[str] = EVERY, but: Collection[Entry] = ()
    ) -> Found:
        """Returns the tasks that are meant: one, several by name, or a group. Raises as `one` does."""
        keys = [token.key for token in names]
        place = next((at for at in range(1, len(keys)) if keys[at] in ("except", "but")), None)
        if place is not None:
            but = (*but, *self.several(names[place + 1 :], among, but).entries)
            names = names[:place]
        found = None if is_quoted(names) else self._group(name_text(names), among, but)
        found = found or self._listed(names, OPEN if among == EVERY else among, but)
        self.last = found.entries
        return found

    def fitting(
        self, name: str, but: Collection[Entry] = (), among: Sequence[str] = OPEN
    ) -> list[Entry]:
        """Returns the tasks that fit: of this message, else of `among`, else of all."""
        others = [entry for entry in self.entries.values() if entry not in but]
        exact = [entry for entry in others if same_text(entry.title) == same_text(name)]
        own = [entry for entry in others if entry in self.own]
        among_them = [entry for entry in others if entry.status in among]
        for pool in (own, exact, among_them, others):
            if found := fits(name, {entry.key: entry.title for entry in pool}):
                return self.titles(found)
        return self.titles(fits(name, {entry.key: _together(entry.title) for entry in others}))

    def _named(
        self, name: str, but: Collection[Entry], among: Sequence[str], quoted: bool = False
    ) -> Entry:
        said = " ".join(words(name))
        if (picked := self.chosen.get(same_text(name), "")) in self.entries:
            return self.entries[picked]
        if not quoted and said in _IT:
            return self.it()
        if not quoted and (number := self._number(said)) is not None:
            return number
        return self._only(name, self.fitting(name, but, among))

    def _only(self, name: str, found: Sequence[Entry]) -> Entry:
        if not found:
            raise NotFound(self._missing(name))
        if len(found) > 1:
            raise Unclear(name, found)
        return found[0]

    def _number(self, name: str) -> Entry | None:
        """Returns the task that "task 2" or "the last task" means; None for another name."""
        said = [word for word in name.split() if word not in _OF_NUMBERS]
        if len(said) != 1 or said == name.split():
            return None
        number = int(said[0]) if said[0].isdecimal() else ORDINAL.get(said[0])
        open_tasks = self.titles(self.order)
        if number is None or any(said[0] in words(entry.title) for entry in open_tasks):
            return None
        if "one" in name.split():  # of a list that was just shown, not of the board
            raise NotFound(f"I don't know which list “{name}” is of. Please name the task.")
        place = number - 1 if number > 0 else number
        if not -len(open_tasks) <= place < len(open_tasks):
            raise NotFound(f"There is no {name}: the board has {len(open_tasks)} open tasks.")
        return open_tasks[place]

    def _missing(self, name: str) -> str:
        if name in _IT:
            return f"I don't know which task “{name}” is. Please name it."
        said = f"There is no task “{name}” on the board{' as far as I see it' if self.cut else ''}."
        wanted = _stems(name) - _TELLING_NOTHING
        near = [f"“{one.title}”" for one in self.entries.values() if wanted & _stems(one.title)]
        return f"{said} Close to it: {', '.join(near[:3])}." if near else said

    def _mentioned(self, context: Context) -> tuple[Entry, ...]:
        """Returns what "it" may mean before this message names anything: what the last answer names."""
        if context.focus:
            return (self.entries[context.focus.id],)
        last = context.history[-1] if context.history else None
        text = _OFFER.sub("", last.content) if last and last.role == "assistant" else ""
        said = f" {' '.join(words(text))} "
        entries = self.entries.values()
        spoken = tuple(entry for entry in entries if f" {' '.join(words(entry.title))} " in said)
        return spoken or tuple(self.entries[brief.id] for brief in context.recent_tasks[:1])

    def _listed(self, names: Tokens, among: Sequence[str], but: Collection[Entry]) -> Found:
        """Returns the tasks of a list, "login and the docs"; as one when a title holds all of it."""
        parts = _apart(names)
        if len(parts) == 1:
            return Found((self._named(parts[0], but, among, is_quoted(names)),))
        if len(whole := self.fitting(name_text(names), but, among)) == 1:
            return Found((whole[0],))
        found: dict[str, Entry] = {}
        for part in parts:
            group = self._group(part, among, but)
            entries = group.entries if group else (self._named(part, but, among),)
            found.update((entry.key, entry) for entry in entries)
        return Found(tuple(found.values()))

    def _group(self, name: str, among: Sequence[str], but: Collection[Entry]) -> Found | None:
        """Returns the tasks of "all login tasks" or "both"; None for a name of one."""
        said = words(name)
        if " ".join(said) in _THEM:
            return Found(self.last or tuple(self.own) or self._before or (self._only(name, ()),))
        is_group = bool(said) and (said[0] in _ALL or said[0] == "tasks" or said[-1] in _PLURAL)
        if not is_group or any(word.isdecimal() for word in said):
            return None
        kept = [word for word in said if word not in _OF_GROUPS]
        size = next((n for n in (2, 1) if " ".join(kept[:n]) in LISTED), 0)
        statuses = LISTED[" ".join(kept[:size])] if size else tuple(among)
        kept = kept[size:]
        found = [entry for entry in self.entries.values() if entry.status in statuses]
        found = [entry for entry in found if entry not in but and _belongs(entry, kept)]
        if set(statuses) & set(self.cut):
            if not kept and not but:
                return Found(tuple(found), statuses)
            why = f"so I can't tell which “{name}” are. Name each."
            raise NotFound(f"The board has more tasks than I see, {why}")
        if not found:
            raise NotFound(f"There is no task like “{name}”.")
        return Found(tuple(found))


def _belongs(entry: Entry, said: Sequence[str]) -> bool:
    """Tells whether `entry` is one of the "high login tasks about billing" that are `said`."""
    place = next((at for at, word in enumerate(said) if word in _ABOUT), len(said))
    priority = next((PRIORITY[word] for word in said[:place] if word in PRIORITY), "")
    wanted = " ".join(word for word in said[:place] if word not in PRIORITY)
    topic = _stems(" ".join(word for word in said[place:] if word not in _TELLING_NOTHING))
    text = f"{entry.title} {entry.description}"
    in_title = _stems(wanted) <= _stems(entry.title)
    return priority in ("", entry.priority) and in_title and topic <= _stems(text)


def _apart(names: Tokens) -> list[str]:
    """Returns the names of a list: "login and the docs"; "tasks 2 and 3" are "task 2" and "task 3"."""
    texts = [name_text(part) for part in split(names, (",", "and", "&", ";"))]
    if texts and re.fullmatch(r"tasks \d+", texts[0], re.I):
        return [f"task {words(text)[-1]}" for text in texts]
    return texts


def split(tokens: Tokens, signs: Collection[str]) -> list[Tokens]:
    """Returns what stands between `signs`."""
    ends = [at for at, token in enumerate(tokens) if token.key in signs]
    parts = [tokens[a + 1 : b] for a, b in pairwise((-1, *ends, len(tokens)))]
    return [part for part in parts if part]


def _together(title: str) -> str:
    """Adds the words written as one: "sign-up" is "signup" too."""
    return " ".join([title, *(left + right for left, right in pairwise(words(title)))])


def _stems(text: str) -> set[str]:
    return {stem(word) for word in words(text)}


def find_memory(
    name: str, memories: Sequence[MemoryBrief], chosen: Mapping[str, str]
) -> MemoryBrief:
    """Returns the memory that `name` means, by its title, else by its text."""
    by_id = {memory.id: memory for memory in memories}
    if (picked := chosen.get(same_text(name), "")) in by_id:
        return by_id[picked]
    titles = {one.id: one.title for one in memories}
    texts = {one.id: f"{one.title} {one.content}" for one in memories}
    found = fits(name, titles) or fits(name, texts)
    if not found:
        raise NotFound(f"I find nothing about “{name}” in memory.")
    if len(found) > 1:
        raise Unclear(name, [by_id[key] for key in found])
    return by_id[found[0]]
