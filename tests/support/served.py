"""A model server that says what a script of turns says, for runs whose calls are to be kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from agent.llm.base import Analysis, MemoryNote
from tests.support import model_server
from tests.support.model_server import Answer, Gate, Handler, Request, said, stream

_VERBS = {
    "analysis": "analyze",
    "plan": "plan",
    "composition": "compose",
    "answer": "answer",
    "memory": "consolidate",
}
COMMAND = Analysis("command", "Do it", needs_tools=True)


def served(
    *,
    analyses: Any = (COMMAND,),
    plans: Any = (),
    compositions: Any = (),
    answers: Any = (["Done."],),
    notes: Any = ([],),
    holds: dict[str, Gate] | None = None,
) -> Handler:
    """Returns the handler of a server that says these turns; the last one of each kind is repeated.

    `holds`: by the method of the model, a gate before its answer.
    """
    turns = {
        "analyze": list(analyses),
        "plan": list(plans),
        "compose": list(compositions),
        "answer": list(answers),
        "consolidate": list(notes),
    }

    def handle(request: Request) -> Answer:
        verb = _VERBS[request.asked]
        of_verb = turns[verb]
        answer = _answer(verb, of_verb.pop(0) if len(of_verb) > 1 else of_verb[0])
        gate = (holds or {}).get(verb)
        return model_server.held(answer, gate) if gate else answer

    return handle


def _answer(verb: str, turn: Any) -> Answer:
    if isinstance(turn, Exception):
        return model_server.error(403, str(turn))
    if verb == "answer":
        return stream(*turn)
    if verb == "analyze":
        values = {name: value for name, value in asdict(turn).items() if value not in (None, ())}
        return said({**values, "read_first": [asdict(one) for one in turn.read_first]})
    if verb == "compose":
        return said({"value": turn})
    if verb == "consolidate":
        return said({"notes": [asdict(note) for note in turn if isinstance(note, MemoryNote)]})
    return said(json.dumps(turn))
