"""What becomes of a message: a plan, facts, a question back, or a refusal. Never a part of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from agent.llm.base import MESSAGE_CHARACTERS, Context
from agent.llm.offline import refusals
from agent.llm.offline.grammar import QUESTIONS, STATEMENTS
from agent.llm.offline.names import NotFound, Unclear, fits, words
from agent.llm.offline.plan import Impossible, Plan
from agent.llm.offline.planning import PlanMaker
from agent.llm.offline.reading import Unread, read
from agent.llm.offline.titles import Misread
from agent.llm.offline.tokens import TooLong
from agent.llm.offline.vocabulary import COUNT, ORDINAL, STATUS_NAMES, word_set
from agent.support.offers import offer
from agent.support.words import same_text

# A question back is remembered by the conversation itself, where these tell it.
_BEGINNING = "Several tasks fit"
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
        return question(self.unclear, offer) if self.unclear else ""


def draft(context: Context) -> Draft:
    """Returns what becomes of the context's message, or of the one that it completes by an answer."""
    message, chosen = "", {}
    last = Draft("unsupported")
    for one, question_before in rounds(context):
        # What a number means is told by the question as it was asked.
        asked = last.unclear if last.question == question_before else None
        if asked and (picked := pick(asked, one.message)):
            chosen[same_text(asked.name)] = picked
        else:
            message, chosen = one.message, {}
        last = _draft(one, message, chosen)
    return last


def _draft(context: Context, message: str, chosen: Mapping[str, str]) -> Draft:
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
        return Draft(
            "unsupported", refusal=refusals.of_unread(reading.clauses, unread, context, works)
        )
    maker = PlanMaker(context, chosen)
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
        plan.say(refusals.help_lines(context, works))
    if intents <= STATEMENTS:
        return Draft("statement" if intents else "greeting", plan)
    return Draft("question" if intents <= QUESTIONS | {"help"} else "command", plan)


def question(unclear: Unclear, mark: Callable[[str], str] = str) -> str:
    """Asks which of the candidates is meant. `mark`: what becomes of a title."""
    candidates = unclear.candidates[:_LISTED]
    left = len(unclear.candidates) - len(candidates)
    more = f"\n\nAnd {left} more." if left else ""
    listed = "\n".join(
        f"{number}. {mark(one.title)} ({STATUS_NAMES[one.status]})"
        for number, one in enumerate(candidates, 1)
    )
    head = f"{_BEGINNING} “{unclear.name}”. Which one do you mean?"
    return f"{head}\n\n{listed}{more}\n\n{_ENDING}"


def pick(unclear: Unclear, reply: str) -> str | None:
    """Returns the id of the candidate that `reply` means by its title or number; None for none."""
    titles = {one.key: one.title for one in unclear.candidates[:_LISTED]}
    exact = [key for key, title in titles.items() if same_text(title) == same_text(reply)]
    said = words(reply)
    left = [word for word in said if word not in _PASSED] or said[-1:]
    number = (COUNT | ORDINAL).get(left[0], 0) if len(left) == 1 else 0
    if not exact and number and number <= len(titles):
        return list(titles)[number - 1 if number > 0 else number]
    found = exact or fits(reply, titles)
    return found[0] if len(found) == 1 else None


def rounds(context: Context) -> list[tuple[Context, str]]:
    """Returns the messages since one that answers no question of ours, each with the question before it."""
    found = [(context, _asked(context))]
    while found[-1][1] and len(found) < _ROUNDS:
        *history, message, _ = found[-1][0].history
        earlier = replace(context, message=message.content, history=tuple(history))
        found.append((earlier, _asked(earlier)))
    return found[::-1]


def _asked(context: Context) -> str:
    """Returns the last answer when it is a question of ours to a message that is known in full."""
    if len(context.history) < 2:
        return ""
    message, answer = context.history[-2:]
    is_question = answer.content.startswith(_BEGINNING) and answer.content.endswith(_ENDING)
    whole = max(len(message.content), len(answer.content)) < MESSAGE_CHARACTERS
    return answer.content if is_question and whole and message.role == "user" else ""
