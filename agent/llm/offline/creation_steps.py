"""Makes steps of what is to be created, and of what depends on what."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from agent.llm.offline import wishes
from agent.llm.offline.creating import NO_TITLE
from agent.llm.offline.references import Entry, NotFound, Reference
from agent.llm.offline.steps import LONGEST_LIST, STATUS_WORDS, StepMaker, name_of
from agent.llm.offline.titles import MAX_TITLE, cut, task_title
from agent.llm.offline.words import key


class TaskMaker(StepMaker):
    """What creates tasks and writes their dependencies."""

    # -- new tasks

    def create_task(self, wish: wishes.CreateTask) -> None:
        arguments = self._arguments(wish)
        if arguments is None:
            return
        entry = Entry(
            "",
            arguments["title"],
            description=arguments.get("description", ""),
            arguments=arguments,
        )
        needed = self._needed(wish.depends_on)
        parents = self._tasks(wish.parent)[:1] if wish.parent else ()
        if needed is None or (wish.parent and not parents):
            return
        if parents:
            arguments["parent"] = parents[0].reference
        if needed:
            arguments["depends_on"] = [other.reference for other in needed]
        entry.step = self._step(
            "create_task", f"Create “{entry.title}”", arguments, (*needed, *parents)
        )
        entry.reference = {"$from": entry.step, "path": "task_id"}
        entry.depends_on = list(needed)
        self.board.add([entry])

    def _needed(self, phrase: str) -> tuple[Entry, ...] | None:
        """Returns the tasks that a new one depends on; None when that had to be asked."""
        return (self._tasks(phrase) or None) if phrase else ()

    def _arguments(self, wish: wishes.CreateTask) -> dict[str, Any] | None:
        title = task_title(wish.text, action=wish.action)
        if not key(title):
            self.draft.questions.append(NO_TITLE)
            return None
        if existing := self.board.same_title(title):
            state = STATUS_WORDS[existing.status]
            self.draft.questions.append(
                f"There is a task “{existing.title}” already, it is {state}. "
                "If you want a second one, give it another name."
            )
            self.board.mention([existing])
            return None
        description = clean_lines(wish.description)
        if len(title) > MAX_TITLE:
            description = "\n\n".join(filter(None, (wish.text.strip(), description)))
        arguments: dict[str, Any] = {"title": cut(title)}
        if description:
            arguments["description"] = description
        if wish.priority:
            arguments["priority"] = wish.priority
        return arguments

    def create_tasks(self, wish: wishes.CreateTasks) -> None:
        entries: list[Entry] = []
        needs, parents = [], []
        wholes: dict[str, Entry] = {}
        for item in wish.items:
            arguments = self._arguments(item)
            if arguments is None:
                continue
            entry = Entry("", arguments["title"], description=item.description, arguments=arguments)
            whole = wholes.get(item.parent) or self._whole(item.parent, entries)
            if whole is not None:
                arguments["parent"] = whole.reference
                wholes[item.parent] = whole
            elif item.parent:
                parents.append((entry, item.parent))
            entries.append(entry)
            needs.append((entry, item.depends_on))
            self.board.add([entry])
        for start in range(0, len(entries), LONGEST_LIST):
            self._create_chunk(entries[start : start + LONGEST_LIST], wholes.values())
        self.board.mention(entries)
        for entry, phrase in needs:
            if phrase:
                self._depend((entry,), self._tasks(phrase))
        for entry, phrase in parents:
            self._put_under((entry,), self._tasks(phrase)[:1])
        self.board.mention(entries)

    def _whole(self, phrase: str, made: Collection[Entry]) -> Entry | None:
        """Returns the task that an item is a part of, when it is there before the list."""
        found = self.board.find(phrase) if phrase else NotFound("")
        if isinstance(found, NotFound) or len(found.entries) != 1 or found.entries[0] in made:
            return None
        return found.entries[0]

    def _create_chunk(self, entries: list[Entry], behind: Iterable[Entry]) -> None:
        items = [entry.arguments for entry in entries]
        words = f"{len(entries)} tasks" if len(entries) > 1 else f"“{entries[0].title}”"
        step = self._step("create_tasks", f"Create {words}", {"tasks": items}, behind)
        for index, entry in enumerate(entries):
            entry.step, entry.index = step, index
            entry.reference = {"$from": step, "path": f"task_ids.{index}"}

    def _put_under(self, entries: tuple[Entry, ...], parents: tuple[Entry, ...]) -> None:
        for entry in entries if parents else ():
            description = f"Put “{entry.title}” under “{parents[0].title}”"
            self._on_task("update_task", description, entry, parents, parent=parents[0].reference)

    # -- dependencies

    def depend(self, wish: wishes.Depend) -> None:
        task = self._tasks(wish.task)
        on = self._tasks(wish.on) if task else ()
        self.board.mention(task)
        if wish.ends:
            self._undepend(task, on)
        else:
            self._depend(task, on)

    def _depend(self, tasks: tuple[Entry, ...], on: tuple[Entry, ...]) -> None:
        for task in tasks:
            new = [other for other in on if other not in task.depends_on]
            if circular := next((other for other in new if other.needs(task)), None):
                self.draft.questions.append(
                    f"“{task.title}” cannot depend on “{circular.title}”: "
                    + ("that is itself." if circular is task else "that one waits for it already.")
                )
            elif new:
                task.depends_on.extend(new)
                self._write_dependencies(task, new)
            elif on:
                self.draft.notes.append(f"“{task.title}” depends on that already.")

    def _write_dependencies(self, task: Entry, new: list[Entry]) -> None:
        """Tells them to the step that makes the task where it can know them; else adds a step."""
        if (
            task.arguments is None
            or name_of(task) in self._last_touch
            or not all(_known(task, other) for other in new)
        ):
            titles = ", ".join(f"“{other.title}”" for other in new)
            self._set_dependencies(task, f"Make “{task.title}” depend on {titles}")
            return
        made_by = next(step for step in self.draft.steps if step["id"] == task.step)
        for other in new:
            if other.step == task.step:
                task.arguments.setdefault("after", []).append(other.index)
                continue
            task.arguments.setdefault("depends_on", []).append(other.reference)
            if other.step and other.step not in made_by["depends_on"]:
                made_by["depends_on"].append(other.step)

    def _set_dependencies(self, task: Entry, description: str) -> None:
        references: list[Reference] = [other.reference for other in task.depends_on]
        self._on_task(
            "update_task",
            description,
            task,
            tuple(task.depends_on),
            depends_on=[*references, *task.kept],
        )

    def _undepend(self, tasks: tuple[Entry, ...], on: tuple[Entry, ...]) -> None:
        for task in tasks:
            gone = [other for other in on if other in task.depends_on]
            if gone:
                task.depends_on = [other for other in task.depends_on if other not in gone]
                self._set_dependencies(
                    task, f"Make “{task.title}” no longer depend on “{gone[0].title}”"
                )
            elif on:
                self.draft.notes.append(f"“{task.title}” does not depend on “{on[0].title}”.")


def _known(task: Entry, other: Entry) -> bool:
    """Tells whether the step that makes `task` can already name `other`."""
    if not other.step:
        return True
    if other.step == task.step:
        return other.index < task.index
    return int(other.step[1:]) < int(task.step[1:])


def clean_lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))
