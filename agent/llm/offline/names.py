"""Which tasks and memories a message names, on the board as its steps so far will leave it.

Every word of a name counts: it is in the title, or in the short list of words that tell nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from agent.llm.base import COMPLETED_TASKS, OPEN_TASKS, Context, MemoryBrief, TaskBrief
from agent.llm.offline.matching import Tokens
from agent.llm.offline.vocabulary import EVERY, LISTED, OPEN, ORDINAL, PRIORITY, word_set
from agent.support.words import same_text, stem
from agent.text.lookup import fitting

# What is looked at of a larger board for words of a name.
SEEN = f"only the first {OPEN_TASKS} open tasks and the last {COMPLETED_TASKS} completed ones"
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"(?:(?:the )?tasks? )?(#\d+)", re.IGNORECASE)
_OFFER = re.compile(r"\[[^\]]*\]\(#say\)")  # an example in an answer, which names nothing
_TELLING_NOTHING = word_set(
    "a an the this that these those my our of for to in on at by with about and called named task "
    "tasks ticket todo item memory decision preference note fact s"
)
_IT = ("it", "that", "this", "that task", "this task", "that one", "this one", "the task")
_THEM = ("them", "these", "those", "both", "these tasks", "those tasks", "both tasks")
_PLURAL = word_set("tasks tickets todos items things cards issues")
_ALL = word_set("all every everything")
_OF_GROUPS = _ALL | _PLURAL | word_set("of the my our that is are task priority")
_OF_NUMBERS = word_set("the task number no")


@dataclass(slots=True, eq=False)
class Entry:
    """A task of the board, or one that the plan makes, as the plan so far leaves it."""

    key: str  # its id, or where the result of a step holds that
    task: TaskBrief  # refers to other tasks by their keys
    step: str = ""  # that makes it

    @property
    def title(self) -> str:
        return self.task.title

    @property
    def reference(self) -> Any:
        """What an argument of a step says for this task."""
        path = self.key.removeprefix(f"{self.step}.")
        return {"$from": self.step, "path": path} if self.step else self.key

    def change(self, **values: Any) -> None:
        self.task = replace(self.task, **values)


@dataclass(eq=False)
class Unclear(Exception):
    """Several tasks fit a name."""

    name: str
    candidates: Sequence[Entry]


class NotFound(Exception):
    """No object has this name. The text is for the person."""


class Board:
    """The tasks by name. `chosen`: what the person picked for a name that fitted several."""

    def __init__(self, context: Context, chosen: Mapping[str, str]) -> None:
        self.context = context
        self.chosen = chosen
        focus = [context.focus] if context.focus else []
        briefs = (*context.tasks, *context.completed, *context.recent_tasks, *context.named, *focus)
        self.entries = {one.id: Entry(one.id, one) for one in briefs}
        self.order = [brief.id for brief in context.tasks]
        self.own: list[Entry] = []  # what this message makes, in order
        self.last: Sequence[Entry] = ()  # what the clauses so far spoke of
        self.named: Sequence[Entry] = ()  # what this clause speaks of, which it doesn't call "it"
        self.cut: tuple[str, ...] = OPEN if len(context.tasks) >= OPEN_TASKS else ()
        self.cut += ("completed",) if len(context.completed) >= COMPLETED_TASKS else ()
        # What "it" may mean before this message names anything: what the last answer names.
        answer = context.history[-1] if context.history else None
        text = _OFFER.sub("", answer.content) if answer and answer.role == "assistant" else ""
        said = f" {' '.join(words(text))} "
        spoken = [one for one in self.entries.values() if f" {' '.join(words(one.title))} " in said]
        recent = [brief.id for brief in focus or context.recent_tasks[:1]]
        self._before = self.titles(recent) if focus or not spoken else spoken

    def add(self, *entries: Entry) -> None:
        self.own += entries
        self.entries.update((entry.key, entry) for entry in entries)
        self.named = entries

    def titles(self, keys: Iterable[str]) -> list[Entry]:
        """Returns the tasks with these keys, as far as they are known."""
        return [self.entries[key] for key in keys if key in self.entries]

    def one(self, name: Tokens, but: Collection[Entry] = ()) -> Entry:
        """Returns the task that is meant, none of `but`. Raises Unclear or NotFound."""
        entry = self._one(name_text(name), but, OPEN, is_quoted(name))
        self.named = self.named or [entry]
        return entry

    def several(
        self, names: Tokens, among: Sequence[str] = EVERY, but: Collection[Entry] = ()
    ) -> Sequence[Entry]:
        """Returns the tasks that are meant: one, several by name, or a group. Raises as `one` does."""
        found = None if is_quoted(names) else self._group(name_text(names), among)
        found = found or self._listed(names, OPEN if among == EVERY else among, but)
        self.named = self.named or found
        return found

    def _fitting(self, name: str, but: Collection[Entry], among: Sequence[str]) -> list[Entry]:
        """Returns the tasks that fit: of this message, else of `among`, else of all."""
        others = [one for one in self.entries.values() if one not in but]
        exact = [one for one in others if same_text(one.title) == same_text(name)]
        among_them = [one for one in others if one.task.status in among]
        own = [one for one in others if one in self.own]
        pools = (own, exact, among_them, others)
        found = (fits(name, {one.key: one.title for one in pool}) for pool in pools)
        return self.titles(next(filter(None, found), ()))

    def _one(
        self, name: str, but: Collection[Entry], among: Sequence[str], quoted: bool = False
    ) -> Entry:
        if (picked := self.chosen.get(same_text(name), "")) in self.entries:
            return self.entries[picked]
        found = None if quoted else self._pointed(name)
        return self._only(name, self._fitting(name, but, among) if found is None else found)

    def _only(self, name: str, found: Sequence[Entry]) -> Entry:
        if len(found) > 1:
            raise Unclear(name, found)
        if found:
            return found[0]
        if name in _IT:
            raise NotFound(f"I don't know which task “{name}” is. Please name it.")
        wanted = _stems(name) - _TELLING_NOTHING
        near = [f"“{one.title}”" for one in self.entries.values() if wanted & _stems(one.title)]
        close = f" Close to it: {', '.join(near[:3])}." if near else ""
        if not self.cut or _NUMBER.fullmatch(name):
            raise NotFound(f"There is no task “{name}” on the board.{close}")
        how = "Name another one by its number or its whole title."
        raise NotFound(f"I see {SEEN}, and none is called “{name}”. {how}{close}")

    def _pointed(self, name: str) -> Sequence[Entry] | None:
        """Returns what "it", "#12", "task 2" or "the last task" mean; None for another name."""
        said = words(name)
        if " ".join(said) in _IT:
            return self.last or self.own[-1:] or self._before
        if match := _NUMBER.fullmatch(name):
            return self.titles([match[1]])
        place = [word for word in said if word not in _OF_NUMBERS]
        if len(place) != 1 or place == said:
            return None
        number = int(place[0]) if place[0].isdecimal() else ORDINAL.get(place[0])
        open_tasks = self.titles(self.order)
        if number is None or any(place[0] in words(entry.title) for entry in open_tasks):
            return None
        found = open_tasks[-1:] if number < 0 else open_tasks[max(number - 1, 0) : number]
        if not found:
            there = f"the board has {len(open_tasks)} open tasks."
            raise NotFound(f"There is no {' '.join(said)}: {there}")
        return found

    def _listed(
        self, names: Tokens, among: Sequence[str], but: Collection[Entry]
    ) -> Sequence[Entry]:
        """Returns the tasks of a list, "login and the docs"; one whose title holds all of it."""
        parts = [name_text(part) for part in split(names, (",", "and", "&", ";"))]
        if parts and re.fullmatch(r"tasks \d+", parts[0], re.I):  # "tasks 2 and 3"
            parts = [f"task {words(text)[-1]}" for text in parts]
        if len(parts) == 1:
            return [self._one(parts[0], but, among, is_quoted(names))]
        if len(whole := self._fitting(name_text(names), but, among)) == 1:
            return whole
        return list(dict.fromkeys(self._one(part, but, among) for part in parts))

    def _group(self, name: str, among: Sequence[str]) -> Sequence[Entry] | None:
        """Returns the tasks of "all login tasks" or "both"; None for a name of one."""
        said = words(name)
        if " ".join(said) in _THEM:
            return self.last or self.own or self._before or [self._only(name, ())]
        is_group = not ({"tasks", *_ALL}.isdisjoint(said[:1]) and _PLURAL.isdisjoint(said[-1:]))
        if not is_group or any(map(str.isdecimal, said)):
            return None
        kept = [word for word in said if word not in _OF_GROUPS]
        size = next((n for n in (2, 1) if " ".join(kept[:n]) in LISTED), 0)
        statuses = LISTED[" ".join(kept[:size])] if size else tuple(among)
        levels = {PRIORITY[word] for word in kept[size:] if word in PRIORITY}
        wanted = _stems(" ".join(word for word in kept[size:] if word not in PRIORITY))
        found = [one for one in self.entries.values() if one.task.status in statuses]
        found = [one for one in found if levels <= {one.task.priority}]
        found = [one for one in found if wanted <= _stems(one.title)]
        if not {*self.cut}.isdisjoint(statuses):
            raise NotFound(f"The board has more tasks than I see, {SEEN}: name each of “{name}”.")
        if not found:
            raise NotFound(f"There is no task like “{name}”.")
        return found


def find_memory(name: str, memories: Sequence[MemoryBrief]) -> MemoryBrief:
    """Returns the memory that `name` means, by its title, else by its text. Raises NotFound."""
    by_id = {memory.id: memory for memory in memories}
    texts = {one.id: f"{one.title} {one.content}" for one in memories}
    found = fits(name, {one.id: one.title for one in memories}) or fits(name, texts)
    if not found:
        raise NotFound(f"I find nothing about “{name}” in memory.")
    if len(found) > 1:
        several = ", ".join(f"“{by_id[key].title}”" for key in found[:5])
        raise NotFound(f"Several memories fit “{name}”: {several}. Please name one in full.")
    return by_id[found[0]]


def words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _stems(text: str) -> set[str]:
    return {stem(word) for word in words(text)}


def fits(name: str, titles: Mapping[str, str]) -> list[str]:
    """Returns the keys of the titles that hold each word of `name` which tells something."""
    wanted = {stem(word) for word in words(name) if word not in _TELLING_NOTHING}
    return [key for key in fitting(name, titles) if wanted <= _stems(titles[key])]


def name_text(name: Tokens) -> str:
    """Returns the name that `name` is: of "the “Login” task" what stands in quotes."""
    if is_quoted(name):
        return next(token.text for token in name if token.quoted)
    return re.sub(r"['’]s$", "", " ".join(token.text for token in name))


def is_quoted(name: Tokens) -> bool:
    rest = [token.key for token in name if not token.quoted]
    return len(name) - len(rest) == 1 and set(rest) <= {"the", "task", "my", "our"}


def split(tokens: Tokens, signs: Collection[str]) -> list[Tokens]:
    """Returns what stands between `signs`."""
    ends = [at for at, token in enumerate(tokens) if token.key in signs]
    return [part for a, b in pairwise((-1, *ends, len(tokens))) if (part := tokens[a + 1 : b])]
