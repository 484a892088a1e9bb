"""Arguments that edit a long text in places. `agent.text.patching` applies them.

Field descriptions are written for the model.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from agent.exceptions import ToolFailed
from agent.llm.schema_texts import SHORT
from agent.support.counts import too_long
from agent.text import patching
from agent.tools.references import EDITS
from agent.tools.registry import Arguments

MAX_TEXT = 100_000  # characters of a text that an edit adds


class Edit(Arguments):
    how: Literal["replace", "append", "prepend", "section"] = Field(
        description="replace: replaces the passage `find`, which must occur exactly once; append, "
        "prepend: adds a paragraph at the end or the start; section: replaces what is below the "
        "Markdown heading `find`."
    )
    find: Annotated[str, StringConstraints(max_length=10_000)] = Field(
        default="", description="The exact passage or heading; for replace and section only."
    )
    text: Annotated[str, StringConstraints(max_length=MAX_TEXT)] = Field(
        description="The new text; empty to remove what was found."
    )

    @model_validator(mode="after")
    def _find_where_needed(self) -> Self:
        if self.how in ("replace", "section"):
            if not self.find.strip():
                raise ValueError(f"{self.how} needs find")
        elif not self.text.strip():
            raise ValueError(f"{self.how} needs text")
        return self


Edits = Annotated[
    list[Edit],
    Field(
        max_length=50,
        description="Edits of the existing text, made in order; everything else stays as it is.",
    ),
]
TaskEdits = Annotated[Edits, Field(json_schema_extra={EDITS: "task", SHORT: "list of edit"})]
MemoryEdits = Annotated[Edits, Field(json_schema_extra={EDITS: "memory", SHORT: "list of edit"})]


def edited(text: str, edits: Iterable[Edit], limit: int = MAX_TEXT) -> str:
    """Returns `text` with the `edits`. Raises ToolFailed if one does not fit, or for a longer text
    than `limit` characters.
    """
    values = [patching.Edit(patching.How(edit.how), edit.text, edit.find) for edit in edits]
    text = patching.apply(text, values)
    if len(text) > limit:
        raise ToolFailed(f"{too_long('The text', len(text), limit)}.")
    return text
