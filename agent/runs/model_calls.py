"""The calls to models that runs made, with their prompts and answers. They are only for people to read."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from agent.llm.reading import clean
from agent.llm.writing import Writing
from agent.models import ModelCall
from agent.support import raw_sql

# Characters of an answer, or of the reasoning before it, that are kept.
MAX_TEXT = 200_000
# Calls that one statement deletes: meanwhile, no other statement of the process may write to SQLite.
_DELETED = 200


def save(run: UUID, calls: Sequence[Writing]) -> None:
    """Saves ended calls, inside a transaction. A call that is already saved stays as it is."""
    raw_sql.insert(*(_row(run, call) for call in calls), on_conflict="ON CONFLICT DO NOTHING")


def save_rest(run: UUID, calls: Sequence[Writing]) -> None:
    """Saves what no commit of the run has saved, after the run ended early. It may be deleted by now."""
    with contextlib.suppress(IntegrityError), transaction.atomic():
        save(run, calls)


_USED = """
SELECT count(*), COALESCE(sum(input_tokens), 0), COALESCE(sum(output_tokens), 0)
FROM agent_modelcall WHERE run_id = %s
"""


def used(run: UUID, known: Mapping[str, int]) -> dict[str, int]:
    """Returns the usage of a run, of which `known` was saved, with the kept calls that are not in it."""
    ((calls, given, written),) = raw_sql.rows(_USED, run)
    kept = {"calls": calls, "input_tokens": given, "output_tokens": written}
    return {name: max(int(number), known.get(name, 0)) for name, number in kept.items()}


def delete_old() -> int:
    """Deletes calls that are older than SAMURAI_KEEP_PROMPTS_DAYS; returns how many.

    At most `_DELETED`: with that many there may be more.
    """
    oldest = timezone.now() - timedelta(days=settings.SAMURAI_KEEP_PROMPTS_DAYS)
    old = ModelCall.objects.filter(started_at__lt=oldest).order_by("started_at")
    keys = list(old.values_list("pk", flat=True)[:_DELETED])
    return ModelCall.objects.filter(pk__in=keys).delete()[0] if keys else 0


def _row(run: UUID, call: Writing) -> ModelCall:
    assert call.ended_at is not None, "only ended calls are saved"
    first = min(filter(None, (call.thought_at, call.wrote_at)), default=None)
    return ModelCall(
        pk=call.id,
        run_id=run,
        verb=call.verb,
        model=call.model[:200],
        prompt=call.prompt,
        text=_stored(call.written[0]),
        thoughts=_stored(call.written[1]),
        error=_stored(call.error),
        input_tokens=call.used[0],
        output_tokens=call.used[1],
        started_at=datetime.fromtimestamp(call.started_at, UTC),
        first_ms=None if first is None else _ms(call.started_at, first),
        duration_ms=_ms(call.started_at, call.ended_at),
    )


def _stored(text: str) -> str:
    """Returns a text of a server as a database can store it."""
    return clean(text)[:MAX_TEXT]


def _ms(start: float, end: float) -> int:
    return max(0, round((end - start) * 1000))
