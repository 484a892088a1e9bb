"""What becomes of a message: a plan, facts, a question back, or a refusal. Never a part of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent.llm.base import Context
from agent.llm.offline.asking import Question, rounds
from agent.llm.offline.grammar import QUESTIONS, Intent
from agent.llm.offline.names import NotFound, Unclear
from agent.llm.offline.planning import Made, PlanMaker, Refused
from agent.llm.offline.reading import Clause, Unread, read
from agent.llm.offline.steps import MAX_STEPS
from agent.llm.offline.titles import Misread
from agent.llm.offline.unsupported import NOTHING, TOO_LONG, Refusal
from agent.text.words import same_text

_STATEMENTS = frozenset(
    {Intent.REMEMBER, Intent.DECIDE, Intent.SWITCH, Intent.PREFER, Intent.PROJECT}
)


@dataclass(slots=True)
class Draft:
    """One of: `question`, `refusal`, or what was `made`."""

    intent: str  # as in an analysis
    made: Made = field(default_factory=Made)
    question: Question | None = None
    refusal: str = ""


def draft(context: Context, added: str = "") -> Draft:
    """Returns what becomes of the context's message, or of the one that it completes by an answer.

    `added`: a command that comes on top, from a person who wants another plan.
    """
    message, chosen = "", {}
    last: Draft | None = None
    for one in rounds(context):
        said = one.context.message
        asked = last.question if last else None
        # What a number means is told by the question as it was asked.
        if asked and asked.markdown == one.asked and (picked := asked.pick(said)):
            chosen[same_text(asked.name)] = picked
        else:
            message, chosen = said, {}
        last = _draft(one.context, message, chosen)
    if added:
        return _draft(context, f"{message}\n\n{added}", chosen)
    assert last is not None, "there is at least the message itself"
    return last


def _draft(context: Context, message: str, chosen: Mapping[str, str]) -> Draft:
    reading = read(message)
    if reading.too_long:
        return Draft("unsupported", refusal=TOO_LONG)
    refusal = Refusal(lambda text: _works(replace(context, history=()), text))
    if reading.unread or not reading.clauses:
        return Draft(
            "unsupported",
            refusal=refusal.of_unread(reading.clauses, reading.unread or (Unread(message),)),
        )
    maker = PlanMaker(context, message, chosen)
    try:
        made = maker.make(reading.clauses)
    except Unclear as error:
        return Draft("command", question=Question(error.name, error.candidates, error.more))
    except Misread as error:
        text = refusal.of_rest(maker.clause.said, error.understood, error.rest, error.hint)
        return Draft("unsupported", refusal=text)
    except (NotFound, Refused) as error:
        return Draft("unsupported", refusal=refusal.of_clause(maker.clause.said, str(error)))
    if len(made.steps) > MAX_STEPS:
        text = f"That is too much for one plan. {NOTHING} Please send it in smaller parts."
        return Draft("unsupported", refusal=text)
    return Draft(_intent(reading.clauses), made)


def _works(context: Context, text: str) -> bool:
    """Tells whether `text` would be carried out; what is offered has to."""
    reading = read(text)
    if reading.unread or not reading.clauses:
        return False
    try:
        PlanMaker(context, text, {}).make(reading.clauses)
    except (Unclear, NotFound, Misread, Refused):
        return False
    return True


def _intent(clauses: tuple[Clause, ...]) -> str:
    intents = {clause.intent for clause in clauses}
    if intents <= {Intent.TALK}:
        return "greeting"
    if intents - {Intent.TALK} <= _STATEMENTS:
        return "statement"
    return "question" if intents <= QUESTIONS else "command"
