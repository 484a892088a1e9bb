"""What people call a status, a priority, a number and a place. Words only."""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPEN = ("pending", "in_progress", "blocked")
EVERY = (*OPEN, "completed", "cancelled")

_STATUS = {
    "pending": ("pending", "open", "todo", "to-do", "to do", "not started", "unstarted"),
    "in_progress": ("in progress", "in-progress", "started", "ongoing", "under way", "underway"),
    "completed": ("done", "completed", "complete", "finished", "closed", "resolved"),
    "cancelled": ("cancelled", "canceled"),
    "blocked": ("blocked", "on hold", "on-hold", "stuck"),
}
_PRIORITY = {
    "high": ("high", "urgent", "critical", "highest", "important", "high-priority", "top-priority"),
    "medium": ("medium", "normal", "medium-priority"),
    "low": ("low", "lowest", "low-priority"),
}
STATUS = {said: status for status, names in _STATUS.items() for said in names}
PRIORITY = {said: priority for priority, names in _PRIORITY.items() for said in names}
# What may be said of a task without a verb. "The shop is open" is said of no task.
_UNSAID = (*_STATUS["pending"], "started", "closed")
STATE = {said: status for said, status in STATUS.items() if said not in _UNSAID}
# What a list is of: "open" is all that is not done.
LISTED = {
    **{said: (status,) for said, status in STATUS.items() if status != "pending"},
    **dict.fromkeys(("pending", "not started", "unstarted"), ("pending",)),
    **dict.fromkeys(("open", "to do", "todo", "left", "remaining", "unfinished", "active"), OPEN),
}
_COUNTED = "one two three four five six seven eight nine ten"
COUNT = {said: value for value, said in enumerate(_COUNTED.split(), 1)}
COUNT |= {str(value): value for value in range(1, 101)}
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth"
ORDINAL = {said: value for value, said in enumerate(_ORDINALS.split(), 1)} | {"last": -1}

SIDE = {"before": "before", "above": "before", "after": "after", "below": "after"}
PLACE = dict.fromkeys(("top", "start", "first"), "before")
PLACE |= dict.fromkeys(("bottom", "end", "last"), "after")
# What memories are asked for: those of a kind, or all.
KIND = {f"{kind}s": kind for kind in ("decision", "preference", "note", "fact")}
KIND |= {"memory": "", "memories": ""}

STATUS_NAMES = {status: names[0] for status, names in _STATUS.items()}
