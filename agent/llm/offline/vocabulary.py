"""What people call a status and a priority. Words only."""

from __future__ import annotations

import re

_STATUS = {
    "pending": "pending open todo to-do to do not started backlog unstarted",
    "in_progress": "in progress in-progress started doing wip ongoing under way underway active",
    "completed": "done completed complete finished closed resolved",
    "blocked": "blocked stuck on hold waiting on-hold",
}
_PHRASES = ("to do", "not started", "in progress", "under way", "on hold")


def _statuses() -> dict[str, str]:
    table = {}
    for status, text in _STATUS.items():
        for phrase in _PHRASES:
            if phrase in text:
                table[phrase] = status
                text = text.replace(phrase, "")
        table.update((word, status) for word in text.split())
    return table


STATUSES = _statuses()
PRIORITIES = {
    **dict.fromkeys(("high", "urgent", "top", "critical", "highest", "important"), "high"),
    **dict.fromkeys(("medium", "normal"), "medium"),
    **dict.fromkeys(("low", "lowest", "minor"), "low"),
}

S = "|".join(sorted(map(re.escape, STATUSES), key=len, reverse=True))
P = "|".join(PRIORITIES)


def status_of(phrase: str) -> str:
    return STATUSES[" ".join(phrase.lower().replace("_", " ").split())]


def priority_of(word: str) -> str:
    return PRIORITIES[word.lower()]
