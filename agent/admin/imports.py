"""Imports memories from JSON Lines, the format of the export. The page is in `agent.admin.memories`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db import transaction

from agent.change import Change
from agent.edits import manual_changes
from agent.exceptions import QuotaReached, ToolFailed
from agent.memory import memories
from agent.models import Memory, Project

# Each line is compared with all memories of the project, so that more lines would take too long.
MAX_LINES = 500
MAX_BYTES = 5_000_000


class ImportForm(forms.Form):
    project = forms.ModelChoiceField(Project.objects.order_by("name"))
    file = forms.FileField(
        help_text=f"At most {MAX_LINES} JSON Lines with title, content, kind, category. "
        "Memories that exist already are not changed."
    )

    def clean_file(self) -> list[str]:
        file = self.cleaned_data["file"]
        if (file.size or 0) > MAX_BYTES:
            raise forms.ValidationError(f"The file has more than {MAX_BYTES:,} bytes.")
        try:
            lines: list[str] = file.read().decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise forms.ValidationError("The file must be UTF-8 text.") from None
        if len(lines) > MAX_LINES:
            raise forms.ValidationError(f"The file has more than {MAX_LINES} lines.")
        return lines


@dataclass(slots=True)
class ImportResult:
    """The changes that an import made, the number of unchanged memories, and errors of skipped lines."""

    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    errors: list[str] = field(default_factory=list)

    def count(self, action: str) -> int:
        return sum(change.action == action for change in self.changes)

    def __str__(self) -> str:
        return (
            f"Created: {self.count('created')}. Updated: {self.count('updated')}. "
            f"Unchanged: {self.unchanged}. Skipped: {len(self.errors)}."
        )


def import_memories(project: Project, lines: list[str], by: User) -> ImportResult:
    """Remembers the memory of each line. Skips invalid lines and imports the others."""

    def work() -> tuple[ImportResult, list[Change]]:
        result = ImportResult()
        for number, fields in _parsed(lines, result):
            try:
                with transaction.atomic():
                    change = memories.remember(project_id=project.pk, by_id=by.pk, **fields)[1]
            except ToolFailed as error:
                result.errors.append(f"Line {number}: {error}")
                continue
            if change is None:
                result.unchanged += 1
            else:
                result.changes.append(change)
        return result, result.changes

    try:
        return manual_changes.apply_to_project(project.pk, work, by=by)
    except QuotaReached as reached:  # nothing was imported
        return ImportResult(errors=[str(reached)])


def _parsed(lines: list[str], result: ImportResult) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields number and fields of each valid line; adds the errors of other lines to `result`."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = _fields(line)
        if fields is None:
            result.errors.append(
                f"Line {number}: must be a JSON object with the strings title and content"
            )
        else:
            yield number, fields


def _fields(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    fields = {"kind": Memory.Kind.FACT.value, "category": ""} | {
        name: value[name] for name in ("title", "content", "kind", "category") if name in value
    }
    valid = all(isinstance(text, str) for text in fields.values())
    return fields if valid and {"title", "content"} <= fields.keys() else None
