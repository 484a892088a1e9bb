"""Makes steps of what is to become of tasks that exist: one by one, or many in one step."""

from __future__ import annotations

import re
from typing import Any

from agent.llm.offline import wishes
from agent.llm.offline.asking import BoardReader
from agent.llm.offline.groups import EVERY, OPEN
from agent.llm.offline.references import Entry, Found, NotFound
from agent.llm.offline.steps import STATUS_WORDS
from agent.llm.offline.titles import clean, cut, sentence, task_title
from agent.llm.offline.words import key

TO = re.compile(r" (?:to|as|into|with|in):? ", re.I)


class TaskChanger(BoardReader):
    """What changes, moves and deletes tasks."""

    def _change(self, one: str, many: str, said: str, found: Found, /, **more: Any) -> None:
        """Adds one step for what was found; `said` has a place for what that is."""
        if len(found.entries) == 1 and not found.search:
            entry = found.entries[0]
            self._on_task(one, said.format(f"“{entry.title}”"), entry, **more)
        else:
            self._on_tasks(many, said, found, **more)

    def change_status(self, wish: wishes.ChangeStatus) -> None:
        # "Set all login tasks to pending" is about those that are done too.
        possible = wish.among or (EVERY if wish.status == "pending" else OPEN)
        found = self._find(wish.tasks, tuple(one for one in possible if one != wish.status))
        said = f"Mark {{}} as {STATUS_WORDS[wish.status]}"
        self._change("change_task_status", "change_tasks_status", said, found, status=wish.status)
        for entry in found.entries:
            entry.status = wish.status

    def set_priority(self, wish: wishes.SetPriority) -> None:
        said = f"Set {{}} to {wish.priority} priority"
        found = self._find(wish.tasks, OPEN)
        self._change("update_task", "update_tasks", said, found, priority=wish.priority)

    def rename(self, wish: wishes.Rename) -> None:
        entry, new = self._split(wish.rest)
        title = cut(task_title(new)) if new else ""
        if entry is None or not key(title):
            return
        self._on_task("update_task", f"Rename “{entry.title}” to “{title}”", entry, title=title)
        entry.title = title

    def _split(self, rest: str) -> tuple[Entry | None, str]:
        """Returns the task and the new text of "X to Y", where either may hold a "to" itself."""
        masked = list(TO.finditer(hidden(rest)))[:10]
        if not masked:
            self.draft.questions.append(f"What is the new name? I read “{cut(rest, 100)}”.")
            return None, ""
        for place in masked:
            found = self.board.find(rest[: place.start()])
            if isinstance(found, Found) and len(found.entries) == 1:
                self.board.mention(found.entries)
                return found.entries[0], rest[place.end() :]
        self._tasks(rest[: masked[0].start()])
        return None, ""

    def describe(self, wish: wishes.Describe) -> None:
        for entry in self._tasks(wish.task)[:1]:
            text = sentence(clean(wish.text))
            if wish.append and entry.description:
                text = f"{entry.description}\n\n{text}"
            self._on_task("update_task", f"Describe “{entry.title}”", entry, description=text)
            entry.description = text

    def set_parent(self, wish: wishes.SetParent) -> None:
        # Not mentioned: in "put it under booking", "it" is what was spoken of before.
        parent = self.board.find(wish.parent) if wish.parent else Found(())
        found = self._find(wish.task, OPEN)
        if isinstance(parent, NotFound):
            self.draft.questions.append(parent.question)
            return
        if not parent.entries:
            said = "Take {} out of its parent task"
            self._change("update_task", "update_tasks", said, found, parent="")
            return
        whole = parent.entries[0]
        parts = tuple(entry for entry in found.entries if entry is not whole)
        if len(parts) == 1:
            self._put_under(parts, (whole,))
        elif parts:
            said = f"Put {{}} under “{whole.title}”"
            self._on_tasks("update_tasks", said, Found(parts), whole, parent=whole.reference)

    def move(self, wish: wishes.Move) -> None:
        entries = self._tasks(wish.task)
        for entry in entries[:1]:
            where, other = self._place(wish, entry)
            if other is None:
                continue
            if other is entry:
                self.draft.notes.append(f"“{entry.title}” stands there already.")
                continue
            said = f"Move “{entry.title}” {where} “{other.title}”"
            self._on_task("move_task", said, entry, (other,), **{where: other.reference})
            self.board.mention((entry,))

    def _place(self, wish: wishes.Move, entry: Entry) -> tuple[str, Entry | None]:
        """Returns before or after which task it is to come."""
        if wish.other:
            others = self._tasks(wish.other)
            return wish.where, others[0] if others else None
        line = [one for one in self.board.in_order() if one.status in OPEN]
        if wish.where in ("up", "down") and entry in line:
            place = line.index(entry) + (1 if wish.where == "down" else -1)
            near = line[place] if 0 <= place < len(line) else entry
            return ("after" if wish.where == "down" else "before"), near
        if wish.where == "top":
            return "before", line[0] if line else None
        return "after", line[-1] if line else None

    def delete_tasks(self, wish: wishes.DeleteTasks) -> None:
        found = self._find(wish.tasks, EVERY, exactly=True)
        self._change("delete_task", "delete_tasks", "Delete {}", found)
        for entry in found.entries:
            self.board.remove(entry)


def hidden(text: str) -> str:
    """Returns `text` with quoted pieces blanked out, at its length."""
    return re.sub(r"[“\"«][^“”\"«»]{0,300}[”\"»]", lambda match: "x" * len(match.group()), text)
