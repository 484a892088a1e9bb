"""Makes a plan of what was understood. All of a message becomes steps, or none of it does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.llm.base import Context, MemoryBrief
from agent.llm.offline import memories, questions, titles
from agent.llm.offline.grammar import Intent
from agent.llm.offline.matching import Gaps, Tokens, key_of
from agent.llm.offline.names import Board, Entry, Found, NotFound, Unclear, find_memory
from agent.llm.offline.reading import Clause
from agent.llm.offline.steps import LONGEST_LIST, Steps
from agent.llm.offline.titles import Misread, NewTask
from agent.llm.offline.tokens import text_of, words_of
from agent.llm.offline.vocabulary import (
    EVERY,
    LISTED,
    NUMBER,
    OPEN,
    PRIORITY,
    STATE,
    STATUS,
    STATUS_NAMES,
)
from agent.text.words import same_text

_LIMIT = 50  # of a list in an answer
NO_DATES = "Tasks have no dates and repeat nothing: what was said of a time is in the title only."


class Refused(Exception):
    """Something that was understood can't be done as it was said. The text is for the person."""


@dataclass(slots=True)
class Made:
    """What the clauses of a message become. `facts`: what was asked; `notes`: what else to say."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    talk: list[str] = field(default_factory=list)


class PlanMaker:
    """Turns clauses into steps, one after the other, on the board as the steps so far leave it.

    `make` raises Unclear, NotFound, Misread or Refused; then nothing of the message is done.
    """

    def __init__(self, context: Context, message: str, chosen: Mapping[str, str]) -> None:
        self.context = context
        self.message = message
        self.chosen = chosen
        self.board = Board(context, chosen)
        self.steps = Steps()
        self.made = Made(steps=self.steps.steps)
        self.memories = _unique([*context.memories, *context.recent_memories])
        self._remembered: set[str] = set()

    def make(self, clauses: Sequence[Clause]) -> Made:
        for clause in clauses:
            self.clause = clause
            self.steps.begin_clause(clause.after)
            self._first_way(_HANDLERS[clause.intent])
        return self.made

    def _first_way(self, handle: Callable[[PlanMaker, Gaps], None]) -> None:
        """Takes the first way to fill the gaps in which every name is found.

        Handlers look names up before they change anything, so that another way may follow.
        """
        failed: NotFound | Unclear | Misread | None = None
        for gaps in self.clause.ways:
            try:
                handle(self, gaps)
            except (NotFound, Unclear, Misread) as error:
                if failed is None or (isinstance(error, Unclear) and isinstance(failed, NotFound)):
                    failed = error
            else:
                return
        assert failed is not None, "a clause has at least one way"
        raise failed

    def _said(self, tokens: Tokens) -> str:
        return titles.free_text(tokens, self.message)

    # -- new tasks

    def _create(self, gaps: Gaps) -> None:
        if title := gaps.get("title") or gaps.get("purpose"):
            task = titles.new_task(title, self.message)
            if self.clause.intent == Intent.ANOTHER:
                titles.no_pronoun(task.title)
        else:
            task = NewTask(titles.capitalised(text_of(gaps["label"], self.message)))
        self._add_task(task, PRIORITY[key_of(gaps["priority"])] if "priority" in gaps else "")

    def _require(self, gaps: Gaps) -> None:
        who = titles.capitalised(titles.without_article(text_of(gaps["who"], self.message)))
        if "title" in gaps:
            wanted = titles.title(gaps["title"], self.message)
            self._add_task(
                NewTask(
                    titles.title(
                        words_of(f"{who} can {_lower(wanted)}"), f"{who} can {_lower(wanted)}"
                    )
                )
            )
        else:
            self._add_list(
                [NewTask(f"{who} can {_lower(task.title)}") for task in self._items(gaps["items"])]
            )

    def _subtask(self, gaps: Gaps) -> None:
        if "quotation" in gaps:
            task = NewTask(titles.title(gaps["quotation"], self.message))
        else:
            task = titles.new_task(gaps["title"], self.message)
        parent = (
            self.board.one(gaps["parent"]) if "parent" in gaps else self.board.one(words_of("it"))
        )
        self._add_task(task, parent=parent)

    def _subtasks(self, gaps: Gaps) -> None:
        tasks = self._items(gaps["items"])
        parent = (
            self.board.one(gaps["parent"]) if "parent" in gaps else self.board.one(words_of("it"))
        )
        self._add_list(tasks, parent)

    def _create_all(self, gaps: Gaps) -> None:
        tasks = self._items(gaps["items"])
        if "number" in gaps:
            said = gaps["number"][0].key
            number = NUMBER.get(said) or int(said)
            if number != len(tasks):
                raise Refused(
                    f"You said {said} tasks, and I count {len(tasks)}. Please list them one a line."
                )
        self._add_list(tasks)

    def _items(self, tokens: Tokens) -> list[NewTask]:
        items = tokens[0].items or tuple(_comma_items(tokens, self.message))
        if len(items) > 19 * LONGEST_LIST:
            raise Refused(
                f"A list of {len(items)} items is too long for one plan. Please send it in smaller parts."
            )
        return [titles.item_task(item) for item in items]

    def _add_task(self, task: NewTask, priority: str = "", parent: Entry | None = None) -> None:
        if self._is_there(task.title):
            return
        if task.order and self.board.fits(task.order):
            raise Refused(
                f"Is “{task.title}” to depend on another task, or is that its title? Say “… that depends on "
                "…”, or put the title into quotes."
            )
        needed = self.board.several(task.on, but=()).entries if task.on else ()
        parent = self.board.one(task.parent) if task.parent else parent
        arguments: dict[str, Any] = {"title": task.title}
        if priority := task.priority or priority:
            arguments["priority"] = priority
        if task.description:
            arguments["description"] = task.description
        if parent:
            arguments["parent"] = parent.reference
        if needed:
            arguments["depends_on"] = [entry.reference for entry in needed]
        self._note_dates([task])
        others = [*needed, *([parent] if parent else [])]
        step = self.steps.add("create_task", f"Create “{task.title}”", arguments, needed=others)
        entry = Entry(f"{step}.task_id", task.title, {"$from": step, "path": "task_id"}, step=step)
        entry.parent, entry.depends_on = (
            (parent.key if parent else None),
            [other.key for other in needed],
        )
        self._made(entry)

    def _add_list(self, tasks: Sequence[NewTask], parent: Entry | None = None) -> None:
        if any(task.on or task.parent for task in tasks):
            raise Refused(
                "In a list I take titles and priorities only. Say what depends on what behind it: "
                "“B depends on A.”"
            )
        tasks = [task for task in tasks if not self._is_there(task.title)]
        self._note_dates(tasks)
        for start in range(0, len(tasks), LONGEST_LIST):
            self._add_part(tasks[start : start + LONGEST_LIST], parent)

    def _add_part(self, tasks: Sequence[NewTask], parent: Entry | None) -> None:
        items = [_item(task, parent) for task in tasks]
        said = f"Create {len(items)} tasks" if len(items) > 1 else f"Create “{tasks[0].title}”"
        step = self.steps.add(
            "create_tasks", said, {"tasks": items}, needed=[parent] if parent else []
        )
        for place, task in enumerate(tasks):
            key = f"task_ids.{place}"
            entry = Entry(
                f"{step}.{key}", task.title, {"$from": step, "path": key}, step=step, place=place
            )
            entry.parent = parent.key if parent else None
            self._made(entry)
        self.board.last = tuple(self.board.own[-len(tasks) :])

    def _made(self, entry: Entry) -> None:
        self.board.add(entry)
        self.board.last = (entry,)

    def _is_there(self, title: str) -> bool:
        """Tells whether the board has an open task of this title, which is not made twice."""
        wanted = same_text(title)
        for entry in self.board.entries.values():
            if entry.status in OPEN and same_text(entry.title) == wanted:
                self.board.last = (entry,)
                self.board.own.append(entry)  # what the message says of it means this one
                self.made.notes.append(
                    f"“{entry.title}” is on the board already; I did not make it twice."
                )
                return True
        return False

    def _note_dates(self, tasks: Iterable[NewTask]) -> None:
        if any(task.tells_date for task in tasks) and NO_DATES not in self.made.notes:
            self.made.notes.append(NO_DATES)

    # -- changes of tasks

    def _status(self, gaps: Gaps) -> None:
        said = key_of(gaps.get("status") or gaps.get("state") or ())
        status = STATUS.get(said) or STATE.get(said) or self.clause.form.value
        self._set_status(gaps, status, EVERY if status == "pending" else OPEN)

    def _reopen(self, gaps: Gaps) -> None:
        self._set_status(gaps, "pending", ("completed",))

    def _unblock(self, gaps: Gaps) -> None:
        self._set_status(gaps, "pending", ("blocked",))

    def _set_status(self, gaps: Gaps, status: str, among: Sequence[str]) -> None:
        found = self.board.several(gaps["tasks"] if "tasks" in gaps else words_of("it"), among)
        said = STATUS_NAMES[status]
        self._change(
            found,
            "change_task_status",
            "change_tasks_status",
            f"Mark {{}} as {said}",
            {"status": status},
        )
        for entry in found.entries:
            entry.status = status

    def _priority(self, gaps: Gaps) -> None:
        priority = (
            PRIORITY[key_of(gaps["priority"])] if "priority" in gaps else self.clause.form.value
        )
        found = self.board.several(gaps["tasks"], OPEN)
        self._change(
            found,
            "update_task",
            "update_tasks",
            f"Set {{}} to {priority} priority",
            {"priority": priority},
        )

    def _change(
        self,
        found: Found,
        tool: str,
        tool_for_many: str,
        said: str,
        values: dict[str, Any],
        needed: Sequence[Entry] = (),
    ) -> None:
        """Adds the step, or steps, that change all that was found; `said` has a place for the names."""
        if found.search:
            asked = {"status": list(found.search), "limit": LONGEST_LIST}
            search = self.steps.add("search_tasks", "Find the tasks", asked)
            entry = Entry(search, "", None, step=search)
            tasks = {"$from": search, "path": "task_ids"}
            self.steps.add(
                tool_for_many,
                said.format("the tasks found"),
                {"tasks": tasks, **values},
                found.entries,
                [entry, *needed],
            )
            self.made.notes.append(
                f"I take at most {LONGEST_LIST} tasks at once; say it again for more."
            )
        elif len(found.entries) == 1:
            (entry,) = found.entries
            self.steps.add(
                tool,
                said.format(f"“{entry.title}”"),
                {"task": entry.reference, **values},
                [entry],
                needed,
            )
        else:
            for start in range(0, len(found.entries), LONGEST_LIST):
                entries = found.entries[start : start + LONGEST_LIST]
                tasks = [entry.reference for entry in entries]
                self.steps.add(
                    tool_for_many,
                    said.format(f"{len(tasks)} tasks"),
                    {"tasks": tasks, **values},
                    entries,
                    needed,
                )

    def _rename(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        title = titles.title(gaps["title"], self.message)
        self._update(entry, f"Rename “{entry.title}” to “{title}”", title=title)
        entry.title = title

    def _describe(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps.get("task") or gaps["tasks"])
        text = gaps.get("text") or gaps["quotation"]
        entry.description = titles.sentence(self._said(text))
        self._update(entry, f"Describe “{entry.title}”", description=entry.description)

    def _add_note(self, gaps: Gaps) -> None:
        entry = self.board.known(gaps["task"])
        note = titles.sentence(self._said(gaps["text"]))
        entry.description = f"{entry.description}\n\n{note}".strip()
        self._update(entry, f"Add a note to “{entry.title}”", description=entry.description)

    def _update(
        self, entry: Entry, said: str, needed: Iterable[Entry] = (), /, **values: Any
    ) -> None:
        self.steps.add("update_task", said, {"task": entry.reference, **values}, [entry], needed)

    def _depend(self, gaps: Gaps) -> None:
        """Reads both sides before it asks: a task never depends on itself, which may tell two apart."""
        tasks, needed = self._two_sides(gaps["tasks"], gaps["on"])
        for entry in tasks:
            for other in needed:
                if other is entry:
                    raise Refused(f"“{entry.title}” can't depend on itself.")
                if entry.key in self._all_needed(other):
                    raise Refused(
                        f"“{other.title}” waits for it already, so “{entry.title}” can't depend on it."
                    )
        for entry in tasks:
            self._add_dependencies(
                entry, [other for other in needed if other.key not in entry.depends_on]
            )

    def _two_sides(self, first: Tokens, second: Tokens) -> tuple[Sequence[Entry], Sequence[Entry]]:
        try:
            left = self.board.several(first).entries
        except Unclear:
            right = self.board.several(second).entries
            left = self.board.several(first, but=right).entries
        else:
            right = self.board.several(
                second, but=left if second[0].key not in ("it", "that") else ()
            ).entries
        self.board.last = tuple(left)
        return self.board.must_be_known(left), right

    def _add_dependencies(self, entry: Entry, needed: Sequence[Entry]) -> None:
        if not needed:
            self.made.notes.append(f"“{entry.title}” depends on that already.")
            return
        entry.depends_on += [other.key for other in needed]
        item = self._item_of(entry)
        before = [
            other.place for other in needed if other.step == entry.step and other.place is not None
        ]
        if (
            item is not None
            and len(before) == len(needed)
            and all(place < (entry.place or 0) for place in before)
        ):
            item["after"] = [*item.get("after", []), *before]
            return
        names = " and ".join(f"“{other.title}”" for other in needed)
        references = [
            self.board.entries[key].reference if key in self.board.entries else key
            for key in entry.depends_on
        ]
        self._update(entry, f"“{entry.title}” depends on {names}", needed, depends_on=references)

    def _item_of(self, entry: Entry) -> dict[str, Any] | None:
        """Returns the item of the list that makes `entry`, as long as no step has changed it since."""
        if entry.place is None:
            return None
        step = next(step for step in self.steps.steps if step["id"] == entry.step)
        item: dict[str, Any] = step["arguments"]["tasks"][entry.place]
        return item

    def _all_needed(self, entry: Entry) -> set[str]:
        reached, left = set(), [entry.key]
        while left:
            key = left.pop()
            if key not in reached:
                reached.add(key)
                left += self.board.entries[key].depends_on if key in self.board.entries else ()
        return reached - {entry.key}

    def _release(self, gaps: Gaps) -> None:
        tasks, others = self._two_sides(gaps["tasks"], gaps["on"])
        gone = {other.key for other in others}
        for entry in tasks:
            if not gone & {*entry.depends_on}:
                self.made.notes.append(f"“{entry.title}” does not depend on that.")
                continue
            entry.depends_on = [key for key in entry.depends_on if key not in gone]
            references = [
                self.board.entries[key].reference if key in self.board.entries else key
                for key in entry.depends_on
            ]
            names = " and ".join(f"“{other.title}”" for other in others)
            self._update(
                entry, f"“{entry.title}” no longer depends on {names}", depends_on=references
            )

    def _nest(self, gaps: Gaps) -> None:
        parent = self.board.one(gaps["parent"])
        found = self.board.several(gaps["tasks"], but=[parent])
        values = {"parent": parent.reference}
        self._change(
            found,
            "update_task",
            "update_tasks",
            f"Put {{}} under “{parent.title}”",
            values,
            [parent],
        )
        for entry in found.entries:
            entry.parent = parent.key

    def _unnest(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        self._update(entry, f"Take “{entry.title}” out of its parent", parent="")
        entry.parent = None

    def _move(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        where = self.clause.form.value
        others = [self.board.entries[key] for key in self.board.order if key != entry.key]
        if "other" in gaps:
            other: Entry | None = self.board.one(gaps["other"], but=[entry])
        else:
            other, where = self._neighbour(entry, where, others)
        self.board.last = (entry,)
        if other is None:
            self.made.notes.append(f"“{entry.title}” is there already.")
            return
        arguments = {"task": entry.reference, where: other.reference}
        self.steps.add(
            "move_task",
            f"Move “{entry.title}” {where} “{other.title}”",
            arguments,
            [entry],
            [other],
        )

    def _neighbour(
        self, entry: Entry, where: str, others: Sequence[Entry]
    ) -> tuple[Entry | None, str]:
        """Returns the task that `entry` comes before or after, None when it is there, and which."""
        if not others:
            return None, "before"
        order = self.board.order
        at = order.index(entry.key) if entry.key in order else len(order)
        if where in ("top", "bottom"):
            is_there = at == (0 if where == "top" else len(order) - 1)
            other = others[0 if where == "top" else -1]
            return (None if is_there else other), ("before" if where == "top" else "after")
        place = at - 1 if where == "up" else at
        other_or_none = others[place] if 0 <= place < len(others) else None
        return other_or_none, ("before" if where == "up" else "after")

    def _delete(self, gaps: Gaps) -> None:
        found = self.board.several(gaps["tasks"])
        self._change(found, "delete_task", "delete_tasks", "Delete {}", {})
        for entry in found.entries:
            self.board.entries.pop(entry.key, None)

    def _reason(self, gaps: Gaps) -> None:
        self.made.notes.append(f"Why (“{titles.cut(self.clause.said, 80)}”) is not kept.")

    # -- memories

    def _remember(self, gaps: Gaps) -> None:
        stated = memories.statement(self.clause.form, gaps, self.clause.said, self.message)
        if len(stated.content) > memories.MAX_CONTENT:
            raise Refused(
                f"A memory has at most {memories.MAX_CONTENT:,} characters. Please say it in fewer words."
            )
        if memories.known(stated, self.memories) or same_text(stated.content) in self._remembered:
            self.made.notes.append(f"I remember that already: “{stated.content}”")
            return
        self._remembered.add(same_text(stated.content))
        old = memories.outdated(stated, self.memories, self.chosen)
        if old is None:
            arguments = {"title": stated.title, "content": stated.content, "kind": stated.kind}
            self.steps.add("create_memory", f"Remember “{stated.title}”", arguments)
            return
        new = memories.renewed(stated, old)
        arguments = {"memory": old.id, "title": new.title, "content": new.content}
        self.steps.add("update_memory", f"Replace “{old.title}” in memory", arguments)

    def _revise(self, gaps: Gaps) -> None:
        memory = self._memory(gaps)
        text = self._said(gaps["text"])
        arguments = {"memory": memory.id, "content": titles.sentence(text)}
        self.steps.add("update_memory", f"Change the memory “{memory.title}”", arguments)

    def _forget(self, gaps: Gaps) -> None:
        memory = self._memory(gaps)
        self.steps.add("delete_memory", f"Forget “{memory.title}”", {"memory": memory.id})

    def _memory(self, gaps: Gaps) -> MemoryBrief:
        return find_memory(self._said(gaps["memory"]), self.memories, self.chosen)

    # -- questions

    def _list(self, gaps: Gaps) -> None:
        said = self.clause.form.value or key_of(gaps["listed"])
        self.steps.add(
            "search_tasks", "List the tasks", {"status": list(LISTED[said]), "limit": _LIMIT}
        )

    def _find(self, gaps: Gaps) -> None:
        query = self._said(gaps.get("topic") or gaps.get("query") or gaps["label"])
        arguments: dict[str, Any] = {"query": query, "limit": _LIMIT}
        if "listed" in gaps:
            arguments["status"] = list(LISTED[key_of(gaps["listed"])])
        self.steps.add("search_tasks", f"Find tasks about “{titles.cut(query, 80)}”", arguments)

    def _recall_all(self, gaps: Gaps) -> None:
        kind = {"kind": self.clause.form.value} if self.clause.form.value else {}
        self.steps.add(
            "search_memories", "Look into memory", {"query": "", "limit": _LIMIT, **kind}
        )

    def _decided(self, gaps: Gaps) -> None:
        if "topic" not in gaps:
            asked = {"query": "", "kind": "decision", "limit": _LIMIT}
            self.steps.add("search_memories", "Look into memory", asked)
            return
        topic = titles.without_article(self._said(gaps["topic"]))
        self.made.facts.append(questions.remembered(topic, self.memories, "decision"))

    def _known(self, gaps: Gaps) -> None:
        if "topic" not in gaps:
            self._recall_all(gaps)
            return
        topic = titles.without_article(self._said(gaps["topic"]))
        self.made.facts.append(questions.remembered(topic, self.memories))

    def _ask_board(self, gaps: Gaps) -> None:
        answer = questions.ABOUT_A_TASK[self.clause.intent]
        self.made.facts.append(answer(self.board, self.board.known(gaps["task"])))

    def _urgent(self, gaps: Gaps) -> None:
        priority = (
            PRIORITY[key_of(gaps["priority"])] if "priority" in gaps else self.clause.form.value
        )
        self.made.facts.append(questions.of_priority(self.board, priority))

    def _next(self, gaps: Gaps) -> None:
        self.made.facts.append(questions.next_tasks(self.board))

    def _changed(self, gaps: Gaps) -> None:
        self.made.facts.append(questions.changed(self.context))

    # -- only words

    def _talk(self, gaps: Gaps) -> None:
        self.made.talk.append(self.clause.form.answer)

    def _help(self, gaps: Gaps) -> None:
        self.made.talk.append(questions.help_text(self.context))

    def _refuse(self, gaps: Gaps) -> None:
        raise Refused(self.clause.form.answer)

    def _project(self, gaps: Gaps) -> None:
        self.made.talk.append(questions.ABOUT_PROJECT)


_I = Intent
_HANDLERS: Mapping[Intent, Callable[[PlanMaker, Gaps], None]] = {
    _I.CREATE: PlanMaker._create,
    _I.ANOTHER: PlanMaker._create,
    _I.CREATE_ALL: PlanMaker._create_all,
    _I.REQUIRE: PlanMaker._require,
    _I.SUBTASK: PlanMaker._subtask,
    _I.SUBTASKS: PlanMaker._subtasks,
    _I.STATUS: PlanMaker._status,
    _I.REOPEN: PlanMaker._reopen,
    _I.UNBLOCK: PlanMaker._unblock,
    _I.PRIORITY: PlanMaker._priority,
    _I.RENAME: PlanMaker._rename,
    _I.DESCRIBE: PlanMaker._describe,
    _I.NOTE: PlanMaker._add_note,
    _I.DEPEND: PlanMaker._depend,
    _I.RELEASE: PlanMaker._release,
    _I.NEST: PlanMaker._nest,
    _I.UNNEST: PlanMaker._unnest,
    _I.MOVE: PlanMaker._move,
    _I.DELETE: PlanMaker._delete,
    _I.REASON: PlanMaker._reason,
    **dict.fromkeys((_I.REMEMBER, _I.DECIDE, _I.SWITCH, _I.PREFER), PlanMaker._remember),
    _I.REVISE: PlanMaker._revise,
    _I.FORGET: PlanMaker._forget,
    _I.LIST: PlanMaker._list,
    _I.FIND: PlanMaker._find,
    _I.URGENT: PlanMaker._urgent,
    _I.NEXT: PlanMaker._next,
    **dict.fromkeys((_I.NEEDS, _I.NEEDED_BY, _I.PARTS, _I.ABOUT), PlanMaker._ask_board),
    _I.DECIDED: PlanMaker._decided,
    _I.KNOWN: PlanMaker._known,
    _I.CHANGED: PlanMaker._changed,
    _I.HELP: PlanMaker._help,
    _I.TALK: PlanMaker._talk,
    _I.REFUSE: PlanMaker._refuse,
    _I.PROJECT: PlanMaker._project,
}


def _item(task: NewTask, parent: Entry | None) -> dict[str, Any]:
    item: dict[str, Any] = {"title": task.title}
    if task.priority:
        item["priority"] = task.priority
    if task.description:
        item["description"] = task.description
    if parent:
        item["parent"] = parent.reference
    return item


def _comma_items(tokens: Tokens, message: str) -> list[str]:
    """Returns the items of "alpha, beta and gamma"; of "alpha; beta" without looking for an "and"."""
    sign = ";" if any(token.key == ";" for token in tokens) else ","
    parts: list[list[Any]] = [[]]
    for token in tokens:
        if token.key == sign:
            parts.append([])
        else:
            parts[-1].append(token)
    last = parts[-1]
    joins = [at for at, token in enumerate(last) if token.key in ("and", "&")]
    if sign == "," and joins:
        at = joins[-1]
        parts[-1:] = [last[:at], last[at + 1 :]]
    return [text_of(part, message) for part in parts if part]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _unique(briefs: Iterable[MemoryBrief]) -> list[MemoryBrief]:
    return list({memory.id: memory for memory in briefs}.values())
