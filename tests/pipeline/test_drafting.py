"""The draft of what a model has written so far, whatever that is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.llm.writing import Patience, Writing
from agent.pipeline.drafting import (
    MAX_COMPOSED,
    MAX_STEPS,
    MAX_THOUGHTS,
    fields,
    partial_object,
)
from agent.plans.estimates import Estimate

STEP = {"id": "s1", "type": "tool", "tool": "create_task", "description": "Create “Sign-up”"}
PLAN = {"summary": "One task", "steps": [{**STEP, "arguments": {"title": "Sign-up"}}]}


def writing(text: str, thoughts: str = "", verb: str = "plan") -> Writing:
    writing = Writing(verb, "small-model", 1234, watch=lambda _: None)
    writing.take("", thoughts)
    writing.take(text)
    return writing


def draft(text: str, thoughts: str = "", verb: str = "plan", **more: Any) -> dict[str, Any]:
    return fields(writing(text, thoughts, verb), "planning", more.get("usual"))


def test_at_every_character_the_draft_is_a_beginning_of_the_plan() -> None:
    text = json.dumps(PLAN, ensure_ascii=False)
    for end in range(len(text) + 1):
        made = draft(text[:end])
        assert "One task".startswith(made["summary"])
        assert len(made["steps"]) <= 1
        for step in made["steps"]:
            assert STEP["description"].startswith(step["description"])
    assert made["steps"] == [STEP]
    assert made["text"]["steps"] == [{"arguments": [["title", "Sign-up"]]}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        ("Sure: ", {}),
        ('```json\n{"summary": "Two', {"summary": "Two"}),
        ('{"plan": {"summary": "Two"}}', {"summary": "Two"}),
        ('{"summary": "Two"} and more', {"summary": "Two"}),
        ("{not json", {}),
        ('{"summary": "\\ud83c', {"summary": ""}),
        ("{" * 500, {}),
    ],
)
def test_the_object_is_read_as_far_as_it_is_written(text: str, value: dict[str, Any]) -> None:
    assert partial_object(text) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"summary": 7, "steps": "none"}',
        '{"summary": null, "steps": [1, null, "x", {"description": 5, "arguments": [1, {}]}]}',
        '{"steps": [{"id": {}, "tool": [], "arguments": {"a": {"$from": [1]}}}]}',
        '{"summary": "nul \\u0000 here", "steps": {}}',
    ],
)
def test_a_plan_of_any_shape_gives_texts(text: str) -> None:
    made = json.loads(json.dumps(draft(text), allow_nan=False))
    assert isinstance(made["summary"], str)
    assert "\x00" not in made["summary"]
    assert all(isinstance(value, str) for step in made["steps"] for value in step.values())


def test_long_texts_are_cut() -> None:
    steps = [{"description": "x" * 9_000, "arguments": {"y": "z" * 9_000}}] * (MAX_STEPS + 5)
    text = json.dumps({"summary": "s" * 9_000, "steps": steps})
    made = draft(text, "t" * 9_000)
    assert len(made["steps"]) == MAX_STEPS
    assert len(made["thoughts"]) == MAX_THOUGHTS + 1
    assert len(json.dumps(made)) < 30_000
    assert made["tokens"] > 1_000


def test_how_long_it_usually_takes_is_told_only_when_it_is_known() -> None:
    assert draft("")["text"]["details"] == "about 1,234 tokens sent"
    known = draft("", usual=Estimate(4_000, 5_000, 9_000))
    assert known["usual_ms"] == 5_000
    assert known["text"]["details"].endswith(" · usually about 4 to 9 seconds")


def test_a_failed_request_is_told_with_its_reason_and_the_next_attempt() -> None:
    failed = writing("")
    failed.pause(Patience(2, 3, "It is busy.", gives_up_at=120.0, again_at=2.0))
    made = fields(failed, "planning", None)
    assert made["text"]["message"] == "small-model failed, attempt 2 of 3 follows"
    assert made["text"]["details"].startswith("It is busy. · about")
    assert (made["attempt"], made["attempts"], made["reason"]) == (2, 3, "It is busy.")
    assert made["again_at"] == "1970-01-01T00:00:02.000000Z"
    assert made["gives_up_at"] == "1970-01-01T00:02:00.000000Z"
    again = Writing("plan", "small-model", 9, None, patience=Patience(2, 3, "It is busy."))
    assert fields(again, "planning", None)["text"]["message"] == (
        "Asked small-model again, attempt 2 of 3"
    )


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('{"value": "Patients bo', "Patients bo"),
        ('{"value": [{"title": "Buy milk"}, {"title": "Ca', "title Buy milk; title Ca"),
        ('{"value": {"title": "Buy mi', "title Buy mi"),
        ('{"val', ""),
        ('{"value": ', ""),
    ],
)
def test_a_composed_value_is_told_in_words(written: str, shown: str) -> None:
    assert draft(written, verb="compose")["summary"] == shown


def test_of_a_long_composed_value_the_end_is_told() -> None:
    text = json.dumps({"value": "x" * 5_000 + " end"})
    assert draft(text, verb="compose")["summary"] == f"…{'x' * (MAX_COMPOSED - 4)} end"


def test_the_notes_for_the_memory_are_told_by_their_titles() -> None:
    text = '{"notes": [{"title": "Use Django", "content": "We"}, {"title": "Test on Fire'
    assert draft(text, verb="consolidate")["summary"] == "Use Django; Test on Fire"
