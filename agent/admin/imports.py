"""Memories out of a file: JSON Lines like those that the export hands out. Pages are elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.db import transaction

from agent.change import Change
from agent.edits import manual_changes
from agent.exceptions import ToolFailed
from agent.memory import memories
from agent.models import Memory, Project

# Each line is compared with all memories of the project: more of them at once take too long.
MAX_LINES = 500
MOST_BYTES = 5_000_000


class ImportForm(forms.Form):
    project = forms.ModelChoiceField(Project.objects.order_by("name"))
    file = forms.FileField(
        help_text=f"JSON Lines, at most {MAX_LINES}: title, content, kind, category. "
        "What the memory says already stays as it is."
    )

    def clean_file(self) -> list[str]:
        file = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(f"The file has more than {MOST_BYTES:,} bytes.")
        try:
            lines: list[str] = file.read().decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise forms.ValidationError("The file is not UTF-8.") from None
        if len(lines) > MAX_LINES:
            raise forms.ValidationError(f"The file has more than {MAX_LINES} lines.")
        return lines


@dataclass(slots=True)
class Imported:
    """What came of a file: `changes` by their action, and the lines that were left out, with why."""

    changes: list[Change] = field(default_factory=list)
    known: int = 0
    left_out: list[str] = field(default_factory=list)

    def count(self, action: str) -> int:
        return sum(change.action == action for change in self.changes)

    def __str__(self) -> str:
        created, updated = self.count("created"), self.count("updated")
        return (
            f"Remembered: {created}. Revised: {updated}. Known already: {self.known}. "
            f"Left out: {len(self.left_out)}."
        )


def take(project: Project, lines: list[str], by_id: int) -> Imported:
    """Remembers what the lines say; one that cannot be kept is left out, the others are kept."""

    def work() -> tuple[Imported, list[Change]]:
        done = Imported()
        for number, told in _told(lines, done):
            try:
                with transaction.atomic():
                    change = memories.remember(project_id=project.pk, by_id=by_id, **told)[1]
            except ToolFailed as error:
                done.left_out.append(f"Line {number}: {error}")
                continue
            if change is None:
                done.known += 1
            else:
                done.changes.append(change)
        return done, done.changes

    return manual_changes.apply_to_project(project.pk, work)


def _told(lines: list[str], done: Imported) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        told = _fields(line)
        if told is None:
            done.left_out.append(
                f"Line {number}: it is no JSON object with the texts title, content"
            )
        else:
            yield number, told


def _fields(line: str) -> dict[str, Any] | None:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, dict):
        return None
    told = {"kind": Memory.Kind.FACT.value, "category": ""} | {
        name: read[name] for name in ("title", "content", "kind", "category") if name in read
    }
    texts = all(isinstance(value, str) for value in told.values())
    return told if texts and {"title", "content"} <= told.keys() else None
