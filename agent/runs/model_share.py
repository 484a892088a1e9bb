"""The share of the model that a run takes: counted, and compared with the quotas, before each call."""

from __future__ import annotations

from agent.accounts import quotas
from agent.llm.base import Usage
from agent.models import Run
from agent.support import database


class ModelShare:
    """The tokens that one run uses. `usage`: of its model, with what the run used before this claim."""

    def __init__(self, run: Run, usage: Usage) -> None:
        self._person, self._project = run.created_by_id, run.session.project_id
        self._usage = usage
        self._counted = usage.tokens

    async def before_call(self) -> None:
        """Raises `QuotaReached` if the share of the person or of the project is used up."""
        await database.call(self._count_and_check)

    async def count(self) -> None:
        """Counts what the last call used."""
        if self._usage.tokens > self._counted:
            await database.call(self._count)

    def _count_and_check(self) -> None:
        self._count()
        if self._person is not None:
            quotas.check_model_tokens(self._person, self._project)

    def _count(self) -> None:
        tokens = self._usage.tokens
        if self._person is not None and tokens > self._counted:
            quotas.add_model_tokens(self._person, self._project, tokens - self._counted)
        self._counted = tokens
