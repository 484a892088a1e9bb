"""What becomes of a message: a plan, facts, a question back, or a refusal. Never a part of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from agent.llm.base import MESSAGE_CHARACTERS, Context
from agent.llm.offline import refusals
from agent.llm.offline.grammar import QUESTIONS, STATEMENTS
from agent.llm.offline.names import NotFound, Unclear, fits, words
from agent.llm.offline.new_tasks import Misread
from agent.llm.offline.plan import Impossible, Plan
from agent.llm.offline.planning import PlanMaker
from agent.llm.offline.reading import read
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
    message: str = ""  # that it is of
    chosen: Mapping[str, str] = field(default_factory=dict)  # by name, what was picked for it

    @property
    def question(self) -> str:
        """Asks which of the candidates is meant; their titles can be clicked. "" if all is clear."""
        if not self.unclear:
            return ""
        listed = "\n".join(
            f"{number}. {offer(one.title)} ({STATUS_NAMES[one.task.status]})"
            for number, one in enumerate(self.unclear.candidates[:_LISTED], 1)
        )
        left = len(self.unclear.candidates) - _LISTED
        more = f"\n\nAnd {left} more." if left > 0 else ""
        head = f"{_BEGINNING} “{self.unclear.name}”. Which one do you mean?"
        return f"{head}\n\n{listed}{more}\n\n{_ENDING}"


def draft(context: Context, taken: Collection[str] = (), rounds: int = _ROUNDS) -> Draft:
    """Returns what becomes of the context's message, or of the one that it completes by an answer.

    `taken`: ids that no step gets; `rounds`: so many messages may belong to one, by answers to questions.
    """
    message, chosen = context.message, {}
    if rounds > 1 and (asked := _asked(context)):
        *history, about, _ = context.history
        before = replace(context, message=about.content, history=tuple(history))
        last = draft(before, rounds=rounds - 1)
        # What a number means is told by the question as it was asked.
        if last.unclear and last.question == asked and (picked := _pick(last.unclear, message)):
            message, chosen = last.message, {**last.chosen, same_text(last.unclear.name): picked}
    made = _draft(context, message, chosen, Plan(taken))
    made.message, made.chosen = message, chosen
    return made


def _draft(context: Context, message: str, chosen: Mapping[str, str], plan: Plan) -> Draft:
    def works(text: str) -> bool:
        """Tells whether `text` would be carried out; what is offered has to."""
        reading = read(text)
        try:
            PlanMaker(replace(context, history=()), {}, Plan()).make(reading.clauses)
        except (Unclear, NotFound, Misread, Impossible):
            return False
        return not reading.unread

    try:
        reading = read(message)
    except TooLong:
        return Draft("unsupported", refusal=refusals.TOO_LONG)
    if reading.unread:
        return Draft("unsupported", refusal=refusals.of_unread(reading, context, works))
    maker = PlanMaker(context, chosen, plan)
    try:
        maker.make(reading.clauses)
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


def _pick(unclear: Unclear, reply: str) -> str | None:
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


def _asked(context: Context) -> str:
    """Returns the last answer when it is a question of ours to a message that is known in full."""
    if len(context.history) < 2:
        return ""
    message, answer = context.history[-2:]
    is_question = answer.content.startswith(_BEGINNING) and answer.content.endswith(_ENDING)
    whole = max(len(message.content), len(answer.content)) < MESSAGE_CHARACTERS
    return answer.content if is_question and whole and message.role == "user" else ""
