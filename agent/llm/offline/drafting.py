"""What becomes of a message: a plan, facts, a question back, or a refusal. Never a part of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.llm.base import Context
from agent.llm.offline import refusals
from agent.llm.offline.asking import pick, question, rounds
from agent.llm.offline.grammar import QUESTIONS, STATEMENTS
from agent.llm.offline.names import NotFound, Unclear
from agent.llm.offline.offers import help_lines, offer
from agent.llm.offline.plan import Impossible, Plan
from agent.llm.offline.planning import PlanMaker
from agent.llm.offline.reading import Unread, read
from agent.llm.offline.titles import Misread
from agent.llm.offline.tokens import TooLong
from agent.text.words import same_text


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
        plan.talk.append(help_lines(context, works))
    if intents <= STATEMENTS:
        return Draft("statement" if intents else "greeting", plan)
    return Draft("question" if intents <= QUESTIONS | {"help"} else "command", plan)
