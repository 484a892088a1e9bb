"""The board as the message finds and changes it, and what "that task" or "the login task" means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.llm.base import COMPLETED_TASKS, OPEN_TASKS, Context, MemoryBrief, TaskBrief
from agent.llm.offline.creating import comma_items
from agent.llm.offline.groups import EVERY, OPEN, Group, group
from agent.llm.offline.titles import clean
from agent.llm.offline.words import STOP, coverage, key, stems, words

Reference = str | dict[str, str]


@dataclass(eq=False, slots=True)
class Entry:
    """A task that exists, or that step `step` will make, told of it what `arguments` hold."""

    reference: Reference
    title: str
    status: str = "pending"
    description: str = ""
    depends_on: list[Entry] = field(default_factory=list)
    priority: str = "medium"
    parent: str | None = None  # its id
    kept: tuple[str, ...] = ()  # ids of dependencies that are not on this board
    step: str = ""
    index: int = 0
    arguments: dict[str, Any] | None = None

    def needs(self, other: Entry) -> bool:
        """Tells whether this task waits for `other`, directly or not."""
        seen: set[int] = set()
        open_ends = [self]
        while open_ends:
            entry = open_ends.pop()
            if entry is other:
                return True
            if id(entry) not in seen:
                seen.add(id(entry))
                open_ends.extend(entry.depends_on)
        return False


@dataclass(frozen=True, slots=True)
class Found:
    """`search`: the board holds more such tasks than are known here: all with these statuses."""

    entries: tuple[Entry, ...]
    search: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotFound:
    """`question` says why, and asks."""

    question: str


_IT = re.compile(
    r"it|this|that|(?:this|that|the|the new|the last|the latest|the newest|the previous|the same"
    r"|the first new|the newly created)"
    r"(?: (?:task|one|item|ticket|todo))|its|the one (?:above|before)|itself",
    re.I,
)
_THEM = re.compile(
    r"them|these|those|they|their|both|(?:both|all) of (?:them|these|those)|(?:these|those|the new|both"
    r"|all these|both of these)(?: (?:tasks|ones|two))",
    re.I,
)
_COUNTED = "first second third fourth fifth sixth seventh eighth ninth tenth"
_ORDINALS = _COUNTED.split()
_ORDINAL = re.compile(
    rf"(?:the )?(?P<which>{'|'.join(_ORDINALS)}|last|top|bottom|\d{{1,3}}(?:st|nd|rd|th))(?: (?P<count>two"
    rf"|three|four|five|\d{{1,2}}))?(?: (?:tasks?|ones?|items?|on the list))?",
    re.I,
)
_NUMBER = re.compile(
    r"(?:the )?(?:(?:tasks?|items?|number|no\.?|point|step) ?)?#? ?(?P<number>\d{1,3})", re.I
)
_COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5}
_BECAUSE = re.compile(
    r",? (?:because|since|as (?:it|we|the|they|this)\b|due to|now that|so that|for now)\b.*",
    re.I | re.DOTALL,
)
_CLAUSE = re.compile(
    r"\b(?:it|is|was|were|are|has|have|had|no|not|we|they|i|don['’]t|\w{2,}ed)\b", re.I
)
_INSIDE = re.compile(r"[“\"«„'`‘]([^“”\"«»„`]{1,300})[”\"»“'`’]")
_EDGES = re.compile(
    r"^(?:(?:the|that|this|my|our|a|an|open|task|tasks|item|ticket|todo|called|named|about|for"
    r"|titled)\b[ :]*)+(?=\S)"
    r"|(?: (?:task|tasks|item|items|ticket|one|ones|todo|entry|itself))+$",
    re.I,
)


class Board:
    """Every task that the message may mean; the rules of the message change it as they are read."""

    def __init__(self, context: Context) -> None:
        self._open = [_entry(task) for task in context.tasks]
        known = {entry.reference for entry in self._open if isinstance(entry.reference, str)}
        self._others: list[Entry] = []
        self._recent: list[Entry] = []
        for task in (
            *context.recent_tasks,
            *((context.focus,) if context.focus else ()),
            *context.completed,
        ):
            if task.id not in known:
                known.add(task.id)
                (self._others if task.status == "completed" else self._open).append(_entry(task))
        self.made: list[Entry] = []
        by_id = {entry.reference: entry for entry in self if isinstance(entry.reference, str)}
        every = (*context.tasks, *context.completed, *context.recent_tasks)
        for task in every:
            self._connect(task, by_id)
        focus = (context.focus,) if context.focus else ()
        self._recent = [by_id[task.id] for task in (*focus, *context.recent_tasks)]
        self._mentioned: list[Entry] = []
        # A full context: there may be more on the board.
        self._more_open = len(context.tasks) >= OPEN_TASKS
        self._more_done = len(context.completed) >= COMPLETED_TASKS
        self._titles = {key(entry.title): entry for entry in self._open}

    @staticmethod
    def _connect(task: TaskBrief, by_id: dict[Any, Entry]) -> None:
        entry = by_id[task.id]
        entry.depends_on = [by_id[other] for other in task.depends_on if other in by_id]
        entry.kept = tuple(other for other in task.depends_on if other not in by_id)

    def __iter__(self) -> Iterator[Entry]:
        yield from self.made
        yield from self._open
        yield from self._others

    def in_order(self) -> Iterator[Entry]:
        """As the board will stand: what the message makes comes at its end."""
        yield from self._open
        yield from self.made

    def add(self, entries: Sequence[Entry]) -> None:
        self.made.extend(entries)
        self._titles.update((key(entry.title), entry) for entry in entries)
        self.mention(entries)

    def mention(self, entries: Sequence[Entry]) -> None:
        self._mentioned = list(entries)

    def remove(self, entry: Entry) -> None:
        for known in (self.made, self._open, self._others, self._recent, self._mentioned):
            if entry in known:
                known.remove(entry)
        if self._titles.get(key(entry.title)) is entry:
            del self._titles[key(entry.title)]

    def same_title(self, title: str) -> Entry | None:
        """Returns the open task of that title."""
        return self._titles.get(key(title))

    def find(
        self, phrase: str, *, exactly: bool = False, among: tuple[str, ...] = OPEN
    ) -> Found | NotFound:
        """Returns the tasks that `phrase` means. `exactly`: nothing is guessed, for deletions.
        `among`: the statuses that "all tasks" is about."""
        phrase = _BECAUSE.sub("", phrase.strip(), count=1).strip(" .,:;!?")
        pointed = self._pointed(phrase, exactly)
        if pointed is not None:
            return pointed
        if self.same_title(clean(phrase)) is None and (described := group(phrase)) is not None:
            return self._members(phrase, described, among)
        whole = self._named(phrase, exactly=True)
        if isinstance(whole, Found) or whole.question:
            return whole
        several = self._several(phrase)
        if several is not None:
            return several
        guess = self._named(phrase, exactly=exactly)
        return guess if isinstance(guess, Found) or guess.question else self._missing(phrase)

    # -- pointing: it, them, the first two, all

    def _pointed(self, phrase: str, exactly: bool) -> Found | NotFound | None:
        if _IT.fullmatch(phrase):
            latest = self._mentioned[-1:] or self._recent[:1]
            return (
                Found(tuple(latest))
                if latest
                else NotFound(f"Which task do you mean by “{phrase}”?")
            )
        if _THEM.fullmatch(phrase):
            return self._them(phrase, exactly)
        return self._counted(phrase)

    def _them(self, phrase: str, exactly: bool) -> Found | NotFound:
        them = self._mentioned or self._recent
        if not them or (exactly and len(them) > 1 and not self._mentioned):
            return NotFound(f"Which tasks do you mean by “{phrase}”? I need their names.")
        return Found(tuple(them))

    def _members(self, phrase: str, wanted: Group, among: tuple[str, ...]) -> Found | NotFound:
        named: dict[str, tuple[Entry, ...]] = {"": ()}
        for other in (wanted.parent, wanted.without):
            found = self.find(other, among=EVERY) if other else Found(())
            if isinstance(found, NotFound):
                return found
            named[other] = found.entries
        parents, without = named[wanted.parent][:1], named[wanted.without]
        statuses = tuple(one for one in wanted.statuses or among if one in among) or wanted.statuses
        entries = tuple(
            entry
            for entry in self
            if entry.status in statuses
            and wanted.priority in ("", entry.priority)
            and _is_about(entry, wanted)
            and (not parents or self._is_part(entry, parents[0], wanted))
            and entry not in without
        )
        if wanted.only_status and self._may_be_more(statuses):
            return Found(entries, search=statuses)
        return Found(entries) if entries else NotFound(f"I find no task like “{phrase}” for that.")

    def _is_part(self, entry: Entry, whole: Entry, wanted: Group) -> bool:
        by_id = {one.reference: one for one in self if isinstance(one.reference, str)}
        if entry is whole:
            return wanted.itself
        above, seen = by_id.get(entry.parent or ""), 0
        while above is not None and above is not whole and seen < len(by_id):
            above, seen = by_id.get(above.parent or ""), seen + 1
        return above is whole

    def _may_be_more(self, statuses: tuple[str, ...]) -> bool:
        done = "completed" in statuses
        return (self._more_done and done) or (self._more_open and statuses != ("completed",))

    def _counted(self, phrase: str) -> Found | NotFound | None:
        order = self.made or self._open
        if (match := _ORDINAL.fullmatch(phrase)) is None:
            match = _NUMBER.fullmatch(phrase)
            start, count = (int(match["number"]) - 1, 1) if match else (-1, 0)
        else:
            number = match["count"] or "one"
            count = int(number) if number.isdigit() else _COUNTS.get(number.lower(), 1)
            start = (
                len(order) - count
                if match["which"].lower() in ("last", "bottom")
                else _position(match["which"].lower())
            )
        if match is None:
            return None
        found = order[start : start + count] if start >= 0 else []
        if len(found) == count and found:
            return Found(tuple(found))
        return NotFound(f"There is no such task as “{phrase}”: {len(order)} are on the board.")

    # -- naming

    def _several(self, phrase: str) -> Found | NotFound | None:
        """Returns the tasks of "a, b and c", or of "a, it is no longer needed"."""
        names = comma_items(phrase)
        if len(names) < 2 or len(names) > 20:
            return None
        results = [self._pointed(name, True) or self._named(name, exactly=True) for name in names]
        found = [
            entry for result in results if isinstance(result, Found) for entry in result.entries
        ]
        missing = [
            name
            for name, result in zip(names, results, strict=True)
            if isinstance(result, NotFound)
        ]
        if not missing:
            return Found(tuple(dict.fromkeys(found)))
        first = results[0]
        if (
            isinstance(first, Found)
            and len(found) == len(first.entries)
            and _is_reason(phrase, names[0])
        ):
            return first
        unclear = [
            result.question
            for result in results
            if isinstance(result, NotFound) and result.question
        ]
        if found or unclear:
            return NotFound(" ".join(unclear) or self._missing(missing[0]).question)
        return None

    def _named(self, phrase: str, *, exactly: bool) -> Found | NotFound:
        """Returns the one task of that name. An empty question: there is none."""
        inside = _INSIDE.search(phrase)
        name = clean(inside.group(1)) if inside else clean(phrase)
        wanted = key(name)
        if equal := [entry for entry in self if key(entry.title) == wanted and wanted]:
            return Found((equal[0],)) if len(equal) == 1 else _which(name, equal)
        bare = _EDGES.sub("", _EDGES.sub("", name)) or name
        if not any(word not in STOP for word in words(bare)):
            return NotFound("")
        scores = [(coverage(bare, entry.title), entry) for entry in self]
        if full := [entry for score, entry in scores if score == 1.0]:
            return self._one(bare, full)
        if exactly:
            close = [entry for score, entry in scores if score >= 0.5]
            inside_question = (
                f"No task is called “{name}” exactly. Do you mean “{close[0].title}”?"
                if len(close) == 1
                else ""
            )
            return NotFound(inside_question if inside else "")
        described = [
            entry for entry in self if coverage(bare, f"{entry.title} {entry.description}") == 1.0
        ]
        best = max((score for score, _ in scores), default=0.0)
        nearest = [entry for score, entry in scores if score == best] if best >= 0.6 else []
        return self._one(bare, described or nearest)

    def _one(self, phrase: str, entries: list[Entry]) -> Found | NotFound:
        if len(entries) > 1 and (
            same := [e for e in entries if set(stems(e.title)) == set(stems(phrase))]
        ):
            entries = same
        if len(entries) > 1 and (still := [e for e in entries if e.status != "completed"]):
            entries = still
        if len(entries) > 1 and (new := [e for e in entries if e in self.made]):
            entries = new
        if len(entries) == 1:
            return Found(tuple(entries))
        return _which(phrase, entries) if entries else NotFound("")

    def _missing(self, phrase: str) -> NotFound:
        phrase = clean(phrase)[:200]
        near = [entry.title for entry in self if coverage(phrase, entry.title) >= 0.3][:3]
        hint = " Do you mean " + " or ".join(f"“{title}”" for title in near) + "?" if near else ""
        return NotFound(f"I find no task like “{phrase}” on the board.{hint}")


def _entry(task: TaskBrief) -> Entry:
    return Entry(
        task.id,
        task.title,
        task.status,
        task.description,
        priority=task.priority,
        parent=task.parent,
    )


def _is_about(entry: Entry, wanted: Group) -> bool:
    text = f"{entry.title} {entry.description}" if wanted.about else entry.title
    return not wanted.topic or coverage(wanted.topic, text) == 1.0


def _which(phrase: str, entries: Sequence[Entry]) -> NotFound:
    names = "\n".join(f"- {entry.title}" for entry in entries[:10])
    return NotFound(f"Several tasks fit “{clean(phrase)}”. Which one do you mean?\n\n{names}")


def _position(ordinal: str) -> int:
    if ordinal == "top":
        return 0
    return _ORDINALS.index(ordinal) if ordinal in _ORDINALS else int(ordinal.rstrip("sthndr")) - 1


def _is_reason(phrase: str, first: str) -> bool:
    """Tells whether what follows the first name says why, rather than naming another task."""
    rest = phrase.partition(first)[2].strip(" ,")
    return (
        len(rest.split()) >= 3 and "task" not in rest.lower() and _CLAUSE.search(rest) is not None
    )


def find_memories(topic: str, context: Context) -> list[MemoryBrief]:
    """Returns the memories that `topic` names; the last one touched for "it"."""
    every = tuple(
        {memory.id: memory for memory in (*context.memories, *context.recent_memories)}.values()
    )
    topic = re.sub(r"^(?:that|about|the fact that) ", "", topic.strip(" .!?"), flags=re.I)
    if _IT.fullmatch(topic):
        return list(context.recent_memories[:1])
    if equal := [memory for memory in every if key(memory.title) == key(clean(topic))]:
        return equal[:1]
    return [
        memory for memory in every if coverage(topic, f"{memory.title} {memory.content}") == 1.0
    ]
