"""Makes a plan of what was understood. All of a message becomes steps, or none of it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.llm.base import Context, MemoryBrief
from agent.llm.offline import memories, new_tasks, questions
from agent.llm.offline.matching import Gaps, key_of
from agent.llm.offline.names import Board, Entry, NotFound, Unclear, find_memory, name_text
from agent.llm.offline.new_tasks import Misread, free_text
from agent.llm.offline.plan import LONGEST_LIST, MAX_STEPS, Impossible, Plan
from agent.llm.offline.reading import Clause
from agent.llm.offline.tokens import words_of
from agent.llm.offline.vocabulary import EVERY, KIND, LISTED, OPEN, PLACE, PRIORITY, SIDE, STATUS
from agent.llm.offline.vocabulary import STATUS_NAMES as NAMES
from agent.shorten import shorten
from agent.support.words import same_text
from agent.text import dates, moments

_LIMIT = 50  # of a list in an answer
_IT = words_of("it")
_UNDO_ALONE = "Undo takes back what an earlier message did, so it has to be a message of its own."
_TOO_MUCH = "That is too much at once: {}. Please send it in smaller parts."


class PlanMaker:
    """Turns clauses into steps, one after the other, on the board as the steps so far leave it.

    What a form of the grammar does is a method `do_…`, which looks up the names in the gaps before it
    changes anything. If `make` raises, nothing of the message is done.
    """

    def __init__(self, context: Context, chosen: Mapping[str, str], plan: Plan) -> None:
        self.board = Board(context, chosen)
        self.plan = plan
        briefs = (*context.memories, *context.recent_memories)
        self.memories: list[MemoryBrief] = list({brief.id: brief for brief in briefs}.values())
        self._remembered = {same_text(memory.content) for memory in self.memories}

    def make(self, clauses: Sequence[Clause]) -> None:
        """Raises Unclear, NotFound, Misread or Impossible."""
        self.alone = sum(clause.form.intent not in ("talk", "reason") for clause in clauses) == 1
        for clause in clauses:
            self.clause, self.form = clause, clause.form
            self.plan.begin_clause(clause.after)
            self._first_way()
            self.board.last = self.board.named or self.board.last
        if len(self.plan.steps) > MAX_STEPS:
            steps = f"a plan has at most {MAX_STEPS} steps, and this needs {len(self.plan.steps)}"
            raise Impossible(_TOO_MUCH.format(steps))

    def _first_way(self) -> None:
        """Takes the first way to divide the clause into names in which every name is found."""
        errors: list[Exception] = []
        for gaps in self.clause.ways:
            self.board.named = ()
            try:
                getattr(self, f"do_{self.form.does}")(gaps)
                return
            except (NotFound, Unclear, Misread) as error:
                errors.append(error)
        raise next((one for one in errors if not isinstance(one, NotFound)), errors[-1])

    def _value(self, gaps: Gaps, name: str, meanings: Mapping[str, str]) -> str:
        """Returns what the words in a gap mean, or what the form means without them."""
        return meanings[key_of(gaps[name])] if name in gaps else self.form.value

    def do_create(self, gaps: Gaps) -> None:
        new_tasks.create(self.board, self.plan, gaps)

    def do_status(self, gaps: Gaps) -> None:
        status = self._value(gaps, "status", STATUS)
        usual = EVERY if status == "pending" else OPEN
        among = {"reopen": ("completed",), "unblock": ("blocked",)}.get(self.form.intent, usual)
        found = self.board.several(gaps.get("tasks", _IT), among)
        free = [one for one in found if one.task.status != "blocked"]
        if self.form.intent == "unblock" and free:
            why = " ".join(questions.needs(self.board, one) for one in free)
            return self.plan.say(f"{questions.quoted(free)}: not marked as blocked. {why}")
        return self._change(found, f"Mark {{}} as {NAMES[status]}", status=status)

    def do_priority(self, gaps: Gaps) -> None:
        priority = self._value(gaps, "priority", PRIORITY)
        found = self.board.several(gaps["tasks"], OPEN)
        self._change(found, f"Set {{}} to {priority} priority", priority=priority)

    def do_assign(self, gaps: Gaps) -> None:
        found, values = self.board.several(gaps["tasks"], OPEN), {}
        if "who" in gaps:
            values["assignee"] = self._person(name_text(gaps["who"]))
        if "day" in gaps:
            said = name_text(gaps["day"])
            if (day := dates.resolve(said, dates.today())) is None:
                raise NotFound(f"I know no date “{said}”. What works: {dates.EXAMPLES}.")
            values["due"] = day.isoformat()
        said = " and ".join(f"{name.replace('due', 'due date')} {values[name]}" for name in values)
        self._change(found, f"Set {{}} to {said}", (), **values)

    def _person(self, said: str) -> str:
        """Returns the user name of a member. Raises NotFound."""
        context = self.board.context
        wanted = context.author if said.casefold() == "me" else said
        people = [one for one in context.people if same_text(one) == same_text(wanted)]
        if not people:
            known = ", ".join(context.people)
            raise NotFound(f"“{said}” is no member of this project. Its members: {known}.")
        return people[0]

    def do_rename(self, gaps: Gaps) -> None:
        entry, title = self.board.one(gaps["task"]), new_tasks.title(gaps["title"])
        keys = {token.key for token in gaps["title"]}
        if keys & {"and", "to", "as", "into"}:  # is that of the title, or does it lead to it?
            raise Misread("", title, "Please put the new title into quotes.")
        self._change([entry], f"Rename {{}} to “{title}”", title=title)

    def do_nest(self, gaps: Gaps) -> None:
        tasks, (parent, *more) = self._two_sides(gaps, "parent")
        if more:
            raise Impossible("A task is a part of one other task.")
        self._change(tasks, f"Put {{}} under “{parent.title}”", [parent], parent=parent.reference)
        for entry in tasks:
            entry.change(parent=parent.key)

    def do_delete(self, gaps: Gaps) -> None:
        found = self.board.several(gaps["tasks"])
        self._change(found, "Delete {}")
        for entry in found:
            self.board.entries.pop(entry.key, None)

    def _change(
        self, found: Sequence[Entry], said: str, needed: Sequence[Entry] = (), **values: Any
    ) -> None:
        """Sets `values` of all that was found, or deletes it; `said` has a place for the names."""
        tool = "change_task_status" if "status" in values else "update_task"
        tool = tool if values else "delete_task"
        if len(found) > LONGEST_LIST:
            tasks = f"one step changes at most {LONGEST_LIST} tasks, and these are {len(found)}"
            raise Impossible(_TOO_MUCH.format(tasks))
        names, which = questions.quoted(found), {"task": found[0].reference}
        if len(found) > 1:
            tool, names = tool.replace("task", "tasks"), f"{len(found)} tasks"
            which = {"tasks": [entry.reference for entry in found]}
        self.plan.add(tool, said.replace("{}", names, 1), which | values, found, needed)
        for entry in found:
            entry.change(**values)

    def do_depend(self, gaps: Gaps) -> None:
        tasks, others = self._two_sides(gaps, "on")
        ends = self.form.intent == "release"
        verb = "no longer depend" if ends else "depend"
        for entry in tasks:
            known = entry.task.depends_on
            changed = {other.key: other for other in others if (other.key in known) == ends}
            if not changed:
                self.plan.say(f"“{entry.title}”: nothing depends differently now.")
                continue
            kept = [key for key in known if key not in changed]
            entry.change(depends_on=kept if ends else [*known, *changed])
            needed = self.board.titles(entry.task.depends_on)
            references = [other.reference for other in needed]
            arguments = {"task": entry.reference, "depends_on": references}
            said = f"Make “{entry.title}” {verb} on {questions.quoted(changed.values(), ' and ')}"
            self.plan.add("update_task", said, arguments, [entry], changed.values())

    def _two_sides(self, gaps: Gaps, other: str) -> tuple[Sequence[Entry], Sequence[Entry]]:
        """Returns the tasks, and the others. None is on both sides, which tells names apart."""
        left = self.board.several(gaps["tasks"])
        is_same = name_text(gaps["tasks"]).casefold() == name_text(gaps[other]).casefold()
        right = left if is_same else self.board.several(gaps[other], but=left)
        if not {*left}.isdisjoint(right):
            raise Impossible(f"“{left[0].title}” can't stand on both sides.")
        self.board.named = left
        return left, right

    def do_move(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        keys = [key for key in self.board.order if key in self.board.entries]
        at = keys.index(entry.key) if entry.key in keys else len(keys)
        if "other" in gaps:
            where, others = SIDE[key_of(gaps["side"])], [self.board.one(gaps["other"], but=[entry])]
        else:
            where = PLACE[key_of(gaps["place"])]
            others = self.board.titles(keys[:at][:1] if where == "before" else keys[at + 1 :][-1:])
        if not others:
            self.plan.say(f"“{entry.title}” is there already.")
            return
        arguments = {"task": entry.reference, where: others[0].reference}
        said = f"Move “{entry.title}” {where} “{others[0].title}”"
        self.plan.add("move_task", said, arguments, [entry], others)

    def do_undo(self, gaps: Gaps) -> None:
        if not self.alone:
            raise Impossible(_UNDO_ALONE)
        of = [self.board.one(gaps["task"])] if "task" in gaps else []
        said = f"Undo the last change of {questions.quoted(of)}" if of else "Undo the last changes"
        self.plan.add("undo", said, {"object": of[0].reference} if of else {}, of)

    def do_reason(self, gaps: Gaps) -> None:
        self.plan.say(f"Why (“{shorten(self.clause.said, 80)}”) is not kept.")

    def do_remember(self, gaps: Gaps) -> None:
        stated = memories.statement(self.form, gaps, self.clause.said)
        if len(stated.content) > memories.MAX_CONTENT:
            raise Impossible(f"A memory has at most {memories.MAX_CONTENT:,} characters.")
        if same_text(stated.content) in self._remembered:
            self.plan.say(f"I remember that already: “{stated.content}”")
            return
        new, old = memories.replacing(stated, self.memories)
        self._remembered.add(same_text(stated.content))
        texts = {"title": new.title, "content": new.content}
        if old:
            said = f"Replace “{old.title}” in memory"
            self.plan.add("update_memory", said, {"memory": old.id, **texts})
        else:
            self.plan.add("create_memory", f"Remember “{new.title}”", {"kind": new.kind, **texts})

    def do_forget(self, gaps: Gaps) -> None:
        memory = find_memory(free_text(gaps["memory"]), self.memories)
        self.plan.add("delete_memory", f"Forget “{memory.title}”", {"memory": memory.id})

    def do_list(self, gaps: Gaps) -> None:
        listed = list(LISTED[self.form.value or key_of(gaps["listed"])])
        self.plan.add("search_tasks", "List the tasks", {"status": listed, "limit": _LIMIT})

    def do_find(self, gaps: Gaps) -> None:
        query = free_text(gaps["topic"])
        arguments = {"query": query, "limit": _LIMIT}
        self.plan.add("search_tasks", f"Find tasks about “{shorten(query, 80)}”", arguments)

    def do_known(self, gaps: Gaps) -> None:
        kind = self._value(gaps, "kind", KIND)
        if "topic" in gaps:
            topic = new_tasks.without_article(free_text(gaps["topic"]))
            self.plan.say(questions.remembered(topic, self.memories, kind))
            return
        asked = {"query": "", "limit": _LIMIT, **({"kind": kind} if kind else {})}
        self.plan.add("search_memories", "Look into memory", asked)

    def do_about(self, gaps: Gaps) -> None:
        about = [self.board.one(gaps["task"])] if "task" in gaps else []
        self.plan.say(getattr(questions, self.form.intent)(self.board, *about))

    def do_changed(self, gaps: Gaps) -> None:
        said = free_text(gaps["since"]) if "since" in gaps else "the last day"
        since = moments.moment(said, dates.now())
        if since is None:
            example = "“[What changed since yesterday?](#say)”"
            raise Impossible(f"I know no time “{said}”. What works, for example: {example}.")
        asked = {"since": since.isoformat(), "limit": _LIMIT}
        self.plan.add("list_changes", "List the changes", asked)

    def do_history(self, gaps: Gaps) -> None:
        entry = self.board.one(gaps["task"])
        said = f"Read the history of “{entry.title}”"
        self.plan.add("get_history", said, {"task": entry.reference}, (), [entry])

    def do_talk(self, gaps: Gaps) -> None:
        self.plan.say(self.form.answer)
