"""The slash commands of the composer: short ways to write what people say often.

A command is a sentence with a gap, sent as the message that it makes, or the click of a button that
the page has (`act`). The model never sees a slash.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    does: str
    before: str = ""  # the sentence as far as the gap
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
