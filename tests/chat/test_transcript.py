"""The transcript: what a page says about a session's log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from agent.event_log import events
from agent.event_log.events import Event
from agent.models import ChatSession, Message, Run
from agent.models import Event as EventRow
from agent.support.durations import duration
from chat import fold, labels
from chat.transcript import Change, Exchange, Line, Transcript
from tests.support import story, story_events
from tests.support.story_events import ASKED, BROKEN, CHAIN, FIRST, STOPPED, phase, said


def folded(told: Sequence[Event]) -> Transcript:
    return fold.fold((seq, event.frame(seq)) for seq, event in enumerate(told, 1))


def as_before(told: Sequence[Event]) -> list[tuple[int, str]]:
    """The events as they were written before they had texts."""
    frames = [json.loads(event.frame(seq)) for seq, event in enumerate(told, 1)]
    return [(frame["seq"], json.dumps(story.without_text(frame))) for frame in frames]


def whole() -> Transcript:
    return fold.fold(enumerate(story.story(), 1))


def run_of(told: Transcript, run: object) -> Exchange:
    return next(entry for entry in told.exchanges if entry.run == str(run))


def until(run: object, type: str, **fields: Any) -> Transcript:
    """The story up to the first event of this kind."""
    seen: list[str] = []
    for body in story.story():
        seen.append(body)
        frame = json.loads(body)
        match = frame["run"] == str(run) and frame["type"] == type
        if match and all(_holds(frame.get(name), value) for name, value in fields.items()):
            return fold.fold(enumerate(seen, 1))
    raise AssertionError(f"no {type} of {run}")


def _holds(told: Any, value: Any) -> bool:
    if isinstance(value, dict):
        return all(_holds(told.get(name), one) for name, one in value.items())
    return bool(told == value)


def test_a_session_from_before_events_had_texts_reads_the_same() -> None:
    older = [json.dumps(story.without_text(json.loads(body))) for body in story.story()]
    assert fold.fold(enumerate(older, 1)) == whole()


def test_a_message_stands_with_its_run_in_the_order_of_the_log() -> None:
    told = whole()
    assert [entry.run for entry in told.exchanges] == [
        str(run)
        for run in (FIRST, CHAIN, ASKED, BROKEN, STOPPED, story_events.QUEUED, story_events.LATER)
    ]
    first = told.exchanges[0]
    assert first.said is not None
    assert first.said.content == "I need <booking> & a reminder.\nThanks!  "
    assert first.said.client_id == str(FIRST)
    assert told.last_seq == len(story.story())


def test_a_phase_is_one_line_however_many_events_tell_of_it() -> None:
    chain = run_of(whole(), CHAIN)
    planning = [one for one in chain.phases if one.step == "planning"]
    assert [(one.message, one.state, one.took) for one in planning] == [
        ("Created anew", "finished", "20 ms")
    ]


def test_the_steps_of_the_plan_are_no_phases() -> None:
    first = run_of(whole(), FIRST)
    steps = ["start", "context", "weather", "planning", "execution", "memory", "completion"]
    assert [one.key for one in first.phases] == steps


def test_a_phase_without_a_told_duration_took_from_its_start_to_its_end() -> None:
    planning = next(one for one in run_of(whole(), FIRST).phases if one.step == "planning")
    assert planning.duration_ms == story_events.PACE


def test_sub_steps_are_below_their_step_in_their_order_and_an_unknown_one_is_a_plain_line() -> None:
    later = run_of(whole(), story_events.LATER)
    (step,) = later.steps
    shown = [(part.message, part.details, part.state) for part in step.parts]
    assert shown == [
        ("Sooner", "7 <b>", "finished"),
        ("Editing", "2 of 3 <b>", "running"),
        ("Calling <b>", "", "running"),
    ]
    kinds = [part.kind for part in step.parts]
    assert [kind.icon for kind in kinds if kind] == ["🔎", "📝"]
    assert kinds[-1] is None
    # One whose step is in no plan is a line of the run.
    assert [one.message for one in later.phases if one.step == story_events.GONE] == ["Calling <b>"]
    (reading,) = [one for one in run_of(whole(), CHAIN).phases if one.key == "reading:r2"]
    assert [(part.details, part.state) for part in reading.parts] == [("9 <b>", "failed")]


def test_a_custom_step_has_a_line_and_an_icon_of_its_own() -> None:
    weather = next(one for one in run_of(whole(), FIRST).phases if one.step == "weather")
    assert (weather.message, weather.state, weather.icon) == (
        "Looked at the sky",
        "noted",
        "custom",
    )


@pytest.mark.parametrize(
    ("type", "fields", "line"),
    [
        ("message", {}, "Queued"),
        ("run", {"status": "running"}, "Starting"),
        ("plan", {}, "Making a plan"),
        ("step", {}, "Step 1 of 2: Create both"),
        ("complete", {}, "Done in 1 min 3 s · 2 steps · 2 tasks, 1 memory"),
    ],
)
def test_the_line_of_a_run_says_where_it_is(type: str, fields: dict[str, Any], line: str) -> None:
    assert run_of(until(FIRST, type, **fields), FIRST).line == line


def test_a_run_ends_with_its_last_event_and_all_that_it_tells() -> None:
    before = run_of(until(FIRST, "run", status="succeeded"), FIRST)
    after = run_of(until(FIRST, "complete"), FIRST)
    assert (before.active, before.duration_ms) == (True, None)
    assert (after.active, after.duration_ms) == (False, 63_499)


def planned(*tools: str, **arguments: Any) -> list[Event]:
    steps = [
        {"id": str(at), "description": f"Do {at}", "tool": tool, "arguments": arguments}
        for at, tool in enumerate(tools, 1)
    ]
    started = phase(FIRST, "execution", "⚙️ Executing plan...", phase="started")
    return [
        said(FIRST, "Hi", 1),
        events.Run(FIRST, "running"),
        story_events.plan(FIRST, 1, steps),
        started,
    ]


def now(id: str, status: str) -> Event:
    return story_events.step(FIRST, id, status, 0, None if status == "running" else 5)


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (planned("create_task", "create_task", "create_task"), "Creating 3 tasks, 0 done"),
        (
            [*planned("create_task", "create_task"), now("1", "succeeded")],
            "Creating 2 tasks, 1 done",
        ),
        (
            [*planned("create_task", "create_task"), now("1", "failed")],
            "Creating 2 tasks, 0 done, 1 failed",
        ),
        (planned("create_tasks", tasks=[{}, {}, {}]), "Creating 3 tasks"),
        (planned("delete_memory"), "Deleting 1 memory"),
        (planned("its_own"), "Do 1"),
        ([*planned("its_own", "create_task"), now("2", "running")], "Step 2 of 2: Do 2"),
        (
            [*planned("its_own", "its_own"), now("1", "running"), now("2", "running")],
            "Running 2 steps, 0 done",
        ),
    ],
)
def test_the_line_says_what_is_being_done_now(told: list[Event], line: str) -> None:
    assert fold.fold(as_before(told)).exchanges[0].line == line


def test_a_step_shows_what_it_was_given_and_what_it_returned() -> None:
    both, search, _ = run_of(whole(), FIRST).steps
    assert dict(both.given) == {
        "title": "Booking <b>",
        "depends on": "x; y",
        "in order": "yes",
        "limit": "3",
        "ratio": "0.5",
        "whole": "2",
        "parent": "–",
        "nothing": "–",
        "tasks": "title A, after 0; title B, after –",
    }
    assert search.given == [["query", "titles.0 of step 1"]]
    assert both.returned == [["titles", "Booking; Reminder <b>"]]
    assert search.returned == [["tasks", "–"], ["total", "0"]]


def test_what_a_plan_would_change_is_shown_before_it_is_done() -> None:
    waiting = run_of(until(ASKED, "run", status="waiting"), ASKED)
    assert [(one.number, one.text, one.fields) for one in waiting.effects] == [
        (1, "Delete task “Booking <b>”", []),
        (
            1,
            "Change task “Booking <b>”",
            [["status", "pending", "completed"], ["dependencies", "", "changed"]],
        ),
        (1, "Create memory “Stack”", [["content", "", "Django"]]),
        (1, "And more.", []),
    ]
    assert waiting.estimate == "About 1 to 4 seconds"
    assert waiting.expires_at.startswith("2026-03-11")


def test_a_plan_without_a_history_says_that_its_time_is_unknown() -> None:
    asked = events.Approval(FIRST, id=FIRST, status="requested", plan_revision=1)
    told = folded([*planned("create_task"), asked])
    assert told.exchanges[0].estimate == "No time estimate yet"


def test_who_decided_on_a_plan_stays_with_its_run() -> None:
    assert run_of(whole(), ASKED).decided == "Approved by alice"
    rejected = until(ASKED, "plan", plan={"revision": 2})
    assert run_of(rejected, ASKED).decided == "Rejected by alice: Only one"


def test_a_phase_tells_what_came_to_mind_and_when_it_is_slow() -> None:
    first = run_of(until(FIRST, "progress"), FIRST)
    assert [one.slow_after for one in first.phases] == [""]
    context = next(one for one in run_of(whole(), FIRST).phases if one.step == "context")
    assert context.recalled == "Recalled: “Stack <i>”, “日本語”"
    told = folded(
        [said(FIRST, "Hi", 1), phase(FIRST, "context", "x", phase="started", slow_after_ms=900)]
    )
    assert told.exchanges[0].phases[0].slow_after == 900


def test_a_run_that_nobody_drives_says_so() -> None:
    run = run_of(whole(), story_events.LATER)
    run.interrupted = True
    assert (run.line, run.mark, run.eta) == (labels.INTERRUPTED, "interrupted", "")


def test_a_failed_step_is_counted_and_marks_the_run() -> None:
    chain = run_of(whole(), CHAIN)
    assert chain.line == "Done in 1 h 2 min · 1 of 3 steps failed, 1 skipped · 1 task"
    assert chain.mark == "partly"
    assert [step.note for step in chain.steps] == ["", "There is no such task.", "Skipped."]


def test_a_waiting_plan_asks_until_somebody_decides() -> None:
    waiting = run_of(until(ASKED, "run", status="waiting"), ASKED)
    assert (waiting.line, waiting.asks, waiting.plan_revision, waiting.why) == (
        "Waiting for your approval: deletes 1 task, changes 1 task, creates 1 memory, and more",
        True,
        1,
        "The plan deletes 2 objects.",
    )
    assert not run_of(whole(), ASKED).asks


def test_failures_and_cancels_are_told_in_words() -> None:
    told = whole()
    assert run_of(told, BROKEN).line == "Failed: The model took too long."
    assert run_of(told, STOPPED).line == "Cancelled by alice: enough"
    assert run_of(told, story_events.QUEUED).line == "Cancelled by alice"
    assert run_of(told, STOPPED).text == "I was  about\nto"
    assert [one.state for one in run_of(told, STOPPED).phases] == ["stopped"]
    assert run_of(told, STOPPED).retryable


def test_a_failed_run_is_unfolded_at_its_first_failure() -> None:
    chain = run_of(whole(), CHAIN)
    assert chain.first_failure == ""  # the run itself has succeeded
    chain.status = "failed"
    assert chain.first_failure == next(step.id for step in chain.steps if step.status == "failed")


def test_a_queued_run_says_how_many_are_before_it() -> None:
    told = until(story_events.QUEUED, "run", status="queued")
    assert run_of(told, STOPPED).line == "Queued (1 ahead)"
    assert run_of(told, story_events.QUEUED).line == "Queued (2 ahead)"


def test_an_answer_that_starts_over_leaves_nothing_of_the_first() -> None:
    seen = [body for body in story.story() if json.loads(body)["type"] != "complete"]
    assert run_of(fold.fold(enumerate(seen, 1)), FIRST).text == "Here 🗡️ it is"


def test_only_the_last_change_of_an_object_can_be_undone() -> None:
    told = whole()
    first, asked = run_of(told, FIRST), run_of(told, ASKED)
    assert [one.undoable for one in first.changes] == [False, False, False]
    assert [one.undoable for one in asked.changes] == [True, True]
    notes = [entry for entry in told.entries if isinstance(entry, Change)]
    assert [(one.text, one.undoable) for one in notes] == [
        ("Deleted task “Reminder <b>”", False),
        ("Restored task “Reminder <b>”", True),
    ]


def test_a_run_is_undone_as_a_whole_while_nothing_came_after() -> None:
    assert run_of(until(FIRST, "complete"), FIRST).undoable
    assert not run_of(until(CHAIN, "complete"), FIRST).undoable


def test_a_change_says_which_fields_changed_and_to_what() -> None:
    change = run_of(whole(), CHAIN).changes[0]
    assert change.text == ("Changed task “Booking”: description, status in progress, priority low")


def test_what_changed_after_the_last_message_is_fresh() -> None:
    assert {key: one.brief for key, one in whole().fresh.items()} == {
        str(story_events.LOGIN): "Created"
    }


def test_an_event_that_cannot_be_read_is_a_plain_line_and_the_others_go_on() -> None:
    told = whole()
    assert [entry.text for entry in told.entries if isinstance(entry, Line)] == [labels.UNREADABLE]
    assert run_of(told, story_events.LATER).text == "So far"


@pytest.mark.parametrize(
    "body",
    ["", "[]", "7", '{"type":"run"}', '{"type":"plan","run":"x","plan":{}}', '{"type":null}'],
)
def test_no_event_however_broken_breaks_the_page(body: str) -> None:
    good = said(FIRST, "Hello", 1)
    told = fold.fold([(1, body), (2, good.frame(2))])
    assert [entry.run for entry in told.exchanges if entry.said] == [str(FIRST)]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("🧠 Analyzing your request...", "Analyzing your request..."),
        ("⚙️ Executing plan...", "Executing plan..."),
        ("👩🏽‍💻 At work", "At work"),
        ("“Quoted” first", "“Quoted” first"),
        ("❌", "❌"),
        ("`code` 🗡️ inside", "`code` 🗡️ inside"),
    ],
)
def test_a_message_is_shown_without_the_emoji_in_front(message: str, shown: str) -> None:
    told = folded([said(FIRST, "Hi", 1), phase(FIRST, "start", message, phase="started")])
    assert told.exchanges[0].phases[0].message == shown


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"),
        (49, "49 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (4249, "4.2 s"),
        (59_949, "59.9 s"),
        (59_950, "1 min 0 s"),
        (3_599_499, "59 min 59 s"),
        (7_260_000, "2 h 1 min"),
    ],
)
def test_durations_are_short(ms: int, text: str) -> None:
    assert duration(ms) == text


def test_the_bar_shares_the_whole_among_the_finished_phases() -> None:
    bar = run_of(whole(), FIRST).bar
    assert bar[0].x == 0
    assert all(one.x + one.width == two.x for one, two in pairwise(bar))
    assert bar[-1].x + bar[-1].width == 1000


@pytest.mark.django_db
def test_tokens_are_read_of_unfinished_runs_only(session: ChatSession) -> None:
    for number, status in ((1, "succeeded"), (2, "running")):
        message = Message.objects.create(session=session, role="user", content="Hi")
        run = Run.objects.create(session=session, message=message, number=number, status=status)
        told = [said(run.pk, "Hi", number), events.Token(run.pk, offset=0, text="So")]
        for seq, event in enumerate(told, number * 10):
            EventRow.objects.create(
                session=session, run=run, seq=seq, type=event.type, body=event.frame(seq)
            )
    assert [entry.text for entry in fold.load(session.pk).exchanges] == ["", "So"]
