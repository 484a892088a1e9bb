"""What people ask of a board and this one cannot do: each said as such, with what comes nearest."""

from __future__ import annotations

import re

from agent.llm.offline.wishes import Unclear, Wish

_T = "(?P<task>.+?)"
_NO_FIELD = (
    "Tasks have no people and no dates here. I can write it down: “Add a note to {task}: …”. "
    "Or say what comes first: “Move {task} to the top”."
)


def _named(pattern: str) -> str:
    """Numbers the names in `pattern`: the alternatives of a rule may each have a task."""
    count = iter(range(100))
    return re.sub(r"\(\?P<task>", lambda match: f"(?P<task{next(count)}>", pattern)


_RULES = tuple(
    (re.compile(_named(pattern), re.I), answer)
    for pattern, answer in (
        (rf"assign {_T} to .+|give {_T} to (?!high|low|medium).+", _NO_FIELD),
        (
            rf"(?:set|add|give|change|move) (?:a |an |the )?(?:due date|deadline|estimate|start date)"
            rf"(?: (?:for|of|on|to))? {_T}(?: (?:to|on|at|for) .+)?",
            _NO_FIELD,
        ),
        (
            rf"(?:archive|hide|put away) {_T}",
            "I cannot archive anything. What is done stands apart on the board; to delete it, say "
            "“Delete {task}”.",
        ),
        (
            rf"(?:postpone|defer|delay|reschedule) {_T}(?: (?:to|until|by|for) .+)?",
            "Tasks have no dates here. I can say that it waits, “Block {task}”, or put it last: "
            "“Move {task} to the bottom”.",
        ),
        (
            rf"(?:cancel|abandon|give up on) {_T}"
            rf"|(?:we|i) (?:don['’]t|do not) need {_T} (?:any ?more|any longer|now)"
            rf"|{_T} (?:is|are) (?:no longer|not) needed(?: any ?more| any longer)?"
            rf"|{_T} (?:is|are) obsolete",
            "Shall I delete “{task}”? Then say “Delete {task}”.",
        ),
        (
            r"(?:please )?(?:undo|revert|take back|roll ?back)(?: (?P<task>.+))?",
            "I cannot undo anything by a message. Each change has an undo of its own beside it, also "
            "for all that a message changed.",
        ),
        (
            rf"remind me to {_T}",
            "I have no dates and remind nobody. To put it on the board, say “Create a task to {task}”.",
        ),
        (
            rf"(?:i think|i guess|i believe|maybe|perhaps|probably),? (?:that )?we "
            rf"(?:should|could|might|can|may)(?: also| maybe)? {_T}",
            "Is that decided? Then say “We decided to {task}”. To put it on the board, say “Create a "
            "task to {task}”.",
        ),
        (
            rf"(?:how would you plan|(?:create|make|write) (?:me |us )?a plan for|plan) {_T}",
            "I add nothing of my own. Say what it has to do, for example “Users should be able to …”, "
            "or list its parts: “Create tasks: …”.",
        ),
        (
            rf"(?:clone|copy|duplicate) {_T}",
            "I cannot copy a task. Say “Create a task called …”, and what else it should hold.",
        ),
    )
)


def beyond(text: str) -> Wish | None:
    """Returns what to say to an order that no board of ours can follow, or None."""
    text = text.rstrip(" .!?")
    if len(text) > 300:
        return None
    for rule, answer in _RULES:
        if match := rule.fullmatch(text):
            task = next((value for value in match.groupdict().values() if value), "it")
            return Unclear(answer.format(task=task))
    return None


_NAME = r"(?!(?:when|then|given|if)\b)[\w'’-]+(?: [\w'’-]+){0,3}"
_NAMES = re.compile(rf"{_NAME}(?:, {_NAME})+(?:,? and|,) {_NAME}", re.I)


def bare_list(text: str) -> Wish | None:
    """Returns what to say to "login, logout, profile", which says not what is to become of it."""
    text = text.rstrip(" .!")
    if len(text) > 500 or not _NAMES.fullmatch(text):
        return None
    return Unclear(f"Shall I put these on the board? Then say “Create tasks: {text}”.")
