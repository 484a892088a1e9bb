"""The chart of a run: what happened when, what was waited for, and how each state of a run is shown."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agent.event_log.phases import Phase
from agent.event_log.texts import DOING
from agent.models import Approval, ChatSession, Run
from chat.run_page import rows, state, timeline
from chat.run_page.timeline import Bar, Timeline
from tests.support.run_rows import RunRows

pytestmark = pytest.mark.django_db


def chart(made: RunRows) -> Timeline:
    return timeline.of_run(rows.load(Run.objects.get(pk=made.run.pk)))


def shown(found: Timeline) -> list[tuple[str, str, str, str]]:
    """Returns the kind, the name and the exact times of each bar."""
    return [(str(bar.span.kind), bar.span.name, bar.after, bar.took) for bar in found.bars]


def named(found: Timeline, name: str) -> Bar:
    (bar,) = [bar for bar in found.bars if bar.span.name == name]
    return bar


def approve(made: RunRows, start: float, end: float | None, status: str = "approved") -> None:
    decided = None if end is None else made.at(end)
    row = Approval.objects.create(
        run=made.run, plan=made.run.plans.get(), status=status, decided_at=decided
    )
    Approval.objects.filter(pk=row.pk).update(requested_at=made.at(start))


def test_everything_that_took_time_is_on_one_axis(session: ChatSession) -> None:
    made = RunRows(session, began=0.25)
    made.phase(Phase.PLANNING, 1, 4)
    made.phase("reading:r1", 1, 2.5, result={"title": "Reading “Pay” in full"})
    made.call("plan", 2.5, 4)
    made.plan(made.step("s1", "Create it", 7, 9, status="failed"))
    approve(made, 4, 7)
    found = chart(made)
    assert shown(found) == [
        ("Waiting", "In the queue", "0 ms", "250 ms"),
        ("Phases", "Making a plan", "1.000 s", "3.000 s"),
        ("Readings", "Reading “Pay” in full", "1.000 s", "1.500 s"),
        ("Calls to the model", "Plan", "2.500 s", "1.500 s"),
        ("Waiting", "Waiting for approval", "4.000 s", "3.000 s"),
        ("Steps of the plan", "1. Create it", "7.000 s", "2.000 s"),
    ]
    planning, step = named(found, "Making a plan"), named(found, "1. Create it")
    assert planning.label == "Making a plan, began after 1.000 s, took 3.000 s"
    assert step.label == "1. Create it, began after 7.000 s, took 2.000 s, failed"
    assert step.x > planning.x + planning.width
    # Both are drawn to scale.
    assert planning.width / step.width == pytest.approx(1.5)


def test_parallel_steps_are_in_lanes_of_their_own_and_others_share_one(
    session: ChatSession,
) -> None:
    made = RunRows(session)
    made.plan(made.step("s1", "A", 1, 4), made.step("s2", "B", 2, 3), made.step("s3", "C", 4, 5))
    found = chart(made)
    lanes = [named(found, name).y for name in ("1. A", "2. B", "3. C")]
    assert lanes[0] == lanes[2] < lanes[1]


def test_a_night_of_waiting_does_not_hide_the_work(session: ChatSession) -> None:
    made = RunRows(session, ended=36_010)
    made.phase(Phase.PLANNING, 0, 5)
    made.plan(made.step("s1", "Create it", 36_005, 36_010))
    approve(made, 5, 36_005)
    found = chart(made)
    assert [one.text for one in found.breaks] == ["10 h 0 min"]
    widths = [named(found, name).width for name in ("Making a plan", "1. Create it")]
    assert widths[0] == pytest.approx(widths[1], abs=0.1)
    assert widths[0] > 30
    assert named(found, "Waiting for approval").took == "10 h 0 min"
    marks = [tick.text for tick in found.ticks]
    assert marks[0] == "0 s"
    assert "2.0 s" in marks
    assert any(text.startswith("10 h") for text in marks)


def test_sub_steps_and_the_pauses_between_calls_are_shown(session: ChatSession) -> None:
    made = RunRows(session)
    made.call("analyze", 0, 1, error="The model's server is away.")
    made.call("answer", 0.5, 3)  # at the same time, and no retry
    made.call("analyze", 1.5, 2)
    sub_steps = [
        {
            "step": step,
            "message": message,
            "details": details,
            "state": "finished",
            "started_at": made.at(start).isoformat(),
            "duration_ms": 500,
        }
        for step, message, details, start in (
            ("indexing", "Site", "3 of 3 pages", 3.0),
            ("retry", "Waiting to retry", "Attempt 2 of 3", 4.0),
        )
    ]
    made.plan(made.step("s1", "Fetch", 3, 5, sub_steps=sub_steps))
    found = chart(made)
    waits = [one[1:] for one in shown(found) if one[0] == "Waiting"]
    assert waits == [
        ("Waiting to retry: analysis", "1.000 s", "500 ms"),
        ("Waiting to retry Attempt 2 of 3", "4.000 s", "500 ms"),
    ]
    assert ("Sub-steps", "Site 3 of 3 pages", "3.000 s", "500 ms") in shown(found)


def test_a_step_that_a_later_plan_kept_is_shown_once(session: ChatSession) -> None:
    made = RunRows(session, replanned=True)
    kept = made.step("s1", "A", 1, 2)
    made.plan(kept, made.step("s2", "B", 2, 3, status="failed"))
    made.plan(kept, made.step("s3", "C", 4, 5), revision=2)
    names = [bar.span.name for bar in chart(made).bars]
    assert names == ["Plan 2, 1. A", "2. B", "Plan 2, 2. C"]


def test_what_a_retry_took_over_is_not_on_its_axis(session: ChatSession) -> None:
    former = RunRows(session, status="failed")
    made = RunRows(session, retry_of=former.run, message=former.run.message)
    made.phase(Phase.PLANNING, -100, -90)
    made.phase(Phase.COMPLETION, 5, 6)
    made.plan(made.step("s1", "A", -80, -70), made.step("s2", "B", 2, 3))
    now = timezone.now()
    Approval.objects.create(run=made.run, plan=made.run.plans.get(), decided_at=now)  # a copy
    assert [bar.span.name for bar in chart(made).bars] == ["2. B", "Writing the answer"]


def test_a_question_is_waited_for_until_the_next_message(session: ChatSession) -> None:
    made = RunRows(session, left_open=Run.LeftOpen.QUESTION)
    made.plan(made.step("s1", "Which one?", type="ask", tool=""))
    found = chart(made)
    wait = named(found, "Waiting for an answer")
    assert wait.span.is_open
    loaded = rows.load(made.run)
    answered = timeline.of_run(loaded, made.at(70))
    assert named(answered, "Waiting for an answer").took == "1 min 0 s"


# -- states ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["failed", "cancelled"])
@pytest.mark.parametrize("phase", list(Phase))
def test_the_phase_in_which_a_run_ended_is_known(
    session: ChatSession, alice: User, client: Client, phase: Phase, status: str
) -> None:
    made = RunRows(session, status=status, error="Something broke." if status == "failed" else "")
    before = list(Phase)[: list(Phase).index(phase)]
    made.phases(*before)
    found = chart(made)
    last = named(found, DOING[phase])
    assert (last.span.status, last.span.is_open) == (status, False)
    begin = len(before)
    assert last.after == ("0 ms" if not begin else f"{begin}.000 s")
    assert last.took == ("10.000 s" if not begin else f"{10 - begin}.000 s")
    client.force_login(alice)
    page = client.get(f"/runs/{made.run.pk}/").content.decode()
    assert f'data-status="{status}"' in page
    assert ("Something broke." in page) is (status == "failed")


def test_the_phases_after_the_execution_work_at_the_same_time(session: ChatSession) -> None:
    made = RunRows(session, ended=None, status="running", lease_until=None)
    Run.objects.filter(pk=made.run.pk).update(lease_until=timezone.now() + timedelta(days=1))
    made.phases(*list(Phase)[:6])
    found = chart(made)
    memory, answer = (named(found, DOING[one]) for one in (Phase.MEMORY, Phase.COMPLETION))
    assert memory.span.is_open
    assert answer.span.is_open
    assert memory.span.start == answer.span.start == made.at(6)
    assert memory.y != answer.y


STATES: dict[str, tuple[dict[str, object], str]] = {
    "queued": ({"began": None, "ended": None, "status": "queued"}, "Waiting in the queue for 1 h"),
    "interrupted": ({"ended": None, "status": "running"}, "Interrupted. It resumes"),
    "waiting": ({"ended": None, "status": "waiting"}, "Waiting for approval of the plan."),
    "succeeded": ({}, ""),
}


@pytest.mark.parametrize("name", list(STATES))
def test_a_run_that_is_not_over_says_how_far_it_is(
    session: ChatSession, alice: User, client: Client, name: str
) -> None:
    fields, text = STATES[name]
    made = RunRows(session, **fields)  # type: ignore[arg-type]
    found = state.progress(rows.load(made.run))
    assert found.startswith(text)
    assert bool(found) is bool(text)
    client.force_login(alice)
    page = client.get(f"/runs/{made.run.pk}/").content.decode()
    assert text in page
    assert ("data-unfinished" in page) is bool(text)


def test_a_run_at_work_says_what_it_does_and_how_many_steps_are_done(
    session: ChatSession, alice: User, client: Client
) -> None:
    made = RunRows(session, ended=None, status="running")
    Run.objects.filter(pk=made.run.pk).update(lease_until=timezone.now() + timedelta(days=1))
    made.phases(*list(Phase)[:5])
    made.plan(
        made.step("s1", "A", 5, 6),
        made.step("s2", "B", 6, status="running"),
        made.step("s3", "C", status="skipped"),
        made.step("s4", "Say so", type="answer", tool="", status="pending"),
    )
    client.force_login(alice)
    part = client.get(f"/runs/{made.run.pk}/", headers={"X-Part": "now"}).content.decode()
    assert "running the plan, 1 of 3 steps done, 1 skipped." in part
    assert "<html" not in part
    bar = named(chart(made), "2. B")
    assert bar.span.is_open
    assert bar.label.startswith("2. B, began after 6.000 s, for 59 min")


def test_a_run_that_was_cancelled_while_it_waited_has_no_open_phase(session: ChatSession) -> None:
    made = RunRows(session, status="cancelled")
    made.phases(*list(Phase)[:5])
    made.plan(made.step("s1", "A", status="cancelled"))
    approve(made, 5, 10, "rejected")
    names = [bar.span.name for bar in chart(made).bars]
    assert names[-1] == "Waiting for approval"
    assert DOING[Phase.EXECUTION] not in names


def test_a_plan_that_was_approved_late_in_a_busy_session_was_queued_again(
    session: ChatSession,
) -> None:
    made = RunRows(session)
    made.phases(*list(Phase)[:5])
    made.plan(made.step("s1", "A", 8, 9))
    approve(made, 5, 6)
    assert named(chart(made), "In the queue again").took == "2.000 s"


def test_a_run_of_no_time_at_all_has_a_chart(session: ChatSession) -> None:
    made = RunRows(session, ended=0)
    made.phase(Phase.START, 0, 0)
    (bar,) = chart(made).bars
    assert (bar.x, bar.took) == (0, "0 ms")
    assert 0 < bar.width <= 100
