"""Questions back: which of several is meant. The conversation itself is where they are remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.llm.base import MESSAGE_CHARACTERS, Context, MemoryBrief
from agent.llm.offline.names import Entry, accounts_for, words
from agent.llm.offline.offers import offer, plain
from agent.llm.offline.vocabulary import NUMBER, ORDINAL, STATUS_NAMES, word_set
from agent.text.lookup import fitting
from agent.text.words import same_text

_BEGINNING = "Several "
_ENDING = "Answer with a number or a title."
# So many questions in a row may belong to one message.
_ROUNDS = 5
_PASSED = word_set("the one ones number no task memory please i mean meant option it s")


@dataclass(frozen=True, slots=True)
class Question:
    """Asks which of `candidates` a name means; there may be `more` that fit."""

    name: str
    candidates: Sequence[Entry | MemoryBrief]
    more: int = 0

    @property
    def text(self) -> str:
        """The question in plain words, for the plan."""
        lines = [
            f"{number}. {one.title}{_state(one)}" for number, one in enumerate(self.candidates, 1)
        ]
        return self._around(self.name, lines)

    @property
    def markdown(self) -> str:
        """The question as an answer: its titles can be clicked."""
        lines = [
            f"{number}. {offer(one.title)}{_state(one)}"
            for number, one in enumerate(self.candidates, 1)
        ]
        return self._around(plain(self.name), lines)

    def _around(self, name: str, lines: Sequence[str]) -> str:
        what = "memories" if isinstance(self.candidates[0], MemoryBrief) else "tasks"
        more = f"\n\nAnd {self.more} more." if self.more else ""
        listed = "\n".join(lines)
        return f"{_BEGINNING}{what} fit “{name}”. Which one do you mean?\n\n{listed}{more}\n\n{_ENDING}"

    def pick(self, reply: str) -> str | None:
        """Returns the id of the candidate that `reply` means by its title or number; None for none."""
        titles = {id_of(one): one.title for one in self.candidates}
        exact = [key for key, title in titles.items() if same_text(title) == same_text(reply)]
        if len(exact) == 1:
            return exact[0]
        if (place := self._place(reply)) is not None:
            return id_of(self.candidates[place])
        found = [key for key in fitting(reply, titles) if accounts_for(reply, titles[key])]
        return found[0] if len(found) == 1 else None

    def _place(self, reply: str) -> int | None:
        said = words(reply)
        left = [word for word in said if word not in _PASSED] or said[-1:]
        if len(left) != 1:
            return None
        number = (
            int(left[0]) if left[0].isdecimal() else ORDINAL.get(left[0], NUMBER.get(left[0], 0))
        )
        if number == -1:
            return len(self.candidates) - 1
        return number - 1 if 1 <= number <= len(self.candidates) else None


@dataclass(frozen=True, slots=True)
class Round:
    """A message with the context as it was when it came. `asked`: the question that it may answer."""

    context: Context
    asked: str = ""


def rounds(context: Context) -> list[Round]:
    """Returns the messages since the last one that answers no question of ours, the latest last."""
    found: list[Round] = []
    history = context.history
    now = context
    while len(found) < _ROUNDS:
        asked = history[-1].content if _ends_in_question(now) else ""
        found.append(Round(now, asked))
        if not asked:
            break
        now = replace(context, message=history[-2].content, history=history[:-2])
        history = now.history
    return found[::-1]


def _ends_in_question(context: Context) -> bool:
    """Tells whether the last answer was a question of ours to a message that is known in full."""
    if len(context.history) < 2:
        return False
    message, answer = context.history[-2:]
    is_question = answer.content.startswith(_BEGINNING) and answer.content.endswith(_ENDING)
    whole = max(len(message.content), len(answer.content)) < MESSAGE_CHARACTERS
    return message.role == "user" and answer.role == "assistant" and is_question and whole


def id_of(candidate: Entry | MemoryBrief) -> str:
    return candidate.key if isinstance(candidate, Entry) else candidate.id


def _state(candidate: Entry | MemoryBrief) -> str:
    return f" ({STATUS_NAMES[candidate.status]})" if isinstance(candidate, Entry) else ""
