"""What changed since a time or in a task, and undo: what the offline model makes of it, and its answers."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from agent.llm.base import StepOutcome
from agent.text.moments import moment
from tests.support.offline_answers import FULL, analysed, answered, planned

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 26, 16, 20, tzinfo=BERLIN)  # a Thursday

TIMES = [
    ("today", "2026-11-26T00:00:00+01:00"),
    ("yesterday", "2026-11-25T00:00:00+01:00"),
    ("yesterday 9:00", "2026-11-25T09:00:00+01:00"),
    ("this week", "2026-11-23T00:00:00+01:00"),
    ("Monday", "2026-11-23T00:00:00+01:00"),
    ("Thursday", "2026-11-19T00:00:00+01:00"),
    ("Monday at 14:30", "2026-11-23T14:30:00+01:00"),
    ("9:00", "2026-11-26T09:00:00+01:00"),
    ("9am", "2026-11-26T09:00:00+01:00"),
    ("5 pm", "2026-11-25T17:00:00+01:00"),
    ("2026-11-20", "2026-11-20T00:00:00+01:00"),
    ("2026-10-20", "2026-10-20T00:00:00+02:00"),
    ("2026-11-20T10:30:00+00:00", "2026-11-20T10:30:00+00:00"),
    ("the last hour", "2026-11-26T15:20:00+01:00"),
    ("the last 3 days", "2026-11-23T16:20:00+01:00"),
    ("the past two weeks", "2026-11-12T16:20:00+01:00"),
    ("an hour ago", "2026-11-26T15:20:00+01:00"),
]
UNKNOWN = [
    "tomorrow",
    "next week",
    "the launch",
    "25:00",
    "2027-01-01",
    "99999999999 days ago",
    "x days",
]


@pytest.mark.parametrize(("said", "meant"), TIMES)
def test_a_moment_is_known(said: str, meant: str) -> None:
    found = moment(said, NOW)
    assert found is not None
    assert found.isoformat() == meant


@pytest.mark.parametrize("said", UNKNOWN)
def test_what_is_no_past_moment_is_none(said: str) -> None:
    assert moment(said, NOW) is None


@pytest.mark.parametrize(
    ("message", "since"),
    [
        ("What changed since yesterday?", "2026-11-25T00:00:00+00:00"),
        ("what has changed since Monday", "2026-11-23T00:00:00+00:00"),
        ("what changed today?", "2026-11-26T00:00:00+00:00"),
        ("What changed this week?", "2026-11-23T00:00:00+00:00"),
        ("what happened since 9:00", "2026-11-26T09:00:00+00:00"),
        ("what happened since 2026-11-20?", "2026-11-20T00:00:00+00:00"),
        ("What happened in the last hour?", "2026-11-26T15:20:00+00:00"),
        ("Please tell me what changed in the last 3 days", "2026-11-23T16:20:00+00:00"),
        ("What changed?", "2026-11-25T16:20:00+00:00"),
    ],
)
async def test_the_question_is_one_step(
    message: str, since: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW.replace(tzinfo=ZoneInfo("UTC")))
    assert (await analysed(message)).intent == "question"
    (step,) = await planned(message)
    assert (step["tool"], step["arguments"]) == ("list_changes", {"since": since, "limit": 50})


@pytest.mark.parametrize("said", ["the launch", "tomorrow", "the meeting with Bob"])
async def test_an_unknown_time_is_refused_by_its_name(said: str) -> None:
    message = f"What changed since {said}?"
    assert not (await analysed(message)).needs_tools
    answer = await answered(message)
    assert f"no time “{said}”" in answer
    assert "[What changed since yesterday?](#say)" in answer


def outcome(changes: list[dict[str, str]], more: bool = False) -> StepOutcome:
    since = {"since": "2026-11-25T00:00:00+00:00", "limit": 50}
    result = {"changes": changes, "more": more}
    return StepOutcome("s1", "tool", "list_changes", "List", "succeeded", since, result, "")


async def test_the_answer_lists_the_changes_since_the_moment() -> None:
    changes = [
        {"object": "task", "title": "Login page", "action": "changed", "status": "in_progress"},
        {"object": "memory", "title": "Redis", "action": "created", "status": "decision"},
        {"object": "task", "title": "Old", "action": "deleted", "status": "pending"},
    ]
    said = await answered("What changed since yesterday?", FULL, outcome(changes, more=True))
    assert said.strip().split("\n") == [
        "Since Wed 25 Nov 00:00 UTC:",
        "",
        "- changed: task “Login page” (in progress)",
        "- created: memory “Redis” (decision)",
        "- deleted: task “Old”",
        "- and older ones",
    ]


async def test_the_answer_says_when_nothing_changed() -> None:
    said = await answered("What changed since yesterday?", FULL, outcome([]))
    assert said.strip() == "Nothing changed since Wed 25 Nov 00:00 UTC."


@pytest.mark.parametrize(
    ("message", "tool", "arguments"),
    [
        ("What changed in booking?", "get_history", {"task": "t3"}),
        ("what happened to booking", "get_history", {"task": "t3"}),
        ("Show me the history of the reminder", "get_history", {"task": "t4"}),
        ("Who changed booking?", "get_history", {"task": "t3"}),
        ("Undo that, please", "undo", {}),
        ("undo", "undo", {}),
        ("Undo the last change", "undo", {}),
        ("revert the changes", "undo", {}),
        ("Please take it back", "undo", {}),
        ("Undo the last change of booking", "undo", {"object": "t3"}),
        ("ok, undo that because nobody wants it", "undo", {}),
    ],
)
async def test_the_history_of_a_task_and_an_undo_are_one_step(
    message: str, tool: str, arguments: dict[str, str]
) -> None:
    (step,) = await planned(message)
    assert (step["tool"], step["arguments"]) == (tool, arguments)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Create a task to ship, then undo that", "a message of its own"),
        ("Undo that and mark booking as done", "a message of its own"),
        ("Undo that and that", "I understood “Undo that”"),
        ("Undo the last 3 changes", "3"),
        ("Undo everything", "everything"),
        ("Undo that?", "As an order"),
        ("What changed in the wiki?", "There is no task “the wiki”"),
    ],
)
async def test_what_is_no_undo_alone_changes_nothing(message: str, said: str) -> None:
    assert not (await analysed(message)).needs_tools
    answer = await answered(message)
    assert said in answer
    assert "Nothing was changed" in answer


async def test_the_answer_says_who_changed_what_of_a_task_and_when() -> None:
    values = [
        {"field": "status", "before": "pending", "after": "in_progress"},
        {"field": "depends_on", "before": "", "after": "9b1deb4d"},
        {"field": "due", "before": "2026-11-30", "after": ""},
    ]
    changes = [
        {"at": "2026-11-25T10:00:00.000Z", "action": "updated", "by": "alice", "values": values},
        {"at": "2026-11-25T09:00:00.000Z", "action": "created", "by": "", "values": []},
    ]
    result = {"title": "Booking", "created_at": "", "changes": changes, "total": 25}
    step = StepOutcome("s1", "tool", "get_history", "Read", "succeeded", {}, result, "")
    said = await answered("What changed in booking?", FULL, step)
    assert said.strip().split("\n") == [
        "The changes of “Booking”, newest first:",
        "",
        "- Wed 25 Nov 10:00 UTC: updated by alice (status: in progress, depends on, due: none)",
        "- Wed 25 Nov 09:00 UTC: created",
        "- and 23 older ones",
    ]


async def test_a_new_title_may_have_braces() -> None:
    (step,) = await planned("Rename the reminder to “Fill in {name} and {}”")
    assert step["arguments"] == {"task": "t4", "title": "Fill in {name} and {}"}
    assert step["description"] == "Rename “SMS reminder a day before” to “Fill in {name} and {}”"
