"""The options of a request that a server may refuse: how long the answer may be, and its variance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.exceptions import BudgetExceeded
from agent.llm import schemas
from agent.llm.errors import RequestFailed

LIMIT, NEWER_LIMIT = "max_tokens", "max_completion_tokens"
# Tokens that an answer may have, by the verb of its prompt.
MAX_TOKENS = {
    "analyze": 600,
    "plan": 8_000,
    "compose": 8_000,
    "consolidate": 1_000,
    "answer": 6_000,
}
# Tokens more for a model that reasons before it answers: servers count both together.
REASONING = 8_000
SMALLEST = 256  # tokens; with less room, the prompt has to be shorter


@dataclass(slots=True)
class Options:
    """What one server is known to accept. Everything is assumed to be, until it is refused by name."""

    limit: str = LIMIT  # the name of the field; "" when the server has none
    most: int | None = None  # tokens; the server refused more
    temperature: bool = True
    bounds: bool = True  # of texts and lists in schemas
    reasons: bool = False  # the model was seen to reason

    def max_tokens(self, verb: str) -> int:
        return MAX_TOKENS[verb] + (REASONING if self.reasons else 0)

    def applied(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the request without what the server refuses."""
        applied = {name: value for name, value in body.items() if name != LIMIT}
        if self.limit and LIMIT in body:
            applied[self.limit] = min(body[LIMIT], self.most or body[LIMIT])
        if not self.temperature:
            applied.pop("temperature", None)
        if not self.bounds and "response_format" in applied:
            applied["response_format"] = schemas.unbounded(applied["response_format"])
        return applied

    def learn(self, failed: RequestFailed, body: Mapping[str, Any]) -> bool:
        """Learns from a refusal of `body`; returns whether the request is another one now."""
        if failed.status not in (400, 422):
            return False
        sent = self.applied(body)
        if failed.names(LIMIT, NEWER_LIMIT):
            self._learn_limit(failed, sent.get(self.limit, 0))
        elif failed.names("temperature"):
            self.temperature = False
        elif failed.names(*schemas.BOUNDS):
            self.bounds = False
        return self.applied(body) != sent

    def _learn_limit(self, failed: RequestFailed, sent: int) -> None:
        if isinstance(
            failed.error, BudgetExceeded
        ):  # is it the limit or the prompt that is too long?
            window, prompt = failed.error.window, failed.error.prompt or 0
            if window is not None and SMALLEST <= window - prompt < sent:
                self.most = window - prompt
        elif self.limit == LIMIT and failed.names(NEWER_LIMIT):
            self.limit = NEWER_LIMIT
        else:
            self.limit = ""
