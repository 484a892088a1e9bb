"""What becomes of a message: a plan, facts, a question back, or a refusal. Never a part of them.

A question back asks which of several is meant. The conversation itself is where it is remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.llm.base import MESSAGE_CHARACTERS, Context, MemoryBrief
from agent.llm.offline import refusals
from agent.llm.offline.grammar import QUESTIONS, STATEMENTS
from agent.llm.offline.names import Entry, NotFound, Unclear, fits, words
from agent.llm.offline.plan import Impossible, Plan
from agent.llm.offline.planning import PlanMaker
from agent.llm.offline.reading import Unread, read
from agent.llm.offline.titles import Misread
from agent.llm.offline.tokens import TooLong
from agent.llm.offline.vocabulary import COUNT, ORDINAL, STATUS_NAMES, word_set
from agent.support.words import same_text

_BEGINNING = "Several "
_ENDING = "Answer with a number or a title."
_LISTED = 8  # so many candidates are listed
_ROUNDS = 5  # so many questions in a row may belong to one message
_PASSED = word_set("the one ones number no task memory please i mean meant option it s")


@dataclass(slots=True)
class Draft:
    """One of: a question back about what is `unclear`, a `refusal`, or a `plan`."""

    intent: str  # as in an analysis
    plan: Plan = field(default_factory=Plan)
    unclear: Unclear | None = None
    refusal: str = ""

    @property
    def question(self) -> str:
        """The question back, with titles that can be clicked."""
        return question(self.unclear, refusals.offer) if self.unclear else ""


def draft(context: Context, added: str = "", left_out: Sequence[str] = ()) -> Draft:
    """Returns what becomes of the context's message, or of the one that it completes by an answer.

    `added`, `left_out`: what a person who wants another plan adds to the message, and takes from it.
    """
    message, chosen = "", {}
    last = Draft("unsupported")
    for one in rounds(context):
        # What a number means is told by the question as it was asked.
        asked = last.unclear if last.question == one.asked else None
        if asked and (picked := pick(asked, one.context.message)):
            chosen[same_text(asked.name)] = picked
        else:
            message, chosen = one.context.message, {}
        last = _draft(one.context, message, chosen)
    if added or left_out:
        return _draft(context, f"{message}\n\n{added}", chosen, left_out)
    return last


def _draft(
    context: Context, message: str, chosen: Mapping[str, str], left_out: Sequence[str] = ()
) -> Draft:
    def works(text: str) -> bool:
        """Tells whether `text` would be carried out; what is offered has to."""
        reading = read(text)
        try:
            PlanMaker(replace(context, history=()), {}).make(reading.clauses)
        except (Unclear, NotFound, Misread, Impossible):
            return False
        return bool(reading.clauses) and not reading.unread

    try:
        reading = read(message)
    except TooLong:
        return Draft("unsupported", refusal=refusals.TOO_LONG)
    if reading.unread or not reading.clauses:
        unread = reading.unread or (Unread(message),)
        return Draft("unsupported", refusal=refusals.of_unread(reading.clauses, unread, works))
    maker = PlanMaker(context, chosen, left_out)
    try:
        plan = maker.make(reading.clauses)
    except Unclear as error:
        return Draft("command", unclear=error)
    except Misread as error:
        return Draft("unsupported", refusal=refusals.of_rest(maker.clause.said, error))
    except (NotFound, Impossible) as error:
        return Draft("unsupported", refusal=refusals.of_clause(maker.clause.said, str(error)))
    intents = {clause.form.intent for clause in reading.clauses} - {"talk"}
    if "help" in intents:
        plan.talk.append(refusals.help_lines(context, works))
    if intents <= STATEMENTS:
        return Draft("statement" if intents else "greeting", plan)
    return Draft("question" if intents <= QUESTIONS | {"help"} else "command", plan)


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
