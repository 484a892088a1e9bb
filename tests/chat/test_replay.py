"""Who may open a replay, and what is known of the board at an earlier moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db.models import Q
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agent.board import tasks
from agent.event_log import events
from agent.memory import memories
from agent.models import (
    ChatSession,
    Event,
    Membership,
    Memory,
    MemoryRevision,
    Message,
    Project,
    Run,
    Task,
)
from agent.models.projects import Role
from chat import board_history, past_board
from chat.board_history import Row, Span, State, Told

pytestmark = pytest.mark.django_db
A, B, C = ({"title": title, "position": 1} for title in "ABC")


def get(client: Client, user: User, name: str, session: ChatSession, query: str = "") -> int:
    client.force_login(user)
    return client.get(reverse(name, args=[session.pk]) + query).status_code


@pytest.mark.parametrize("name", ["replay", "replay-board"])
def test_members_open_a_replay_and_for_others_there_is_none(
    client: Client, alice: User, bob: User, session: ChatSession, name: str
) -> None:
    viewer = User.objects.create_user("viewer")
    Membership.objects.create(project=session.project, user=viewer, role=Role.VIEWER)
    keep(session, tasks.create_task(project_id=session.project_id, title="Booking")[1])
    assert get(client, alice, name, session) == 200
    assert get(client, viewer, name, session) == 200
    assert get(client, bob, name, session) == 404
    client.logout()
    signed_out = client.get(reverse(name, args=[session.pk])).status_code
    assert signed_out == (401 if name == "replay-board" else 302)


@pytest.mark.parametrize("name", ["replay", "replay-board"])
def test_a_run_of_another_session_is_none(
    client: Client, alice: User, session: ChatSession, name: str
) -> None:
    other = ChatSession.objects.create(project=session.project)
    message = Message.objects.create(session=other, role="user", content="Hi")
    run = Run.objects.create(session=other, message=message, number=1)
    for one in (session, other):
        created = tasks.create_task(project_id=session.project_id, title="Booking")[1]
        keep(one, created, run=run if one == other else None)
    other.last_seq += 1
    other.save()
    body = events.Run(run.pk, "running").frame(other.last_seq)
    Event.objects.create(session=other, run=run, seq=other.last_seq, type="run", body=body)
    for query in (f"?run={run.pk}", f"?run={uuid4()}", "?run=x"):
        assert get(client, alice, name, session, query) == 404
    assert get(client, alice, name, other, f"?run={run.pk}") == 200


def test_before_anything_has_happened_there_is_a_page_and_no_board(
    client: Client, alice: User, session: ChatSession
) -> None:
    assert get(client, alice, "replay", session) == 200
    assert get(client, alice, "replay-board", session) == 404
    keep(session, tasks.create_task(project_id=session.project_id, title="Booking")[1])
    for wrong in ("x", "9" * 5_000, ""):
        assert get(client, alice, "replay-board", session, f"?at={wrong}") == 404
    for beyond in (-1, 0, 7, 10**30):
        assert get(client, alice, "replay-board", session, f"?at={beyond}") == 200


def test_a_link_to_the_replay_of_a_run_leads_members_to_its_session(
    client: Client, alice: User, bob: User, session: ChatSession
) -> None:
    message = Message.objects.create(session=session, role="user", content="Hi")
    run = Run.objects.create(session=session, message=message, number=1)
    link = reverse("run-replay", args=[run.pk])
    client.force_login(alice)
    page = reverse("replay", args=[session.pk])
    assert client.get(link).headers["Location"] == f"{page}?run={run.pk}"
    client.force_login(bob)
    assert client.get(link).status_code == 404


# -- the states of a task --------------------------------------------------------------------------


def told(at: int, before: Any, after: Any, *, seq: int = 0, action: str = "updated") -> Told:
    return Told(at, seq, action, before, after)


def row(value: dict[str, Any], *, created: int = 0, changed: int = 0, there: bool = True) -> Row:
    return Row(created, changed, value, there)


def test_a_task_that_the_logs_tell_whole_is_known_at_each_moment() -> None:
    logged = [told(1, None, A, seq=4, action="created"), told(2, A, B), told(3, B, None, seq=9)]
    assert board_history.of_task(logged, row(B, created=1, changed=3, there=False)) == [
        State(1, A, 4),
        State(2, B),
        State(3, None, 9),
    ]


def test_a_task_that_nobody_changed_is_known_since_it_was_created() -> None:
    assert board_history.of_task([], row(A, created=5, changed=6)) == [State(5, A)]


def test_what_was_before_a_change_that_no_log_tells_is_not_sure() -> None:
    untold = row(A, created=5_000, changed=90_000)
    assert board_history.of_task([], untold) == [State(5_000, A, sure=False), State(90_000, A)]
    gone = row(A, created=5_000, changed=90_000, there=False)
    assert board_history.of_task([], gone)[-1] == State(90_000, None)
    logged = [told(1, None, A, action="created"), told(7, C, B)]
    assert board_history.of_task(logged, row(A, created=1, changed=9)) == [
        State(1, A, sure=False),
        State(7, B, sure=False),
        State(9, A),
    ]


def test_a_task_whose_creation_no_log_tells_is_not_sure_before_its_first_change() -> None:
    states = board_history.of_task([told(7, A, B)], row(B, created=2, changed=7))
    assert states == [State(2, A, sure=False), State(7, B)]


def test_older_events_with_fewer_fields_fit_and_another_position_makes_the_order_unsure() -> None:
    logged = [told(1, None, {"title": "A", "position": 8}, action="created")]
    (state,) = board_history.of_task(logged, row({**A, "labels": ["x"]}, created=1, changed=1))
    assert (state.sure, state.placed) == (True, False)


def test_only_the_states_of_the_replayed_part_are_sent() -> None:
    states = [State(1, A), State(2, B, 3), State(4, C, 7), State(5, A), State(9, B)]
    assert board_history.within(states, Span(4, 6, 3, 8)) == [State(2, B, 3), State(5, A)]
    assert board_history.within([State(9, A)], Span(1, 6, 3, 8)) == []


# -- from the database -----------------------------------------------------------------------------


def keep(session: ChatSession, change: Any, run: Run | None = None) -> events.Change:
    """Writes a change as an event of the session."""
    event = events.Change(
        run and run.pk,
        object=change.object,
        id=change.id,
        action=change.action,
        before=change.before,
        after=change.after,
        by="alice",
    )
    session.last_seq += 1
    session.save()
    body = event.frame(session.last_seq)
    Event.objects.create(session=session, run=run, seq=session.last_seq, type="change", body=body)
    return event


def states(client: Client, alice: User, session: ChatSession, at: int = 1) -> dict[str, Any]:
    client.force_login(alice)
    address = reverse("replay-board", args=[session.pk])
    answer: dict[str, Any] = client.get(address, {"at": at}).json()
    return answer


def test_changes_of_the_session_hold_by_their_events_and_those_of_others_by_their_times(
    client: Client, alice: User, project: Project, session: ChatSession
) -> None:
    other = ChatSession.objects.create(project=project)
    task, created = tasks.create_task(project_id=project.pk, title="Booking")
    keep(session, created)
    renamed = tasks.update_task(task=task, title="Reservation")[1]
    keep(other, renamed)
    task.refresh_from_db()
    keep(session, tasks.delete_task(task=task)[1])
    (known,) = states(client, alice, session)["tasks"]
    told = [(one["seq"], one["sure"], (one["value"] or {}).get("title")) for one in known["states"]]
    assert told == [(1, True, "Booking"), (0, True, "Reservation"), (2, True, None)]
    assert (known["id"], known["number"]) == (str(task.pk), 1)
    assert "description" not in known["states"][0]["value"]


def test_each_change_of_a_memory_is_known_also_those_made_outside_of_sessions(
    client: Client, alice: User, project: Project, session: ChatSession
) -> None:
    memory, created = memories.remember(
        project_id=project.pk, title="Stack", content="Django", kind="decision"
    )
    keep(session, created)
    memories.revise(memory=memory, content="Django and PostgreSQL")
    keep(session, memories.forget(memory=memory)[1])
    (known,) = states(client, alice, session)["memories"]
    told = [(one["seq"], (one["value"] or {}).get("content")) for one in known["states"]]
    assert told == [(1, "Django"), (0, "Django and PostgreSQL"), (2, None)]
    assert all(one["sure"] for one in known["states"])


def titles_after(board: dict[str, Any], seq: int) -> dict[str, str]:
    """Returns the titles of the tasks after an event of the session; all states are told by those."""
    before = {
        one["id"]: [state["value"] for state in one["states"] if state["seq"] <= seq]
        for one in board["tasks"]
    }
    return {key: values[-1]["title"] for key, values in before.items() if values}


def test_each_slice_of_a_long_history_tells_what_the_whole_one_does(
    client: Client, alice: User, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [
        tasks.create_task(project_id=session.project_id, title=title) for title in ("One", "Two")
    ]
    for _, created in both:
        keep(session, created)
    for number in range(20):
        task = both[number % 2][0]
        task.refresh_from_db()
        keep(session, tasks.update_task(task=task, title=f"State {number}")[1])
    whole = states(client, alice, session)
    assert (whole["first"], whole["last"]) == (1, 22)
    monkeypatch.setattr(past_board, "_BEFORE", past_board._BEFORE.replace("50", "2"))
    monkeypatch.setattr(past_board, "_AFTER", past_board._AFTER.replace("50", "3"))
    for seq in range(1, 23):
        part = states(client, alice, session, seq)
        assert part["first"] <= seq <= part["last"]
        assert part["last"] - part["first"] <= 4
        assert all(one["sure"] for known in part["tasks"] for one in known["states"])
        for moment in range(part["first"], part["last"] + 1):
            assert titles_after(part, moment) == titles_after(whole, moment), (seq, moment)


def test_what_happens_after_a_slice_tells_how_a_task_was_in_it(
    client: Client, alice: User, project: Project, session: ChatSession
) -> None:
    task, created = tasks.create_task(project_id=project.pk, title="Booking")
    keep(session, created)
    keep(session, tasks.create_task(project_id=project.pk, title="Another")[1])
    later = ChatSession.objects.create(project=project)
    task.refresh_from_db()
    keep(later, tasks.update_task(task=task, title="Reservation")[1])
    task.refresh_from_db()
    keep(later, tasks.update_task(task=task, title="Appointment")[1])
    known = next(one for one in states(client, alice, session)["tasks"] if one["number"] == 1)
    (state,) = known["states"]
    assert (state["value"]["title"], state["sure"]) == ("Booking", True)


def test_a_large_board_shows_what_the_session_changed_and_counts_the_others(
    client: Client, alice: User, project: Project, session: ChatSession
) -> None:
    rows = tasks.create_tasks(
        project_id=project.pk, items=[tasks.NewTask(f"Errand {n}") for n in range(203)]
    )[0]
    last = Task.objects.get(pk=rows[-1].pk)
    keep(session, tasks.update_task(task=last, title="The last one")[1])
    gone = Task.objects.get(pk=rows[1].pk)
    keep(session, tasks.delete_task(task=gone)[1])
    board = states(client, alice, session)
    shown = {one["number"] for one in board["tasks"]}
    assert len(shown) == 200
    assert {1, 2, 203} <= shown
    assert board["more"] == {"tasks": 3, "memories": 0}


def test_a_memory_that_was_changed_or_deleted_since_is_shown_as_it_was(
    client: Client, alice: User, project: Project, session: ChatSession
) -> None:
    changed, gone = (
        memories.remember(project_id=project.pk, title=title, content=title, kind="fact")[0]
        for title in ("Changed", "Gone")
    )
    keep(session, tasks.create_task(project_id=project.pk, title="Booking")[1])
    memories.revise(memory=changed, content="Later")
    memories.forget(memory=gone)
    memories.remember(project_id=project.pk, title="New", content="New", kind="fact")
    MemoryRevision.objects.filter(Q(number=2) | Q(title="New")).update(created_at=later())
    Memory.all_objects.update(updated_at=later())
    Memory.all_objects.filter(title="Gone").update(deleted_at=later())
    Memory.all_objects.filter(title="New").update(created_at=later())
    known = states(client, alice, session)["memories"]
    assert [[one["value"]["content"] for one in of["states"]] for of in known] in (
        [["Changed"], ["Gone"]],
        [["Gone"], ["Changed"]],
    )


def later() -> datetime:
    return timezone.now() + timedelta(hours=1)


def test_a_list_gets_neither_criteria_nor_all_of_a_long_memory(
    client: Client, alice: User, project: Project, session: ChatSession
) -> None:
    task = tasks.create_task(project_id=project.pk, title="Booking")[0]
    Task.objects.update(criteria=[{"id": "1", "text": "SECRET", "done": True}])
    task.refresh_from_db()
    keep(session, tasks.update_task(task=task, title="Reservation")[1])
    memories.remember(project_id=project.pk, title="Long", content="x" * 5_000, kind="fact")
    keep(session, tasks.create_task(project_id=project.pk, title="Another")[1])
    board = states(client, alice, session)
    values = [
        state["value"] for one in board["tasks"] for state in one["states"] if one["number"] == 1
    ]
    assert [one["criteria"] for one in values] == [[{"done": True}]] * len(values)
    assert len(board["memories"][0]["states"][-1]["value"]["content"]) == board_history.LONG


def test_a_slice_that_is_pruned_while_it_is_asked_for_is_none(session: ChatSession) -> None:
    with pytest.raises(Http404, match="pruned"):
        past_board.load(session, Span(1, 5, 0, 1000), 2)


def test_other_projects_are_not_in_the_board(
    client: Client, alice: User, session: ChatSession
) -> None:
    elsewhere = Project.objects.create(name="Other", owner=alice)
    task, created = tasks.create_task(project_id=elsewhere.pk, title="Not here")
    keep(ChatSession.objects.create(project=elsewhere), created)
    keep(session, tasks.create_task(project_id=session.project_id, title="Here")[1])
    (known,) = states(client, alice, session)["tasks"]
    assert known["id"] != str(task.pk)
    assert UUID(known["id"])
