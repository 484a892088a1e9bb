"""Makes a plan of what was understood. All of a message becomes steps, or none of it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from agent.llm.base import Context, MemoryBrief
from agent.llm.offline import memories, questions, titles
from agent.llm.offline.matching import Gaps, Tokens, key_of
from agent.llm.offline.names import Board, Entry, Found, NotFound, Unclear, find_memory, fits, split
from agent.llm.offline.reading import Clause
from agent.llm.offline.steps import LONGEST_LIST, MAX_STEPS, Steps
from agent.llm.offline.titles import Misread, NewTask, free_text
from agent.llm.offline.tokens import text_of, words_of
from agent.llm.offline.vocabulary import (
    COUNT,
    EVERY,
    KIND,
    LISTED,
    OPEN,
    PLACE,
    PRIORITY,
    SIDE,
    STATUS,
    STATUS_NAMES,
)
from agent.text.words import same_text

_Task = TypeVar("_Task")
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
        self, context: Context, chosen: Mapping[str, str], left_out: Sequence[str] = ()
    ) -> None:
        self.context = context
        self.left_out = left_out  # names of what is to be no part of the plan
        self.chosen = chosen
        self.board = Board(context, chosen)
        self.steps = Steps()
        self.made = Made(steps=self.steps.steps)
        briefs = (*context.memories, *context.recent_memories)
        self.memories: list[MemoryBrief] = list({brief.id: brief for brief in briefs}.values())
        self._remembered = {same_text(memory.content) for memory in self.memories}

    def make(self, clauses: Sequence[Clause]) -> Made:
        for clause in clauses:
            self.clause = clause
            if "items" in clause.ways[0][1] or not self._is_left_out(clause.said):
                self.steps.begin_clause(clause.after)
                self._first_way()
        if len(self.made.steps) > MAX_STEPS:
            raise Impossible(_TOO_MUCH)
        return self.made

    def _is_left_out(self, text: str) -> bool:
        return any(fits(name, {"": text}) for name in self.left_out)

    def _first_way(self) -> None:
        """Takes the first way to read the clause in which every name is found.

        Another form than the first one counts when the first one names what does not exist: "Set up
        the tests is done" is said of the task "Set up the tests".
        """
        failed: Exception | None = None
        for form, gaps in self.clause.ways:
            if form is not self.clause.form and not isinstance(failed, NotFound):
                break
            self.form = form
            try:
                return getattr(self, f"do_{form.intent}")(gaps)
            except (NotFound, Unclear, Misread) as error:
                in_form = form is self.clause.form and isinstance(failed, NotFound)
                failed = error if failed is None or in_form else failed
        assert failed is not None, "a clause has at least one way"
        raise failed

    def _value(self, gaps: Gaps, name: str, meanings: Mapping[str, str]) -> str:
        """Returns what the words in a gap mean, or what the form means without them."""
        return meanings[key_of(gaps[name])] if name in gaps else self.form.value

    def _note(self, text: str) -> None:
        self.made.notes[text] = None

    # -- new tasks

    def do_create(self, gaps: Gaps) -> None:
        task = titles.new_task(gaps["title"])
        if "priority" in gaps:
            task = replace(task, priority=PRIORITY[key_of(gaps["priority"])])
        if self.form.intent == "another":
            before, _, behind = f" {task.title} ".partition(" it ")
            if behind or {"them", "these", "those"} & {*before.split()}:
                raise Misread("", task.title, "Please say in its title what it is about.")
        self._add([task], self._parent(gaps))

    do_another = do_subtask = do_create

    def do_create_all(self, gaps: Gaps) -> None:
        tasks = self._items(gaps["items"])
        if "number" in gaps and len(tasks) != COUNT[key_of(gaps["number"])]:
            said = f"You said {key_of(gaps['number'])} tasks, and I count {len(tasks)}."
            raise Impossible(f"{said} Please list one a line.")
        self._add(tasks, self._parent(gaps))

    do_subtasks = do_create_all

    def do_require(self, gaps: Gaps) -> None:
        who = titles.capitalised(titles.without_article(free_text(gaps["who"])))
        tasks = self._items(gaps["items"]) if "items" in gaps else [titles.new_task(gaps["title"])]
        self._add([replace(task, title=f"{who} can {_lower(task.title)}") for task in tasks])

    def _parent(self, gaps: Gaps) -> Entry | None:
        if not self.form.intent.startswith("subtask"):
            return None
        return self.board.one(gaps["parent"]) if "parent" in gaps else self.board.it()

    def _items(self, tokens: Tokens) -> list[NewTask]:
        items = [words_of(item) for item in tokens[0].items] or _comma_items(tokens)
        if len(items) == 1 and not tokens[0].items:
            raise Misread("", text_of(tokens), "A list has commas, or an item on each line.")
        if len(items) > MAX_STEPS * LONGEST_LIST:
            raise Impossible(
                f"A list of {len(items)} items is too long for one plan. Send smaller parts."
            )
        return [titles.new_task(item) for item in items if not self._is_left_out(text_of(item))]

    def _add(self, tasks: Sequence[NewTask], parent: Entry | None = None) -> None:
        tasks = [task for task in tasks if not self._is_there(task)]
        if len(tasks) == 1:
            return self._add_one(tasks[0], parent)
        if any(task.on or task.parent for task in tasks):
            raise Impossible(
                "Say what depends on what, or is a part of what, behind the list: “B depends on A.”"
            )
        within = parent.key if parent else None
        for part in _parts(tasks):
            items = {"tasks": [_arguments(task, parent) for task in part]}
            needed = [parent] if parent else []
            step = self.steps.add("create_tasks", f"Create {len(part)} tasks", items, (), needed)
            made = [
                Entry(f"{step}.task_ids.{place}", task.title, step=step, place=place, parent=within)
                for place, task in enumerate(part)
            ]
            self.board.add(*made)
        return None

    def _add_one(self, task: NewTask, parent: Entry | None) -> None:
        if task.order and self.board.fitting(text_of(task.order)):
            raise Impossible(
                f"Is “{task.title}” to depend on another task, or is that its title? Say “… that depends "
                "on …”, or put the title into quotes."
            )
        needed = self.board.several(task.on).entries if task.on else ()
        parent = self.board.one(task.parent) if task.parent else parent
        arguments = _arguments(task, parent)
        if needed:
            arguments["depends_on"] = [entry.reference for entry in needed]
        others = [*needed, *([parent] if parent else [])]
        step = self.steps.add("create_task", f"Create “{task.title}”", arguments, (), others)
        entry = Entry(
            f"{step}.task_id", task.title, step=step, parent=parent.key if parent else None
        )
        entry.depends_on = [other.key for other in needed]
        self.board.add(entry)

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
        status = self._value(gaps, "status", STATUS)
        among = {"reopen": ("completed",), "unblock": ("blocked",)}.get(
            self.form.intent, EVERY if status == "pending" else OPEN
        )
        it = () if "tasks" in gaps else (self.board.it(),)
        found = Found(it) if it else self.board.several(gaps["tasks"], among)
        if self.form.intent == "unblock":
            for entry in found.entries:
                if entry.status != "blocked":
                    self._note(f"{questions.needs(self.board, entry)} It is not marked as blocked.")
            found = replace(
                found, entries=[one for one in found.entries if one.status == "blocked"]
            )
        self._set(found, "status", status, f"Mark {{}} as {STATUS_NAMES[status]}")

    do_reopen = do_unblock = do_status

    def do_priority(self, gaps: Gaps) -> None:
        priority = self._value(gaps, "priority", PRIORITY)
        found = self.board.several(gaps["tasks"], OPEN)
        self._set(found, "priority", priority, f"Set {{}} to {priority} priority")

    def do_rename(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        title = titles.title(gaps["title"])
        keys = {token.key for token in gaps["title"]}
        # A name of several words may hold the word that leads to the new title.
        in_full = free_text(gaps["task"]).casefold() == entry.title.casefold()
        unsure = {"and", "to"} <= keys or (not in_full and keys & {"to", "as", "into"})
        if unsure and not gaps["title"][0].quoted:
            raise Misread("", title, "Please put the new title into quotes.")
        self._set(Found([entry]), "title", title, f"Rename {{}} to “{title}”")

    def do_describe(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        before = f"{entry.description}\n\n" if self.form.intent == "note" else ""
        text = f"{before}{titles.sentence(free_text(gaps['text']))}".strip()
        self._set(Found([entry]), "description", text, "Describe {}")

    do_note = do_describe

    def do_nest(self, gaps: Gaps) -> None:
        parents = [self.board.one(gaps["parent"])] if "parent" in gaps else []
        found = self.board.several(gaps["tasks"], but=parents)
        said = (
            f"Put {{}} under {questions.quoted(parents)}"
            if parents
            else "Take {} out of its parent"
        )
        self._set(found, "parent", parents[0].reference if parents else "", said, parents)
        for entry in found.entries:
            entry.parent = parents[0].key if parents else None

    do_unnest = do_nest

    def do_delete(self, gaps: Gaps) -> None:
        found = self.board.several(gaps["tasks"])
        self._change(found, "delete_task", "Delete {}", {})
        for entry in found.entries:
            self.board.entries.pop(entry.key, None)

    def _set(
        self, found: Found, name: str, value: Any, said: str, needed: Sequence[Entry] = ()
    ) -> None:
        tool = "change_task_status" if name == "status" else "update_task"
        self._change(found, tool, said, {name: value}, needed)
        for entry in found.entries:
            setattr(entry, name, value)

    def _change(
        self,
        found: Found,
        tool: str,
        said: str,
        values: dict[str, Any],
        needed: Sequence[Entry] = (),
    ) -> None:
        """Adds what changes all that was found; `said` has a place for the names."""
        tool_for_many = tool.replace("task", "tasks")
        if found.search:
            asked = {"status": list(found.search), "limit": LONGEST_LIST}
            step = self.steps.add("search_tasks", "Find the tasks", asked)
            arguments = {"tasks": {"$from": step, "path": "task_ids"}, **values}
            search = [Entry(step, "", step=step)]
            said = said.format("the tasks found")
            self.steps.add(tool_for_many, said, arguments, found.entries, search)
            self._note(f"I take at most {LONGEST_LIST} tasks at once; say it again for more.")
        elif len(found.entries) == 1:
            arguments = {"task": found.entries[0].reference, **values}
            said = said.format(questions.quoted(found.entries))
            self.steps.add(tool, said, arguments, found.entries, needed)
        else:
            for part in _parts(found.entries):
                arguments = {"tasks": [entry.reference for entry in part], **values}
                name = said.format(f"{len(part)} tasks")
                self.steps.add(tool_for_many, name, arguments, part, needed)

    # -- dependencies and order

    def do_depend(self, gaps: Gaps) -> None:
        tasks, others = self._two_sides(gaps)
        for entry in tasks:
            for other in others:
                if other is entry or entry.key in self._all_needed(other):
                    waits = f"“{other.title}” waits for it already"
                    why = "that is the same" if other is entry else waits
                    raise Impossible(f"“{entry.title}” can't depend on “{other.title}”: {why}.")
        for entry in tasks:
            needed = [other for other in others if other.key not in entry.depends_on]
            keys = [*entry.depends_on, *(other.key for other in needed)]
            self._depend(entry, keys, f"depends on {questions.quoted(needed, ' and ')}", needed)

    def do_release(self, gaps: Gaps) -> None:
        tasks, others = self._two_sides(gaps)
        gone = {other.key for other in others}
        for entry in tasks:
            keys = [key for key in entry.depends_on if key not in gone]
            self._depend(entry, keys, f"no longer depends on {questions.quoted(others, ' and ')}")

    def _two_sides(self, gaps: Gaps) -> tuple[Sequence[Entry], Sequence[Entry]]:
        """Returns what depends, and on what. No task depends on itself, which tells names apart."""
        try:
            left = self.board.several(gaps["tasks"]).entries
        except Unclear:
            others = self.board.several(gaps["on"]).entries
            left = self.board.several(gaps["tasks"], but=others).entries
        points = key_of(gaps["on"]) in ("it", "that")
        right = self.board.several(gaps["on"], but=() if points else left).entries
        self.board.last = left
        return left, right

    def _depend(
        self, entry: Entry, keys: list[str], said: str, needed: Sequence[Entry] = ()
    ) -> None:
        """Makes `entry` depend on the tasks with these keys, of which `needed` are new."""
        if keys == entry.depends_on:
            self._note(f"“{entry.title}”: nothing depends differently now.")
            return
        entry.depends_on = keys
        before = [other.place for other in needed if other.step == entry.step]
        places = [place for place in before if place is not None and place < (entry.place or 0)]
        if needed and len(places) == len(needed):  # earlier items of the same list
            step = next(step for step in self.steps.steps if step["id"] == entry.step)
            step["arguments"]["tasks"][entry.place].setdefault("after", []).extend(places)
            return
        references = [other.reference for other in self.board.titles(keys)]
        arguments = {"task": entry.reference, "depends_on": references}
        self.steps.add("update_task", f"“{entry.title}” {said}", arguments, [entry], needed)

    def _all_needed(self, entry: Entry) -> set[str]:
        reached, left = set(), [entry]
        while left:
            fresh = self.board.titles(key for key in left.pop().depends_on if key not in reached)
            reached |= {one.key for one in fresh}
            left += fresh
        return reached

    def do_move(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        keys = [key for key in self.board.order if key in self.board.entries]
        at = keys.index(entry.key) if entry.key in keys else len(keys)
        above, below = self.board.titles(keys[:at]), self.board.titles(keys[at + 1 :])
        beside = {"top": above[:1], "up": above[-1:], "down": below[:1], "bottom": below[-1:]}
        if "other" in gaps:
            where, others = SIDE[key_of(gaps["side"])], [self.board.one(gaps["other"], but=[entry])]
        else:
            place = PLACE[key_of(gaps["place"])]
            where, others = "before" if place in ("top", "up") else "after", beside[place]
        self.board.last = (entry,)
        if not others:
            self._note(f"“{entry.title}” is there already.")
            return
        arguments = {"task": entry.reference, where: others[0].reference}
        said = f"Move “{entry.title}” {where} “{others[0].title}”"
        self.steps.add("move_task", said, arguments, [entry], others)

    def do_reason(self, gaps: Gaps) -> None:
        self._note(f"Why (“{titles.cut(self.clause.said, 80)}”) is not kept.")

    # -- memories

    def do_remember(self, gaps: Gaps) -> None:
        stated = memories.statement(self.form, gaps, self.clause.said)
        if len(stated.content) > memories.MAX_CONTENT:
            most = f"A memory has at most {memories.MAX_CONTENT:,} characters."
            raise Impossible(f"{most} Please say less.")
        if same_text(stated.content) in self._remembered:
            self._note(f"I remember that already: “{stated.content}”")
            return
        old = memories.outdated(stated, self.memories, self.chosen)
        self._remembered.add(same_text(stated.content))
        new = memories.renewed(stated, old) if old else stated
        arguments = {"title": new.title, "content": new.content}
        if old:
            arguments["memory"] = old.id
            self.steps.add("update_memory", f"Replace “{old.title}” in memory", arguments)
        else:
            arguments["kind"] = new.kind
            self.steps.add("create_memory", f"Remember “{new.title}”", arguments)

    do_decide = do_switch = do_prefer = do_remember

    def do_forget(self, gaps: Gaps) -> None:
        memory = find_memory(free_text(gaps["memory"]), self.memories, self.chosen)
        if "text" in gaps:
            content = titles.sentence(free_text(gaps["text"]))
            arguments = {"memory": memory.id, "content": content}
            self.steps.add("update_memory", f"Change the memory “{memory.title}”", arguments)
        else:
            self.steps.add("delete_memory", f"Forget “{memory.title}”", {"memory": memory.id})

    do_revise = do_forget

    # -- questions

    def do_list(self, gaps: Gaps) -> None:
        said = self.form.value or key_of(gaps["listed"])
        arguments = {"status": list(LISTED[said]), "limit": _LIMIT}
        self.steps.add("search_tasks", "List the tasks", arguments)

    def do_find(self, gaps: Gaps) -> None:
        query = free_text(gaps["topic"])
        arguments: dict[str, Any] = {"query": query, "limit": _LIMIT}
        if "listed" in gaps:
            arguments["status"] = list(LISTED[key_of(gaps["listed"])])
        self.steps.add("search_tasks", f"Find tasks about “{titles.cut(query, 80)}”", arguments)

    def do_known(self, gaps: Gaps) -> None:
        kind = self._value(gaps, "kind", KIND)
        if "topic" in gaps:
            topic = titles.without_article(free_text(gaps["topic"]))
            self.made.facts.append(questions.remembered(topic, self.memories, kind))
            return
        asked = {"query": "", "limit": _LIMIT, **({"kind": kind} if kind else {})}
        self.steps.add("search_memories", "Look into memory", asked)

    def do_about(self, gaps: Gaps) -> None:
        priority = self._value(gaps, "priority", PRIORITY)
        about = self.board.one(gaps["task"]) if "task" in gaps else priority
        self.made.facts.append(getattr(questions, self.form.intent)(self.board, about))

    do_needs = do_needed_by = do_parts = do_urgent = do_ready = do_changed = do_about

    def do_talk(self, gaps: Gaps) -> None:
        self.made.talk.append(self.form.answer)

    do_help = do_project = do_talk


def _parts(tasks: Sequence[_Task]) -> Iterator[Sequence[_Task]]:
    """Yields as many of `tasks` as a call takes."""
    return (tasks[at : at + LONGEST_LIST] for at in range(0, len(tasks), LONGEST_LIST))


def _arguments(task: NewTask, parent: Entry | None) -> dict[str, Any]:
    given = {"priority": task.priority, "description": task.description}
    given["parent"] = parent.reference if parent else ""
    return {"title": task.title, **{name: value for name, value in given.items() if value}}


def _comma_items(tokens: Tokens) -> list[Tokens]:
    """Returns the items of "alpha, beta and gamma"; of "alpha; beta" without looking for an "and"."""
    if any(token.key == ";" for token in tokens):
        return split(tokens, ";")
    *items, last = split(tokens, ",")
    joins = [at for at, token in enumerate(last) if token.key in ("and", "&")]
    ends = (last[: joins[-1]], last[joins[-1] + 1 :]) if joins else (last,)
    return [*items, *(part for part in ends if part)]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
