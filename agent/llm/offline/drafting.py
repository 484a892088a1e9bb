"""What becomes of a message: a plan, facts, a question back, or a refusal. Never a part of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.llm.base import Context
from agent.llm.offline.asking import Question, rounds
from agent.llm.offline.grammar import QUESTIONS, STATEMENTS
from agent.llm.offline.names import NotFound, Unclear
from agent.llm.offline.planning import Impossible, Made, PlanMaker
from agent.llm.offline.reading import Clause, Unread, read
from agent.llm.offline.titles import Misread
from agent.llm.offline.unsupported import TOO_LONG, Refusal
from agent.text.words import same_text


@dataclass(slots=True)
class Draft:
    """One of: `question`, `refusal`, or what was `made`."""

    intent: str  # as in an analysis
    made: Made = field(default_factory=Made)
    question: Question | None = None
    refusal: str = ""


def draft(context: Context, added: str = "", left_out: Sequence[str] = ()) -> Draft:
    """Returns what becomes of the context's message, or of the one that it completes by an answer.

    `added`, `left_out`: what a person who wants another plan adds to the message, and takes from it.
    """
    message, chosen = "", {}
    last = Draft("unsupported")
    for one in rounds(context):
        asked = last.question
        # What a number means is told by the question as it was asked.
        picked = asked.pick(one.context.message) if asked and asked.markdown == one.asked else None
        if asked and picked:
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
    reading = read(message)
    if reading.too_long:
        return Draft("unsupported", refusal=TOO_LONG)
    refusal = Refusal(lambda text: _works(replace(context, history=()), text))
    if reading.unread or not reading.clauses:
        unread = reading.unread or (Unread(message),)
        return Draft("unsupported", refusal=refusal.of_unread(reading.clauses, unread))
    maker = PlanMaker(context, message, chosen, left_out)
    try:
        return Draft(_intent(reading.clauses), maker.make(reading.clauses))
    except Unclear as error:
        return Draft("command", question=Question(error.name, error.candidates, error.more))
    except Misread as error:
        return Draft("unsupported", refusal=refusal.of_rest(maker.clause.said, error))
    except (NotFound, Impossible) as error:
        return Draft("unsupported", refusal=refusal.of_clause(maker.clause.said, str(error)))


def _works(context: Context, text: str) -> bool:
    """Tells whether `text` would be carried out; what is offered has to."""
    reading = read(text)
    try:
        PlanMaker(context, text, {}).make(reading.clauses)
    except (Unclear, NotFound, Misread, Impossible):
        return False
    return bool(reading.clauses) and not reading.unread


def _intent(clauses: Sequence[Clause]) -> str:
    intents = {clause.intent for clause in clauses} - {"talk"}
    if not intents:
        return "greeting"
    if intents <= STATEMENTS:
        return "statement"
    return "question" if intents <= QUESTIONS | {"help"} else "command"
