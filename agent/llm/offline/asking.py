"""Questions back: which of several is meant. The conversation itself is where they are remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.llm.base import MESSAGE_CHARACTERS, Context, MemoryBrief
from agent.llm.offline.names import Entry, Unclear, fits, words
from agent.llm.offline.vocabulary import COUNT, ORDINAL, STATUS_NAMES, word_set
from agent.text.words import same_text

_BEGINNING = "Several "
_ENDING = "Answer with a number or a title."
_LISTED = 8  # so many candidates are listed
_ROUNDS = 5  # so many questions in a row may belong to one message
_PASSED = word_set("the one ones number no task memory please i mean meant option it s")


def question(unclear: Unclear, mark: Callable[[str], str] = str) -> str:
    """Asks which of the candidates is meant. `mark`: what becomes of a title."""
    candidates = unclear.candidates[:_LISTED]
    what = "memories" if isinstance(candidates[0], MemoryBrief) else "tasks"
    left = len(unclear.candidates) - len(candidates)
    more = f"\n\nAnd {left} more." if left else ""
    listed = "\n".join(
        f"{number}. {mark(one.title)}{_state(one)}" for number, one in enumerate(candidates, 1)
    )
    head = f"{_BEGINNING}{what} fit “{unclear.name}”. Which one do you mean?"
    return f"{head}\n\n{listed}{more}\n\n{_ENDING}"


def pick(unclear: Unclear, reply: str) -> str | None:
    """Returns the id of the candidate that `reply` means by its title or number; None for none."""
    titles = {key_of(one): one.title for one in unclear.candidates[:_LISTED]}
    said = words(reply)
    left = [word for word in said if word not in _PASSED] or said[-1:]
    number = (COUNT | ORDINAL).get(left[0], 0) if len(left) == 1 else 0
    exact = [key for key, title in titles.items() if same_text(title) == same_text(reply)]
    if len(exact) != 1 and number and number <= len(titles):
        return list(titles)[number - 1 if number > 0 else number]
    found = exact if len(exact) == 1 else fits(reply, titles)
    return found[0] if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class Round:
    """A message with the context as it was when it came. `asked`: the question that it may answer."""

    context: Context
    asked: str = ""


def rounds(context: Context) -> list[Round]:
    """Returns the messages since the last one that answers no question of ours, the latest last."""
    found = [Round(context, _asked(context))]
    while found[-1].asked and len(found) < _ROUNDS:
        *history, message, _ = found[-1].context.history
        earlier = replace(context, message=message.content, history=tuple(history))
        found.append(Round(earlier, _asked(earlier)))
    return found[::-1]


def _asked(context: Context) -> str:
    """Returns the last answer when it is a question of ours to a message that is known in full."""
    if len(context.history) < 2:
        return ""
    message, answer = context.history[-2:]
    is_question = answer.content.startswith(_BEGINNING) and answer.content.endswith(_ENDING)
    whole = max(len(message.content), len(answer.content)) < MESSAGE_CHARACTERS
    known = (message.role, answer.role) == ("user", "assistant") and is_question and whole
    return answer.content if known else ""


def key_of(candidate: Entry | MemoryBrief) -> str:
    return candidate.key if isinstance(candidate, Entry) else candidate.id


def _state(candidate: Entry | MemoryBrief) -> str:
    return f" ({STATUS_NAMES[candidate.status]})" if isinstance(candidate, Entry) else ""
