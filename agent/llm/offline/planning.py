"""Makes a plan of what was understood. All of a message becomes steps, or none of it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.llm.base import Context, MemoryBrief
from agent.llm.offline import memories, questions, titles
from agent.llm.offline.creating import NewTasks
from agent.llm.offline.grammar import CREATING, LISTING
from agent.llm.offline.matching import Gaps, key_of
from agent.llm.offline.names import Board, Entry, Found, NotFound, Unclear, find_memory
from agent.llm.offline.plan import LONGEST_LIST, MAX_STEPS, Impossible, Plan
from agent.llm.offline.reading import Clause
from agent.llm.offline.titles import Misread, free_text
from agent.llm.offline.vocabulary import EVERY, KIND, LISTED, OPEN, PLACE, PRIORITY, SIDE, STATUS
from agent.llm.offline.vocabulary import STATUS_NAMES as NAMES
from agent.support.words import same_text

_LIMIT = 50  # of a list in an answer
_TOO_MUCH = "That is too much for one plan. Please send it in smaller parts."


class PlanMaker:
    """Turns clauses into steps, one after the other, on the board as the steps so far leave it.

    For each intent of the grammar there is a method `do_…`, which looks up the names in the gaps
    before it changes anything. `make` raises Unclear, NotFound, Misread or Impossible; then nothing of
    the message is done.
    """

    def __init__(
        self, context: Context, chosen: Mapping[str, str], left_out: Sequence[str] = ()
    ) -> None:
        self.chosen = chosen
        self.board = Board(context, chosen)
        self.plan = Plan()
        self.new_tasks = NewTasks(self.board, self.plan, left_out)
        briefs = (*context.memories, *context.recent_memories)
        self.memories: list[MemoryBrief] = list({brief.id: brief for brief in briefs}.values())
        self._remembered = {same_text(memory.content) for memory in self.memories}

    def make(self, clauses: Sequence[Clause]) -> Plan:
        for clause in clauses:
            self.clause = clause
            if "items" in clause.ways[0][1] or not self.new_tasks.is_left_out(clause.said):
                self.plan.begin_clause(clause.after)
                self._first_way()
        if len(self.plan.steps) > MAX_STEPS:
            raise Impossible(_TOO_MUCH)
        return self.plan

    def _first_way(self) -> None:
        """Takes the first way to read the clause in which every name is found.

        Another form than the first one counts when the first one names what does not exist: "Set up
        the tests is done" is said of the task "Set up the tests".
        """
        failed: Exception | None = None
        for form, gaps in self.clause.ways:
            self.form = form
            is_first = form is self.clause.form
            if not is_first and not isinstance(failed, NotFound):
                break
            try:
                if self.form.intent in CREATING | LISTING:
                    return self.new_tasks.add(self.form, gaps)
                getattr(self, f"do_{self.form.intent}")(gaps)
                return None
            except (NotFound, Unclear, Misread) as error:
                if failed is None or (is_first and isinstance(failed, NotFound)):
                    failed = error
        assert failed is not None, "a clause has at least one way"
        raise failed

    def _value(self, gaps: Gaps, name: str, meanings: Mapping[str, str]) -> str:
        """Returns what the words in a gap mean, or what the form means without them."""
        return meanings[key_of(gaps[name])] if name in gaps else self.form.value

    def do_status(self, gaps: Gaps) -> None:
        status = self._value(gaps, "status", STATUS)
        among = {"reopen": ("completed",), "unblock": ("blocked",)}.get(
            self.form.intent, EVERY if status == "pending" else OPEN
        )
        found = Found([] if "tasks" in gaps else [self.board.it()])
        found = self.board.several(gaps["tasks"], among) if "tasks" in gaps else found
        if self.form.intent == "unblock":
            free = [one for one in found.entries if one.status != "blocked"]
            for one in free:
                self.plan.note(f"{questions.needs(self.board, one)} It is not marked as blocked.")
            found = replace(found, entries=[one for one in found.entries if one not in free])
        self._change(found, f"Mark {{}} as {NAMES[status]}", status=status)

    do_reopen = do_unblock = do_status

    def do_priority(self, gaps: Gaps) -> None:
        priority = self._value(gaps, "priority", PRIORITY)
        found = self.board.several(gaps["tasks"], OPEN)
        self._change(found, f"Set {{}} to {priority} priority", priority=priority)

    def do_rename(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        title = titles.title(gaps["title"])
        keys = {token.key for token in gaps["title"]}
        # A name of several words may hold the word that leads to the new title.
        in_full = free_text(gaps["task"]).casefold() == entry.title.casefold()
        unsure = {"and", "to"} <= keys or (not in_full and keys & {"to", "as", "into"})
        if unsure and not gaps["title"][0].quoted:
            raise Misread("", title, "Please put the new title into quotes.")
        self._change(Found([entry]), f"Rename {{}} to “{title}”", title=title)

    def do_describe(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        before = f"{entry.description}\n\n" if self.form.intent == "note" else ""
        text = f"{before}{titles.sentence(free_text(gaps['text']))}".strip()
        self._change(Found([entry]), "Describe {}", description=text)

    do_note = do_describe

    def do_nest(self, gaps: Gaps) -> None:
        parents = [self.board.one(gaps["parent"])] if "parent" in gaps else []
        found = self.board.several(gaps["tasks"], but=parents)
        under = f"Put {{}} under {questions.quoted(parents)}"
        said = under if parents else "Take {} out of its parent"
        self._change(found, said, parents, parent=parents[0].reference if parents else "")
        for entry in found.entries:
            entry.parent = parents[0].key if parents else None

    do_unnest = do_nest

    def do_delete(self, gaps: Gaps) -> None:
        found = self.board.several(gaps["tasks"])
        self._change(found, "Delete {}")
        for entry in found.entries:
            self.board.entries.pop(entry.key, None)

    def _change(self, found: Found, said: str, needed: Sequence[Entry] = (), **values: Any) -> None:
        """Sets `values` of all that was found, or deletes it; `said` has a place for the names."""
        tool = "change_task_status" if "status" in values else "update_task"
        tool = tool if values else "delete_task"
        tool_for_many = tool.replace("task", "tasks")
        if found.search:
            asked = {"status": list(found.search), "limit": LONGEST_LIST}
            step = self.plan.add("search_tasks", "Find the tasks", asked)
            arguments = {"tasks": {"$from": step, "path": "task_ids"}, **values}
            search = [Entry(step, "", step=step)]
            said = said.format("the tasks found")
            self.plan.add(tool_for_many, said, arguments, found.entries, search)
            self.plan.note(f"I take at most {LONGEST_LIST} tasks at once; say it again for more.")
        elif len(found.entries) == 1:
            arguments = {"task": found.entries[0].reference, **values}
            said = said.format(questions.quoted(found.entries))
            self.plan.add(tool, said, arguments, found.entries, needed)
        else:
            for at in range(0, len(found.entries), LONGEST_LIST):
                part = found.entries[at : at + LONGEST_LIST]
                arguments = {"tasks": [entry.reference for entry in part], **values}
                name = said.format(f"{len(part)} tasks")
                self.plan.add(tool_for_many, name, arguments, part, needed)
        for entry in found.entries:
            for name, value in values.items():
                setattr(entry, name, value)

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
        if keys == [*entry.depends_on]:
            self.plan.note(f"“{entry.title}”: nothing depends differently now.")
            return
        entry.depends_on = keys
        before = [other.place for other in needed if other.step == entry.step]
        places = [place for place in before if place is not None and place < (entry.place or 0)]
        if needed and len(places) == len(needed):  # earlier items of the same list
            step = next(step for step in self.plan.steps if step["id"] == entry.step)
            step["arguments"]["tasks"][entry.place].setdefault("after", []).extend(places)
            return
        references = [other.reference for other in self.board.titles(keys)]
        arguments = {"task": entry.reference, "depends_on": references}
        self.plan.add("update_task", f"“{entry.title}” {said}", arguments, [entry], needed)

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
            self.plan.note(f"“{entry.title}” is there already.")
            return
        arguments = {"task": entry.reference, where: others[0].reference}
        said = f"Move “{entry.title}” {where} “{others[0].title}”"
        self.plan.add("move_task", said, arguments, [entry], others)

    def do_reason(self, gaps: Gaps) -> None:
        self.plan.note(f"Why (“{titles.cut(self.clause.said, 80)}”) is not kept.")

    def do_remember(self, gaps: Gaps) -> None:
        stated = memories.statement(self.form, gaps, self.clause.said)
        if len(stated.content) > memories.MAX_CONTENT:
            most = f"A memory has at most {memories.MAX_CONTENT:,} characters."
            raise Impossible(f"{most} Please say less.")
        if same_text(stated.content) in self._remembered:
            self.plan.note(f"I remember that already: “{stated.content}”")
            return
        old = memories.outdated(stated, self.memories, self.chosen)
        self._remembered.add(same_text(stated.content))
        new = memories.renewed(stated, old) if old else stated
        arguments = {"title": new.title, "content": new.content}
        if old:
            arguments["memory"] = old.id
            self.plan.add("update_memory", f"Replace “{old.title}” in memory", arguments)
        else:
            arguments["kind"] = new.kind
            self.plan.add("create_memory", f"Remember “{new.title}”", arguments)

    do_decide = do_switch = do_prefer = do_remember

    def do_forget(self, gaps: Gaps) -> None:
        memory = find_memory(free_text(gaps["memory"]), self.memories, self.chosen)
        if "text" in gaps:
            content = titles.sentence(free_text(gaps["text"]))
            arguments = {"memory": memory.id, "content": content}
            self.plan.add("update_memory", f"Change the memory “{memory.title}”", arguments)
        else:
            self.plan.add("delete_memory", f"Forget “{memory.title}”", {"memory": memory.id})

    do_revise = do_forget

    def do_list(self, gaps: Gaps) -> None:
        said = self.form.value or key_of(gaps["listed"])
        arguments = {"status": list(LISTED[said]), "limit": _LIMIT}
        self.plan.add("search_tasks", "List the tasks", arguments)

    def do_find(self, gaps: Gaps) -> None:
        query = free_text(gaps["topic"])
        arguments: dict[str, Any] = {"query": query, "limit": _LIMIT}
        if "listed" in gaps:
            arguments["status"] = list(LISTED[key_of(gaps["listed"])])
        self.plan.add("search_tasks", f"Find tasks about “{titles.cut(query, 80)}”", arguments)

    def do_known(self, gaps: Gaps) -> None:
        kind = self._value(gaps, "kind", KIND)
        if "topic" in gaps:
            topic = titles.without_article(free_text(gaps["topic"]))
            self.plan.facts.append(questions.remembered(topic, self.memories, kind))
            return
        asked = {"query": "", "limit": _LIMIT, **({"kind": kind} if kind else {})}
        self.plan.add("search_memories", "Look into memory", asked)

    def do_about(self, gaps: Gaps) -> None:
        priority = self._value(gaps, "priority", PRIORITY)
        about = self.board.one(gaps["task"]) if "task" in gaps else priority
        self.plan.facts.append(getattr(questions, self.form.intent)(self.board, about))

    do_needs = do_needed_by = do_parts = do_urgent = do_ready = do_changed = do_about

    def do_talk(self, gaps: Gaps) -> None:
        self.plan.talk.append(self.form.answer)

    do_help = do_project = do_talk
