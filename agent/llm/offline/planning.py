"""Makes steps of wishes: looks up what they name, orders them, and keeps what cannot be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.llm.base import Context, MemoryBrief
from agent.llm.offline import remember, wishes
from agent.llm.offline.changing import TO, TaskChanger, hidden
from agent.llm.offline.reading import Reading
from agent.llm.offline.references import Found, find_memories
from agent.llm.offline.steps import MAX_STEPS, Draft
from agent.llm.offline.titles import clean, cut
from agent.llm.offline.words import key


def draft(context: Context, reading: Reading) -> Draft:
    """Returns the steps, and what there is to say besides, for all that was read."""
    planner = _Planner(context)
    for clause in reading.clauses:
        planner.take(clause)
    made = planner.draft
    if not reading.whole:
        made.steps.clear()
        made.questions = ["This is more than I can read at once. Please send it in smaller parts."]
    elif len(made.steps) >= MAX_STEPS:
        made.questions = [
            f"That would be {len(made.steps)} steps, and a plan has fewer than {MAX_STEPS}. "
            "Please send it in smaller parts. Nothing was changed."
        ]
        made.steps.clear()
    return made


class _Planner(TaskChanger):
    def take(self, clause: wishes.Clause) -> None:
        if clause.after:
            self._before, self._now = self._now or self._before, []
        elif clause.sentence != self._sentence:
            self._before, self._now = [], []
        self._sentence = clause.sentence
        wish = clause.wish
        handle: Callable[[Any], None] = _HANDLERS[type(wish)].__get__(self)
        handle(wish)

    # -- what may be a task or a memory

    def delete(self, wish: wishes.DeleteTasks) -> None:
        if not self._looks_like_a_task(wish.tasks) and (
            memories := find_memories(wish.tasks, self.context)
        ):
            self._forget(memories, wish.tasks)
        else:
            self.delete_tasks(wish)

    def _looks_like_a_task(self, phrase: str) -> bool:
        return "task" in phrase.lower() or isinstance(self.board.find(phrase, exactly=True), Found)

    # -- memory

    def remember(self, wish: wishes.Remember) -> None:
        title, content = remember.memory_title(wish.title), remember.memory_content(wish.said)
        if key(content) in self._remembered:
            return
        self._remembered[key(content)] = None
        known = remember.same(
            title, content, wish.kind, (*self.context.memories, *self.context.recent_memories)
        )
        if len(wish.said) > remember.MAX_CONTENT:
            self.draft.notes.append(f"I keep the first {remember.MAX_CONTENT:,} characters of it.")
        if known is None:
            arguments = {"title": title, "content": content, "kind": wish.kind}
            self._step("create_memory", f"Remember “{title}”", arguments)
        elif remember.says_the_same(content, known):
            self.draft.notes.append(f"I remember that already: “{known.content}”")
        else:
            self._revise(known, title, content)

    def _revise(self, memory: MemoryBrief, title: str, content: str) -> None:
        arguments = {"memory": memory.id, "title": title, "content": content}
        before = self._last_touch.get(memory.id)
        step = self._step("update_memory", f"Update the memory “{memory.title}”", arguments)
        if before:
            self.draft.steps[-1]["depends_on"] = list(
                dict.fromkeys([*self.draft.steps[-1]["depends_on"], before])
            )
        self._last_touch[memory.id] = step

    def revise_memory(self, wish: wishes.ReviseMemory) -> None:
        for place in list(TO.finditer(hidden(wish.rest)))[:10]:
            memories = find_memories(wish.rest[: place.start()], self.context)
            if len(memories) == 1:
                said = clean(wish.rest[place.end() :])
                title = remember.memory_title(remember.stated(said).title)
                self._revise(memories[0], title, remember.memory_content(said))
                return
        self.draft.questions.append(
            f"I find no one memory to change in “{cut(wish.rest, 100)}”. What is it called?"
        )

    def forget(self, wish: wishes.Forget) -> None:
        memories = find_memories(wish.topic, self.context)
        found = (
            self.board.find(wish.topic, exactly=True)
            if not memories and "task" in wish.topic.lower()
            else None
        )
        if isinstance(found, Found):
            self.delete(wishes.DeleteTasks(wish.topic))
            return
        self._forget(memories, wish.topic)

    def _forget(self, memories: list[MemoryBrief], topic: str) -> None:
        if len(memories) == 1:
            memory = memories[0]
            if memory.id not in self._last_touch:
                self._last_touch[memory.id] = self._step(
                    "delete_memory", f"Forget “{memory.title}”", {"memory": memory.id}
                )
        elif memories:
            names = "\n".join(f"- {memory.title}" for memory in memories[:10])
            self.draft.questions.append(
                f"Several memories fit “{cut(topic, 100)}”. Which one?\n\n{names}"
            )
        else:
            self.draft.questions.append(
                f"I find nothing in memory about “{cut(clean(topic), 100)}”."
            )

    # -- what needs no step

    def recall(self, wish: wishes.Recall) -> None:
        self.draft.recalls.append(wish)

    def aside(self, wish: wishes.Aside) -> None:
        self.draft.asides.append(wish)

    def unclear(self, wish: wishes.Unclear) -> None:
        self.draft.questions.append(wish.question)

    def not_understood(self, wish: wishes.NotUnderstood) -> None:
        self.draft.not_understood.append(wish.text)


_HANDLERS: dict[type, Any] = {
    wishes.CreateTask: _Planner.create_task,
    wishes.CreateTasks: _Planner.create_tasks,
    wishes.ChangeStatus: _Planner.change_status,
    wishes.SetPriority: _Planner.set_priority,
    wishes.Rename: _Planner.rename,
    wishes.Describe: _Planner.describe,
    wishes.Depend: _Planner.depend,
    wishes.SetParent: _Planner.set_parent,
    wishes.Move: _Planner.move,
    wishes.AskBoard: _Planner.ask_board,
    wishes.DeleteTasks: _Planner.delete,
    wishes.ListTasks: _Planner.list_tasks,
    wishes.Remember: _Planner.remember,
    wishes.Recall: _Planner.recall,
    wishes.ReviseMemory: _Planner.revise_memory,
    wishes.Forget: _Planner.forget,
    wishes.Aside: _Planner.aside,
    wishes.Unclear: _Planner.unclear,
    wishes.NotUnderstood: _Planner.not_understood,
}
