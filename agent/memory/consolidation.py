"""Decides what of a message is remembered without being asked for: from which messages, and how much.

What the person asks to remember is stored by a step of the plan, and has none of these limits.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from agent.change import Change
from agent.exceptions import ToolFailed
from agent.llm.base import Analysis, MemoryNote, Outcome
from agent.memory import memories
from agent.models import Memory, Run
from agent.plan import StepType
from agent.support.words import stem, terms, text_key
from agent.text.references import as_id

logger = logging.getLogger(__name__)

MAX_NOTES = 3  # of one message; a model that returns more has copied the message or the memory
_MAX_TERMS = 1_000
_MIN_WORDS = 3  # of a statement
_SENTENCES = re.compile(r"(?<=[.!?。！？])\s*|\n+")


def may_teach(message: str, analysis: Analysis, outcome: Outcome) -> bool:
    """Tells whether a model should be asked what to remember.

    Not for a greeting, for a message that could not be carried out, and for a question, also one that
    is asked back, unless the message tells something beside it.
    """
    if analysis.intent in ("greeting", "unsupported"):
        return False
    tools = [step for step in outcome.steps if step.type == StepType.TOOL]
    if tools and not any(step.status == "succeeded" for step in tools):
        return False
    asked_back = any(step.type == StepType.ASK for step in outcome.steps)
    if analysis.intent == "question" or asked_back:
        return analysis.tells is True and _states(message)
    return analysis.tells is not False


def _states(message: str) -> bool:
    """Tells whether the message has a sentence that is no question."""
    sentences = [sentence.strip() for sentence in _SENTENCES.split(message)]
    return any(
        not sentence.endswith(("?", "？")) and _is_sentence(sentence) for sentence in sentences
    )


def _is_sentence(text: str) -> bool:
    return max(len(text.split()), len(terms(text, _MIN_WORDS))) >= _MIN_WORDS


def consolidate(run: Run, notes: Iterable[MemoryNote], message: str) -> list[Change]:
    """Saves at most `MAX_NOTES` notes, as new or revised memories.

    Only memories that the message speaks of are revised, and nothing that was deleted comes back. An
    invalid note (unknown kind, too long) is skipped; the others are saved. `message`: with what was sent
    into the run.
    """
    changes: list[Change] = []
    spoken = _stems(message)
    for note in list(notes)[:MAX_NOTES]:
        try:
            change = _save_note(run, note, spoken)
        except ToolFailed as error:
            logger.warning("run %s: skipped an invalid note: %s", run.pk, error)
            continue
        if change is not None:
            changes.append(change)
    return changes


def _save_note(run: Run, note: MemoryNote, spoken: frozenset[str]) -> Change | None:
    memory = _revised_memory(run, note)
    if memory is not None and not spoken & _stems(f"{memory.title} {memory.content}"):
        return None
    texts: dict[str, Any] = {"title": note.title, "content": note.content, "kind": note.kind}
    author: dict[str, Any] = {"run_id": run.pk, "by_id": run.created_by_id}
    if memory is not None:
        return memories.revise(memory=memory, **texts, category=note.category or None, **author)[1]
    if _was_deleted(run, note):
        return None
    return memories.remember(
        project_id=run.session.project_id,
        **texts,
        category=note.category,
        source_message_id=run.message_id,
        **author,
    )[1]


def _revised_memory(run: Run, note: MemoryNote) -> Memory | None:
    """Returns the memory that the note names, or else one with its content, or its title and kind."""
    project = run.session.project_id
    memory_id = as_id(note.memory_id or "")
    named: Memory | None = Memory.objects.filter(project_id=project, pk=memory_id).first()
    return named or memories.same_memory(project, note.title, note.content, note.kind)


def _was_deleted(run: Run, note: MemoryNote) -> bool:
    """Tells whether the memory that the note names was deleted, or such a one, or one that was learned from
    this message.
    """
    same = Q(content_key=text_key(note.content)) | Q(title_key=text_key(note.title))
    deleted = Memory.all_objects.filter(
        same | Q(source_message_id=run.message_id) | Q(pk=as_id(note.memory_id or "")),
        project_id=run.session.project_id,
        deleted_at__isnull=False,
    )
    return bool(deleted.exists())


def _stems(text: str) -> frozenset[str]:
    return frozenset(map(stem, terms(text, _MAX_TERMS)))
