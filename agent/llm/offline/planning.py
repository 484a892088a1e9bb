"""Makes a plan of what was understood. All of a message becomes steps, or none of it does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.llm.base import Context, MemoryBrief
from agent.llm.offline import memories, questions, titles
from agent.llm.offline.matching import Gaps, Tokens, key_of
from agent.llm.offline.names import (
    Board,
    Entry,
    Found,
    NotFound,
    Unclear,
    accounts_for,
    find_memory,
)
from agent.llm.offline.reading import Clause
from agent.llm.offline.steps import LONGEST_LIST, MAX_STEPS, Steps
from agent.llm.offline.titles import Misread, NewTask
from agent.llm.offline.tokens import text_of
from agent.llm.offline.vocabulary import EVERY, LISTED, NUMBER, OPEN, PRIORITY, STATUS, STATUS_NAMES
from agent.text.words import same_text

_LIMIT = 50  # of a list in an answer
_NO_DATES = "Tasks have no dates and repeat nothing: what was said of a time is in the title only."
_TOO_MUCH = "That is too much for one plan. Please send it in smaller parts."


class Impossible(Exception):
    """Something that was understood can't be done as it was said. The text is for the person."""


@dataclass(slots=True)
class Made:
    """What a message becomes. `facts`: what was asked; `notes`: what else to say of the steps."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    talk: list[str] = field(default_factory=list)


class PlanMaker:
    """Turns clauses into steps, one after the other, on the board as the steps so far leave it.

    For each intent of the grammar there is a method `do_…`, which looks up the names in the gaps
    before it changes anything. `make` raises Unclear, NotFound, Misread or Impossible; then nothing of
    the message is done.
    """

    def __init__(
        self,
        context: Context,
        message: str,
        chosen: Mapping[str, str],
        left_out: Sequence[str] = (),
    ) -> None:
        self.context = context
        self.left_out = left_out  # names of what is to be no part of the plan
        self.message = message
        self.chosen = chosen
        self.board = Board(context, chosen)
        self.steps = Steps()
        self.made = Made(steps=self.steps.steps)
        briefs = (*context.memories, *context.recent_memories)
        self.memories: list[MemoryBrief] = list({brief.id: brief for brief in briefs}.values())
        self._remembered: set[str] = set()

    def make(self, clauses: Sequence[Clause]) -> Made:
        for clause in clauses:
            if "items" not in clause.ways[0] and self._is_left_out(clause.said):
                continue
            self.clause = clause
            self.steps.begin_clause(clause.after)
            kind = "remember" if clause.intent in ("decide", "switch", "prefer") else clause.intent
            self._first_way(getattr(self, f"do_{kind}"))
        if len(self.made.steps) > MAX_STEPS:
            raise Impossible(_TOO_MUCH)
        return self.made

    def _is_left_out(self, text: str) -> bool:
        return any(accounts_for(name, text) for name in self.left_out)

    def _first_way(self, do: Callable[[Gaps], None]) -> None:
        """Takes the first way to fill the gaps in which every name is found."""
        failed: Exception | None = None
        for gaps in self.clause.ways:
            try:
                return do(gaps)
            except (NotFound, Unclear, Misread) as error:
                if failed is None or isinstance(failed, NotFound):
                    failed = error
        assert failed is not None, "a clause has at least one way"
        raise failed

    def _said(self, tokens: Tokens) -> str:
        return titles.free_text(tokens, self.message)

    def _value(self, gaps: Gaps, name: str, meanings: Mapping[str, str]) -> str:
        """Returns what the words in a gap mean, or what the form means without them."""
        return meanings[key_of(gaps[name])] if name in gaps else self.clause.form.value

    def _note(self, text: str) -> None:
        self.made.notes[text] = None

    # -- new tasks

    def do_create(self, gaps: Gaps) -> None:
        priority = self._value(gaps, "priority", PRIORITY)
        if "label" in gaps:
            self._add_task(NewTask(titles.capitalised(self._said(gaps["label"]))), priority)
        else:
            words = gaps.get("title") or gaps["purpose"]
            self._add_task(titles.new_task(words, self.message), priority)

    def do_another(self, gaps: Gaps) -> None:
        words = gaps.get("title") or gaps["purpose"]
        self._add_task(titles.without_pronoun(titles.new_task(words, self.message)))

    def do_require(self, gaps: Gaps) -> None:
        who = titles.capitalised(titles.without_article(self._said(gaps["who"])))
        if "items" in gaps:
            wanted = [task.title for task in self._items(gaps["items"])]
            self._add_list([NewTask(f"{who} can {_lower(text)}") for text in wanted])
        else:
            self._add_task(
                NewTask(f"{who} can {_lower(titles.title(gaps['title'], self.message))}")
            )

    def do_subtask(self, gaps: Gaps) -> None:
        words = gaps.get("title") or gaps["quotation"]
        self._add_task(titles.new_task(words, self.message), parent=self._parent(gaps))

    def do_subtasks(self, gaps: Gaps) -> None:
        self._add_list(self._items(gaps["items"]), self._parent(gaps))

    def _parent(self, gaps: Gaps) -> Entry:
        return self.board.one(gaps["parent"]) if "parent" in gaps else self.board.it()

    def do_create_all(self, gaps: Gaps) -> None:
        tasks = self._items(gaps["items"])
        if "number" in gaps:
            said = gaps["number"][0].key
            if len(tasks) != (NUMBER.get(said) or int(said)):
                raise Impossible(
                    f"You said {said} tasks, and I count {len(tasks)}. Please list one a line."
                )
        self._add_list(tasks)

    def _items(self, tokens: Tokens) -> list[NewTask]:
        items = tokens[0].items or tuple(_comma_items(tokens, self.message))
        if len(items) == 1 and not tokens[0].items:
            raise Misread("", items[0], "A list has commas, or an item on each line.")
        if len(items) > MAX_STEPS * LONGEST_LIST:
            raise Impossible(
                f"A list of {len(items)} items is too long for one plan. Send smaller parts."
            )
        return [titles.item_task(item) for item in items if not self._is_left_out(item)]

    def _add_task(self, task: NewTask, priority: str = "", parent: Entry | None = None) -> None:
        if self._is_there(task):
            return
        if task.order and self.board.fits(task.order):
            raise Impossible(
                f"Is “{task.title}” to depend on another task, or is that its title? Say “… that depends "
                "on …”, or put the title into quotes."
            )
        needed = self.board.several(task.on).entries if task.on else ()
        parent = self.board.one(task.parent) if task.parent else parent
        arguments = _arguments(task, priority, parent)
        if needed:
            arguments["depends_on"] = [entry.reference for entry in needed]
        others = [*needed, *([parent] if parent else [])]
        step = self.steps.add("create_task", f"Create “{task.title}”", arguments, needed=others)
        entry = Entry(f"{step}.task_id", task.title, {"$from": step, "path": "task_id"}, step=step)
        entry.parent = parent.key if parent else None
        entry.depends_on = [other.key for other in needed]
        self.board.add(entry)

    def _add_list(self, tasks: Sequence[NewTask], parent: Entry | None = None) -> None:
        if any(task.on or task.parent for task in tasks):
            raise Impossible(
                "Say what depends on what, or is a part of what, behind the list: “B depends on A.”"
            )
        tasks = [task for task in tasks if not self._is_there(task)]
        for start in range(0, len(tasks), LONGEST_LIST):
            self._add_part(tasks[start : start + LONGEST_LIST], parent)

    def _add_part(self, tasks: Sequence[NewTask], parent: Entry | None) -> None:
        items = [_arguments(task, "", parent) for task in tasks]
        said = f"Create {len(items)} tasks" if len(items) > 1 else f"Create “{tasks[0].title}”"
        step = self.steps.add(
            "create_tasks", said, {"tasks": items}, needed=[parent] if parent else []
        )
        for place, task in enumerate(tasks):
            path = f"task_ids.{place}"
            entry = Entry(
                f"{step}.{path}", task.title, {"$from": step, "path": path}, step=step, place=place
            )
            entry.parent = parent.key if parent else None
            self.board.add(entry)
        self.board.last = tuple(self.board.own[-len(tasks) :])

    def _is_there(self, task: NewTask) -> bool:
        """Tells whether the board has an open task of this title, which is not made twice."""
        if task.tells_date:
            self._note(_NO_DATES)
        wanted = same_text(task.title)
        for entry in self.board.entries.values():
            if entry.status in OPEN and same_text(entry.title) == wanted:
                self.board.add(entry)  # what the message says of its own tasks means this one
                self._note(f"“{entry.title}” is on the board already; I did not make it twice.")
                return True
        return False

    # -- changes of tasks

    def do_status(self, gaps: Gaps) -> None:
        status = self._value(gaps, "status" if "status" in gaps else "state", STATUS)
        self._set_status(gaps, status, EVERY if status == "pending" else OPEN)

    def do_reopen(self, gaps: Gaps) -> None:
        self._set_status(gaps, "pending", ("completed",))

    def do_unblock(self, gaps: Gaps) -> None:
        self._set_status(gaps, "pending", ("blocked",))

    def _set_status(self, gaps: Gaps, status: str, among: Sequence[str]) -> None:
        it = () if "tasks" in gaps else (self.board.it(),)
        found = Found(it) if it else self.board.several(gaps["tasks"], among)
        said = f"Mark {{}} as {STATUS_NAMES[status]}"
        self._change(found, "change_task_status", "change_tasks_status", said, {"status": status})
        for entry in found.entries:
            entry.status = status

    def do_priority(self, gaps: Gaps) -> None:
        values = {"priority": self._value(gaps, "priority", PRIORITY)}
        found = self.board.several(gaps["tasks"], OPEN)
        self._change(
            found,
            "update_task",
            "update_tasks",
            f"Set {{}} to {values['priority']} priority",
            values,
        )

    def _change(
        self,
        found: Found,
        tool: str,
        tool_for_many: str,
        said: str,
        values: dict[str, Any],
        *needed: Entry,
    ) -> None:
        """Adds what changes all that was found; `said` has a place for the names."""
        if found.search:
            asked = {"status": list(found.search), "limit": LONGEST_LIST}
            step = self.steps.add("search_tasks", "Find the tasks", asked)
            search = Entry(step, "", None, step=step)
            arguments = {"tasks": {"$from": step, "path": "task_ids"}, **values}
            self.steps.add(
                tool_for_many, said.format("the tasks found"), arguments, found.entries, [search]
            )
            self._note(f"I take at most {LONGEST_LIST} tasks at once; say it again for more.")
        elif len(found.entries) == 1:
            (entry,) = found.entries
            arguments = {"task": entry.reference, **values}
            self.steps.add(tool, said.format(f"“{entry.title}”"), arguments, [entry], needed)
        else:
            for start in range(0, len(found.entries), LONGEST_LIST):
                entries = found.entries[start : start + LONGEST_LIST]
                arguments = {"tasks": [entry.reference for entry in entries], **values}
                self.steps.add(
                    tool_for_many, said.format(f"{len(entries)} tasks"), arguments, entries, needed
                )

    def do_rename(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        title = titles.title(gaps["title"], self.message)
        keys = {token.key for token in gaps["title"]}
        # A name of several words may hold the word that leads to the new title.
        named_in_full = self._said(gaps["task"]).casefold() == entry.title.casefold()
        unsure = ("and" in keys and "to" in keys) or (
            not named_in_full and keys & {"to", "as", "into"}
        )
        if unsure and not gaps["title"][0].quoted:
            raise Misread("", title, "Please put the new title into quotes.")
        self._update(entry, f"Rename “{entry.title}” to “{title}”", title=title)
        entry.title = title

    def do_describe(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        entry.description = titles.sentence(self._said(gaps.get("text") or gaps["quotation"]))
        self._update(entry, f"Describe “{entry.title}”", description=entry.description)

    def do_note(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        entry.description = (
            f"{entry.description}\n\n{titles.sentence(self._said(gaps['text']))}".strip()
        )
        self._update(entry, f"Add a note to “{entry.title}”", description=entry.description)

    def _update(
        self, entry: Entry, said: str, needed: Iterable[Entry] = (), /, **values: Any
    ) -> None:
        self.steps.add("update_task", said, {"task": entry.reference, **values}, [entry], needed)

    def do_depend(self, gaps: Gaps) -> None:
        tasks, needed = self._two_sides(gaps)
        for entry in tasks:
            for other in needed:
                if other is entry or entry.key in self._all_needed(other):
                    why = (
                        "that is the same"
                        if other is entry
                        else f"“{other.title}” waits for it already"
                    )
                    raise Impossible(f"“{entry.title}” can't depend on “{other.title}”: {why}.")
        for entry in tasks:
            self._add_needed(
                entry, [other for other in needed if other.key not in entry.depends_on]
            )

    def _two_sides(self, gaps: Gaps) -> tuple[Sequence[Entry], Sequence[Entry]]:
        """Returns what depends, and on what. No task depends on itself, which tells names apart."""
        try:
            left = self.board.several(gaps["tasks"]).entries
        except Unclear:
            left = self.board.several(
                gaps["tasks"], but=self.board.several(gaps["on"]).entries
            ).entries
        points = key_of(gaps["on"]) in ("it", "that")
        right = self.board.several(gaps["on"], but=() if points else left).entries
        self.board.last = left
        return left, right

    def _add_needed(self, entry: Entry, needed: Sequence[Entry]) -> None:
        if not needed:
            self._note(f"“{entry.title}” depends on that already.")
            return
        entry.depends_on += [other.key for other in needed]
        places = [
            other.place for other in needed if other.step == entry.step and other.place is not None
        ]
        if entry.place is not None and len(places) == len(needed) and max(places) < entry.place:
            step = next(step for step in self.steps.steps if step["id"] == entry.step)
            step["arguments"]["tasks"][entry.place].setdefault("after", []).extend(places)
            return
        names = " and ".join(f"“{other.title}”" for other in needed)
        references = [other.reference for other in self.board.titles(entry.depends_on)]
        self._update(entry, f"“{entry.title}” depends on {names}", needed, depends_on=references)

    def _all_needed(self, entry: Entry) -> set[str]:
        reached, left = set(), [entry]
        while left:
            fresh = self.board.titles(key for key in left.pop().depends_on if key not in reached)
            reached |= {one.key for one in fresh}
            left += fresh
        return reached

    def do_release(self, gaps: Gaps) -> None:
        tasks, others = self._two_sides(gaps)
        for entry in tasks:
            kept = [key for key in entry.depends_on if key not in {other.key for other in others}]
            if len(kept) == len(entry.depends_on):
                self._note(f"“{entry.title}” does not depend on that.")
                continue
            entry.depends_on = kept
            references = [other.reference for other in self.board.titles(kept)]
            said = f"“{entry.title}” no longer depends on {' and '.join(f'“{one.title}”' for one in others)}"
            self._update(entry, said, depends_on=references)

    def do_nest(self, gaps: Gaps) -> None:
        parent = self.board.one(gaps["parent"])
        found = self.board.several(gaps["tasks"], but=[parent])
        values = {"parent": parent.reference}
        self._change(
            found, "update_task", "update_tasks", f"Put {{}} under “{parent.title}”", values, parent
        )
        for entry in found.entries:
            entry.parent = parent.key

    def do_unnest(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        self._update(entry, f"Take “{entry.title}” out of its parent", parent="")
        entry.parent = None

    def do_move(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        other, where = self._neighbour(gaps, entry)
        self.board.last = (entry,)
        if other is None:
            self._note(f"“{entry.title}” is there already.")
            return
        arguments = {"task": entry.reference, where: other.reference}
        said = f"Move “{entry.title}” {where} “{other.title}”"
        self.steps.add("move_task", said, arguments, [entry], [other])

    def _neighbour(self, gaps: Gaps, entry: Entry) -> tuple[Entry | None, str]:
        """Returns the task that `entry` comes before or after, None when it is there, and which."""
        where = self.clause.form.value
        if "other" in gaps:
            return self.board.one(gaps["other"], but=[entry]), where
        order = self.board.order
        others = self.board.titles(key for key in order if key != entry.key)
        at = order.index(entry.key) if entry.key in order else len(order)
        places = {"top": 0, "up": at - 1, "down": at, "bottom": len(others) - 1}
        moves = {"top": at > 0, "up": at > 0, "down": at < len(others), "bottom": at != len(others)}
        is_move = bool(others) and moves[where]
        return (others[places[where]] if is_move else None), "before" if where in (
            "top",
            "up",
        ) else "after"

    def do_delete(self, gaps: Gaps) -> None:
        found = self.board.several(gaps["tasks"])
        self._change(found, "delete_task", "delete_tasks", "Delete {}", {})
        for entry in found.entries:
            self.board.entries.pop(entry.key, None)

    def do_reason(self, gaps: Gaps) -> None:
        self._note(f"Why (“{titles.cut(self.clause.said, 80)}”) is not kept.")

    # -- memories

    def do_remember(self, gaps: Gaps) -> None:
        stated = memories.statement(self.clause.form, gaps, self.clause.said, self.message)
        if len(stated.content) > memories.MAX_CONTENT:
            raise Impossible(
                f"A memory has at most {memories.MAX_CONTENT:,} characters. Please say less."
            )
        said = same_text(stated.content)
        if said in self._remembered or said in {
            same_text(memory.content) for memory in self.memories
        }:
            self._note(f"I remember that already: “{stated.content}”")
            return
        old = memories.outdated(stated, self.memories, self.chosen)
        self._remembered.add(said)
        if old is None:
            arguments = {"title": stated.title, "content": stated.content, "kind": stated.kind}
            self.steps.add("create_memory", f"Remember “{stated.title}”", arguments)
            return
        new = memories.renewed(stated, old)
        arguments = {"memory": old.id, "title": new.title, "content": new.content}
        self.steps.add("update_memory", f"Replace “{old.title}” in memory", arguments)

    def do_revise(self, gaps: Gaps) -> None:
        memory = self._memory(gaps)
        arguments = {"memory": memory.id, "content": titles.sentence(self._said(gaps["text"]))}
        self.steps.add("update_memory", f"Change the memory “{memory.title}”", arguments)

    def do_forget(self, gaps: Gaps) -> None:
        memory = self._memory(gaps)
        self.steps.add("delete_memory", f"Forget “{memory.title}”", {"memory": memory.id})

    def _memory(self, gaps: Gaps) -> MemoryBrief:
        return find_memory(self._said(gaps["memory"]), self.memories, self.chosen)

    # -- questions

    def do_list(self, gaps: Gaps) -> None:
        said = self.clause.form.value or key_of(gaps["listed"])
        self.steps.add(
            "search_tasks", "List the tasks", {"status": list(LISTED[said]), "limit": _LIMIT}
        )

    def do_find(self, gaps: Gaps) -> None:
        query = self._said(gaps.get("topic") or gaps.get("query") or gaps["label"])
        arguments: dict[str, Any] = {"query": query, "limit": _LIMIT}
        if "listed" in gaps:
            arguments["status"] = list(LISTED[key_of(gaps["listed"])])
        self.steps.add("search_tasks", f"Find tasks about “{titles.cut(query, 80)}”", arguments)

    def do_decided(self, gaps: Gaps) -> None:
        self._recall(gaps, "decision")

    def do_known(self, gaps: Gaps) -> None:
        self._recall(gaps, self.clause.form.value)

    def _recall(self, gaps: Gaps, kind: str) -> None:
        if "topic" in gaps:
            topic = titles.without_article(self._said(gaps["topic"]))
            self.made.facts.append(questions.remembered(topic, self.memories, kind))
            return
        asked = {"query": "", "limit": _LIMIT, **({"kind": kind} if kind else {})}
        self.steps.add("search_memories", "Look into memory", asked)

    def _ask(self, gaps: Gaps) -> None:
        answer = questions.ABOUT_A_TASK[self.clause.intent]
        self.made.facts.append(answer(self.board, self.board.one(gaps["task"])))

    do_needs = do_needed_by = do_parts = do_about = _ask

    def do_urgent(self, gaps: Gaps) -> None:
        priority = self._value(gaps, "priority", PRIORITY)
        self.made.facts.append(questions.of_priority(self.board, priority))

    def do_next(self, gaps: Gaps) -> None:
        self.made.facts.append(questions.next_tasks(self.board))

    def do_changed(self, gaps: Gaps) -> None:
        self.made.facts.append(questions.changed(self.context))

    # -- only words

    def do_talk(self, gaps: Gaps) -> None:
        self.made.talk.append(self.clause.form.answer)

    def do_help(self, gaps: Gaps) -> None:
        self.made.talk.append(questions.help_text(self.context))

    def do_project(self, gaps: Gaps) -> None:
        self.made.talk.append(questions.ABOUT_PROJECT)

    def do_refuse(self, gaps: Gaps) -> None:
        raise Impossible(self.clause.form.answer)


def _arguments(task: NewTask, priority: str, parent: Entry | None) -> dict[str, Any]:
    given = {"priority": task.priority or priority, "description": task.description}
    given["parent"] = parent.reference if parent else ""
    return {"title": task.title, **{name: value for name, value in given.items() if value}}


def _comma_items(tokens: Tokens, message: str) -> list[str]:
    """Returns the items of "alpha, beta and gamma"; of "alpha; beta" without looking for an "and"."""
    sign = ";" if any(token.key == ";" for token in tokens) else ","
    parts: list[list[Any]] = [[]]
    for token in tokens:
        if token.key == sign:
            parts.append([])
        else:
            parts[-1].append(token)
    joins = [at for at, token in enumerate(parts[-1]) if token.key in ("and", "&")]
    if sign == "," and joins:
        parts[-1:] = [parts[-1][: joins[-1]], parts[-1][joins[-1] + 1 :]]
    return [text_of(part, message) for part in parts if part]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
