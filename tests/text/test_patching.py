"""Edits of a text: each changes its own place, and everything else stays identical."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest

from agent.exceptions import ToolFailed
from agent.text import patching
from agent.text.patching import Edit, How, apply

SPEC = """# Booking

Patients book a slot.

## Criteria

- A slot is free.
- A slot is booked once.

```
## Criteria
```

### Cases

Scenario: a full day

## Open points

None.
"""


def edit(how: str, text: str, find: str = "") -> Edit:
    return Edit(How(how), text, find)


def test_a_passage_is_replaced_where_it_occurs_once() -> None:
    changed = apply(SPEC, [edit("replace", "an hour", "a slot"), edit("replace", "", "None.\n")])
    assert changed == SPEC.replace("a slot", "an hour").replace("None.\n", "")


@pytest.mark.parametrize(
    ("find", "error"),
    [
        ("A slot is", "several times"),
        ("a Slot", "does not contain “a Slot”"),
        ("x" * 500, "does not contain “xxx"),
    ],
)
def test_a_passage_that_does_not_occur_exactly_once_is_refused(find: str, error: str) -> None:
    with pytest.raises(ToolFailed, match=error) as caught:
        apply(SPEC, [edit("replace", "x", find)])
    assert len(str(caught.value)) < 250
    with pytest.raises(ToolFailed, match="several times"):
        apply("aaa", [edit("replace", "x", "aa")])  # both occurrences overlap


def test_paragraphs_are_added_at_both_ends() -> None:
    assert apply("Text", [edit("append", "After"), edit("prepend", "Before")]) == (
        "Before\n\nText\n\nAfter"
    )
    assert apply("", [edit("append", "Alone")]) == "Alone"


@pytest.mark.parametrize(
    "text", ["- Only one.", "## Criteria\n\n- Only one.", "criteria\n===\n- Only one."]
)
@pytest.mark.parametrize("find", ["Criteria", "## criteria"])
def test_a_section_ends_before_the_next_heading_of_its_level(text: str, find: str) -> None:
    changed = apply(SPEC, [edit("section", text, find)])
    start, rest = SPEC.index("- A slot"), SPEC.index("## Open points")
    assert changed == f"{SPEC[:start]}- Only one.\n\n{SPEC[rest:]}"


def test_the_last_section_and_one_without_text_are_replaced() -> None:
    assert apply(SPEC, [edit("section", "Many.", "Open points")]).endswith(
        "## Open points\n\nMany."
    )
    assert apply("## Goal", [edit("section", "To book.", "Goal")]) == "## Goal\n\nTo book."
    assert apply(SPEC, [edit("section", "", "Cases")]) == SPEC.replace(
        "Scenario: a full day\n\n", ""
    )


def test_a_heading_that_is_missing_or_not_alone_is_refused() -> None:
    with pytest.raises(
        ToolFailed, match=r"no heading “Goal”\. Its headings: “Booking”, “Criteria”"
    ):
        apply(SPEC, [edit("section", "x", "Goal")])
    with pytest.raises(ToolFailed, match="no Markdown headings"):
        apply("> # Quoted", [edit("section", "x", "Quoted")])
    with pytest.raises(ToolFailed, match="several headings"):
        apply("# A\n# a", [edit("section", "x", "A")])


PIECES = (
    "Scenario: pay\n", "Given a card\r\n", "\r", "\n\n", "  \t", "é", "e\u0301", "👩‍⚕️", "﷽",
    "日本", "\u202e", "|", "`", "```\n", "# ", "- ", "<b>", "$&", "\\1", "…", "[1 of 2]", "  \n",
)  # fmt: skip


def test_what_an_edit_does_not_name_stays_identical() -> None:
    random = Random(7)
    for number in range(3_000):
        before, after = ("".join(random.choices(PIECES, k=random.randint(0, 30))) for _ in "12")
        mark, new = f"«{number}»", "".join(random.choices(PIECES, k=random.randint(0, 4)))
        text = f"{before}{mark}{after}"
        assert apply(text, [edit("replace", new, mark)]) == f"{before}{new}{after}"
        assert apply(text, [edit("append", new)]).startswith(text)
        assert apply(text, [edit("prepend", new)]).endswith(text)


def test_what_is_outside_of_a_section_stays_identical() -> None:
    random = Random(8)
    marks = ("```\n", "`", "# ", "<b>", "- ", "  \t", "\r")  # that make blocks around headings
    pieces = [piece for piece in PIECES if piece not in marks]
    for number in range(2_000):
        first, body, last = (
            "".join(random.choices(pieces, k=random.randint(0, 20))) for _ in "123"
        )
        before, after = f"{first}\n\n## Part {number}\n", f"## Next\n{last}"
        changed = apply(f"{before}{body}\n\n{after}", [edit("section", "New", f"Part {number}")])
        assert changed == f"{before}\nNew\n\n{after}"


PARTS = (
    "# E",
    "  ## F",
    "G\n===",
    "text",
    "- item",
    "  more",
    "```",
    "> # quote",
    "<!--",
    "-->",
    "1. x",
)


@pytest.mark.parametrize("seed", range(300))
def test_sections_edited_together_are_as_edited_one_after_the_other(seed: int) -> None:
    random = Random(seed)

    def written(most: int) -> str:
        joined = (part + random.choice(("\n", "\n\n")) for part in random.choices(PARTS, k=most))
        return "".join(joined)

    edits = [Edit(How.SECTION, written(3), random.choice("ABCD")) for _ in range(3)]
    text = alone = "".join(f"{head}\n\n{written(2)}\n" for head in ("# A", "## B", "  ## C", "# D"))
    try:
        for edit in edits:
            alone = apply(alone, [edit])
    except ToolFailed as failed:
        with pytest.raises(ToolFailed, match=re.escape(str(failed))):
            apply(text, edits)
    else:
        assert apply(text, edits) == alone


def test_many_sections_are_edited_without_parsing_the_text_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parsed: list[int] = []
    parse = patching._markdown.parse

    def counted(text: str) -> Any:
        parsed.append(len(text))
        return parse(text)

    monkeypatch.setattr(patching._markdown, "parse", counted)
    text = "\n".join(f"## Part {number}\n\n" + "Words.\n" * 50 for number in range(50))
    apply(text, [Edit(How.SECTION, "New words.", f"Part {number}") for number in range(50)])
    assert sum(parsed) < 2 * len(text)
