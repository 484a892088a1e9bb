"""Measures how often recall finds what was meant, on public conversations.

Usage: python benchmarks/recall_quality.py FOLDER, with the JSON files of data/locomo10.zip of
https://github.com/snap-research/locomo (ten long conversations; CC BY-NC 4.0, so they are not part of
this repository). Each turn of a conversation becomes a memory. For each question, with known turns as
its evidence, the share of these among the first ten memories found is its recall; the mean is printed,
with and without the words of neighbouring memories.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FOUND = 10  # memories
UNANSWERABLE = 5  # the category of questions without an answer in the conversation


def main(folder: Path) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    from agent.models import Project, SearchEntry

    call_command("migrate", verbosity=0)
    conversations = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    stored = [_store(conversation) for conversation in conversations]
    print(f"{len(conversations)} conversations, {SearchEntry.objects.count()} turns")
    _print("with neighbours", conversations, stored)
    SearchEntry.objects.update(neighbours="")
    _print("without", conversations, stored)
    assert Project.objects.count() == len(conversations)


def _turns(conversation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for number in range(1, 100):
        yield from conversation.get(f"session_{number}", ())


def _store(conversation: dict[str, Any]) -> tuple[UUID, dict[str, UUID]]:
    """Returns the project of the conversation and the memory of each of its turns."""
    from django.contrib.auth.models import User

    from agent.memory import memories
    from agent.models import Project

    owner, _ = User.objects.get_or_create(username="bench")
    name = f"{conversation['speaker_a']} and {conversation['speaker_b']}"
    project = Project.objects.create(name=name, owner=owner).pk
    turns: dict[str, UUID] = {}
    for turn in _turns(conversation):
        text = f"{turn['speaker']}: {turn['text'] or turn.get('blip_caption', '')}"
        key = turn["dia_id"]
        memory, _ = memories.remember(project_id=project, title=key, content=text, kind="note")
        turns[key] = memory.pk
    return project, turns


def _print(
    label: str, conversations: list[dict[str, Any]], stored: list[tuple[UUID, dict[str, UUID]]]
) -> None:
    shares = [
        share
        for conversation, (project, turns) in zip(conversations, stored, strict=True)
        for share in _shares(conversation, project, turns)
    ]
    print(f"recall@{FOUND} {label}: {sum(shares) / len(shares):.3f} ({len(shares)} questions)")


def _shares(conversation: dict[str, Any], project: UUID, turns: dict[str, UUID]) -> Iterator[float]:
    from agent.memory import memories

    for item in conversation["qa"]:
        evidence = [turns[key] for key in item["evidence"] if key in turns]
        if item["category"] == UNANSWERABLE or not evidence:
            continue
        found = {memory.pk for memory in memories.recall(project, item["question"], FOUND)}
        yield len(found.intersection(evidence)) / len(evidence)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as var:
        os.environ |= {"SAMURAI_VAR_DIR": var, "DJANGO_SETTINGS_MODULE": "samurai_site.settings"}
        main(Path(sys.argv[1]))
