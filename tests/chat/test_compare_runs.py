"""Two runs beside each other: who may compare which, and what differs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agent.board import tasks
from agent.event_log import events
from agent.event_log.phases import Phase
from agent.models import ChatSession, Membership, Message, Project, Run
from agent.support.differences import Part
from chat.run_page import compare, rows
from chat.run_page.compare import Comparison, Figure
from chat.run_page.plans import Aligned
from chat.run_page.views import NO_SUCH_RUN
from tests.support.run_rows import RunRows

pytestmark = pytest.mark.django_db


def answered(session: ChatSession, text: str) -> Message:
    return Message.objects.create(session=session, role="assistant", content=text)


def compared(left: RunRows, right: RunRows) -> Comparison:
    pair = [rows.load(Run.objects.get(pk=made.run.pk)) for made in (left, right)]
    return compare.of_runs(*pair)


def told(step: Aligned) -> tuple[str, str, int | None, int | None]:
    text = "".join(f"{part.same}{part.removed}{part.added}" for part in step.description)
    numbers = [side.number if side else None for side in (step.left, step.right)]
    return step.what, text, numbers[0], numbers[1]


# -- what differs ----------------------------------------------------------------------------------


def test_the_steps_of_both_plans_are_aligned(session: ChatSession) -> None:
    left, right = RunRows(session), RunRows(session)
    high = {"title": "Pay", "priority": "high"}
    left.plan(
        left.step("s1", "Create “Book”", 1, 2),
        left.step("s2", "Create “Pay”", 2, 3, arguments={"title": "Pay", "priority": "low"}),
        left.step("s3", "Remember Stripe", 3, 4, tool="create_memory"),
    )
    right.plan(
        right.step("s1", "Look", 0, 1, tool="search_tasks"),
        right.step("s2", "Create “Book”", 1, 3),
        right.step("s3", "Create “Pay”", 2, 3, arguments=high, status="failed"),
    )
    found = compared(left, right)
    assert [told(step) for step in found.steps] == [
        ("added", "Look", None, 1),
        ("same", "Create “Book”", 1, 2),
        ("changed", "Create “Pay”", 2, 3),
        ("removed", "Remember Stripe", 3, None),
    ]
    changed = found.steps[2]
    assert changed.arguments == [("priority", "low", "high")]
    assert changed.right is not None
    assert (changed.right.status, changed.right.took) == ("failed", "1.0 s")
    assert found.differing_steps == 3


def test_a_step_of_the_same_tool_with_other_words_is_a_changed_one(session: ChatSession) -> None:
    left, right = RunRows(session), RunRows(session)
    left.plan(left.step("s1", "Create “Old”", 1, 2))
    right.plan(right.step("s1", "Create “New”", 1, 2))
    (step,) = compared(left, right).steps
    assert step.what == "changed"
    assert Part(removed="Old", added="New") in step.description


def test_only_the_latest_plans_are_compared(session: ChatSession) -> None:
    left, right = RunRows(session), RunRows(session)
    left.plan(left.step("s1", "A", 1, 2))
    left.plan(left.step("s2", "B", 1, 2), revision=2)
    right.plan(right.step("s1", "B", 1, 2))
    (step,) = compared(left, right).steps
    assert step.what == "same"


def test_times_tokens_and_cost_stand_beside_each_other(session: ChatSession, settings: Any) -> None:
    settings.SAMURAI_MODEL_PRICES = {"small-model": (Decimal(1000), Decimal(0))}
    usage = {"calls": 2, "input_tokens": 2000, "output_tokens": 10}
    left = RunRows(session, began=1, ended=10, usage=usage, model="small-model")
    more = {"calls": 1, "input_tokens": 3500, "output_tokens": 10}
    right = RunRows(session, began=0, ended=12.5, usage=more, model="small-model")
    left.phase(Phase.PLANNING, 1, 4)
    right.phase(Phase.PLANNING, 1, 2)
    right.phase(Phase.MEMORY, 2, 3)
    found = compared(left, right)
    assert found.timings == [
        Figure("From the message to the end", "10.0 s", "12.5 s", "+2.5 s"),
        Figure("In the queue", "1.0 s", "0 ms", "−1.0 s"),
        Figure("Making a plan", "3.0 s", "1.0 s", "−2.0 s"),
        Figure("Updating memory", "", "1.0 s", ""),
    ]
    assert found.usage == [
        Figure("Calls to the model", "2", "1", "−1"),
        Figure("Tokens read", "2,000", "3,500", "+1,500"),
        Figure("Tokens written", "10", "10", ""),
        Figure("Cost", "2.00 USD", "3.50 USD", "+1.50 USD"),
    ]
    settings.SAMURAI_MODEL_PRICES = {}
    assert compared(left, right).usage[-1] == Figure("Cost", "unknown", "unknown", "")


def test_changes_and_answers_are_compared(
    session: ChatSession, project: Project, alice: User, client: Client
) -> None:
    left = RunRows(session, answer=answered(session, "Done: one task.\nBye."))
    right = RunRows(session, answer=answered(session, "Done: two tasks.\nBye."))
    items = [tasks.NewTask(title) for title in ("Pay", "Pay", "Book")]
    made, _ = tasks.create_tasks(project_id=project.pk, items=items)
    left.log(
        events.Change(
            run.pk,
            object="task",
            id=task.pk,
            action="created",
            before=None,
            after=tasks.task_json(task),
            by="alice",
        )
        for run, task in zip((left.run, right.run, right.run), made, strict=True)
    )
    found = compared(left, right)
    assert [(one.text, bool(one.left), bool(one.right)) for one in found.changes] == [
        ("Created task “Pay”", True, True),
        ("Created task “Book”", False, True),
    ]
    assert Part(removed="one task", added="two tasks") in found.answer
    assert found.answer[-1] == Part(same="Bye.")
    assert not found.is_answer_same
    client.force_login(alice)
    shown = client.get(f"/runs/{left.run.pk}/compare/{right.run.pk}/").content.decode()
    assert "<del>one task</del><ins>two tasks</ins>" in shown
    assert "Different: 1 of 2 changes." in shown
    assert "Neither run has a plan." in shown
    same = client.get(f"/runs/{left.run.pk}/compare/{left.run.pk}/").content.decode()
    assert "The answers are the same." in same


def test_a_run_that_has_not_begun_can_be_compared(
    session: ChatSession, alice: User, client: Client
) -> None:
    left = RunRows(session)
    right = RunRows(session, began=None, ended=None, status="queued")
    client.force_login(alice)
    shown = client.get(f"/runs/{left.run.pk}/compare/{right.run.pk}/")
    assert shown.status_code == 200
    assert "Neither run has an answer." in shown.content.decode()


# -- who may compare what --------------------------------------------------------------------------


@pytest.fixture
def theirs(bob: User) -> RunRows:
    """A run of Bob's, whose project Alice may not see."""
    project = Project.objects.create(name="Secret project", owner=bob)
    session = ChatSession.objects.create(project=project, created_by=bob, title="Secret session")
    return RunRows(session)


def test_both_runs_have_to_be_visible(
    session: ChatSession, theirs: RunRows, alice: User, bob: User, client: Client
) -> None:
    ours = RunRows(session)
    client.force_login(alice)
    for first, second in (
        (ours.run.pk, theirs.run.pk),
        (theirs.run.pk, ours.run.pk),
        (theirs.run.pk, theirs.run.pk),
    ):
        refused = client.get(f"/runs/{first}/compare/{second}/")
        none = client.get(f"/runs/{ours.run.pk}/compare/{uuid4()}/")
        assert (refused.status_code, none.status_code) == (404, 404)
        assert refused.content == none.content
    assert client.get(f"/runs/{theirs.run.pk}/compare/").status_code == 404
    Membership.objects.create(project=theirs.run.session.project, user=alice, role="viewer")
    shown = client.get(f"/runs/{ours.run.pk}/compare/{theirs.run.pk}/").content.decode()
    assert "run 1 of “Secret session”" in shown
    client.logout()
    assert client.get(f"/runs/{ours.run.pk}/compare/{theirs.run.pk}/").status_code == 302


def test_a_link_to_somebody_elses_run_looks_like_one_to_none(
    session: ChatSession, theirs: RunRows, alice: User, client: Client
) -> None:
    ours = RunRows(session)
    client.force_login(alice)
    path = f"/runs/{ours.run.pk}/compare/"
    refused = [
        client.get(path, {"with": link})
        for link in (f"/runs/{theirs.run.pk}/", f"/runs/{uuid4()}/", "nothing", "9" * 600)
    ]
    for response in refused:
        assert response.status_code == 404
        assert NO_SUCH_RUN in response.content.decode().replace("&#x27;", "'")
        assert "Secret" not in response.content.decode()


@pytest.mark.parametrize(
    "link",
    [
        "{run}",
        "http://127.0.0.1:8000/runs/{run}/",
        "http://127.0.0.1:8000/sessions/{session}/#run-{run}",
        "/sessions/{session}/replay/?run={run}",
    ],
)
def test_any_link_to_a_run_leads_to_the_comparison(
    session: ChatSession, alice: User, client: Client, link: str
) -> None:
    one, other = RunRows(session), RunRows(session)
    client.force_login(alice)
    text = link.format(run=other.run.pk, session=session.pk)
    response = client.get(f"/runs/{one.run.pk}/compare/", {"with": text})
    assert response.status_code == 302
    assert response["Location"] == f"/runs/{one.run.pk}/compare/{other.run.pk}/"


def test_runs_of_the_same_message_come_first_then_those_of_the_session(
    session: ChatSession, alice: User, client: Client
) -> None:
    first = RunRows(session)
    other = RunRows(session)
    again = RunRows(session, message=first.run.message, retry_of=first.run)
    client.force_login(alice)
    shown = client.get(f"/runs/{first.run.pk}/compare/").content.decode()
    links = [f"/runs/{first.run.pk}/compare/{one.run.pk}/" for one in (again, other)]
    places = [shown.index(link) for link in links]
    assert places[0] < shown.index("Another run of this session") < places[1]
    assert f"/compare/{first.run.pk}/" not in shown


def test_comparing_large_runs_takes_few_queries(
    session: ChatSession, alice: User, client: Client, django_assert_max_num_queries: Any
) -> None:
    pair = [RunRows(session), RunRows(session)]
    for made in pair:
        made.phases(*Phase)
        made.plan(*(made.step(f"s{at}", f"Step {at}", at, at + 1) for at in range(200)))
    client.force_login(alice)
    with django_assert_max_num_queries(14):
        response = client.get(f"/runs/{pair[0].run.pk}/compare/{pair[1].run.pk}/")
    assert "Step 199" in response.content.decode()
