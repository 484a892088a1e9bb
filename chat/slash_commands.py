"""The slash commands of the composer: shortcuts for frequent messages.

A command inserts a sentence with a gap, or clicks a button of the page (`act`). The model gets the
sentence, never the command.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    does: str
    before: str = ""  # the sentence up to the gap
    after: str = ""
    act: str = ""  # "stop", "undo" or "again", instead of a sentence


COMMANDS = (
    Command("task", "Create a task", "Create a task to "),
    Command("done", "Mark a task as done", "Mark the ", " task as done"),
    Command("start", "Mark a task as in progress", "Mark the ", " task as in progress"),
    Command("delete", "Delete a task", "Delete the ", " task"),
    Command("open", "List open tasks", "What is open?"),
    Command("remember", "Remember something", "Remember that "),
    Command("decide", "Record a decision", "We decided to "),
    Command("recall", "Ask about a decision", "What did we decide about ", "?"),
    Command("stop", "Stop the current run", act="stop"),
    Command("undo", "Undo the latest changes", act="undo"),
    Command("again", "Regenerate the last answer", act="again"),
)
