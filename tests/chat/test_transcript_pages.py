"""A long session: its page shows the newest part, and any earlier one when it is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agent.event_log import events
from agent.models import ChatSession, Event, Feedback, Membership, Message, Run, Steering
from agent.models.projects import Role
from chat import fold, transcript_pages
from chat.transcript import Gap, Transcript
from tests.support.long_session import fill

pytestmark = pytest.mark.django_db

EACH = 21  # events of an exchange


def shown(told: Transcript) -> list[str]:
    return [entry.said.content if entry.said else "" for entry in told.exchanges]


def gaps(told: Transcript) -> list[Gap]:
    return [entry for entry in told.entries if isinstance(entry, Gap)]


def questions(first: int, last: int) -> list[str]:
    return [f"Question {number}" for number in range(first, last + 1)]


def test_a_short_session_is_shown_whole(session: ChatSession) -> None:
    fill(session.pk, transcript_pages.NEWEST)
    told = transcript_pages.newest(session.pk)
    assert shown(told) == questions(1, transcript_pages.NEWEST)
    assert gaps(told) == []


def test_of_a_long_session_the_newest_part_is_shown(session: ChatSession) -> None:
    fill(session.pk, 100)
    told = transcript_pages.newest(session.pk)
    first = 100 - transcript_pages.NEWEST
    assert shown(told) == questions(first + 1, 100)
    assert gaps(told) == [Gap(1, first * EACH + 1)]
    assert told.last_seq == 100 * EACH


def test_all_runs_that_are_not_over_are_shown_at_first(session: ChatSession) -> None:
    waiting = transcript_pages.NEWEST + 5
    runs = fill(session.pk, 50)
    wanted = questions(50 - waiting + 1, 50)
    Run.objects.filter(pk__in=runs[-waiting:]).update(status="queued")
    assert shown(transcript_pages.newest(session.pk)) == wanted
    # A plan that waits, and behind it messages that were cancelled.
    Run.objects.filter(pk__in=runs[1 - waiting :]).update(status="cancelled")
    assert shown(transcript_pages.newest(session.pk)) == wanted


def test_what_a_run_that_is_not_shown_changes_after_the_last_message_is_fresh(
    session: ChatSession,
) -> None:
    runs = fill(session.pk, transcript_pages.NEWEST + 1)
    task = uuid4()
    change = events.Change(
        runs[0],
        object="task",
        id=task,
        action="created",
        before=None,
        after={"title": "Late", "status": "pending"},
        by="alice",
    )
    seq = fold.load(session.pk).last_seq + 1
    row = Event(session=session, seq=seq, run_id=runs[0], type="change", body=change.frame(seq))
    row.save()
    told = transcript_pages.newest(session.pk)
    assert str(runs[0]) not in [run.run for run in told.exchanges]
    assert told.fresh == fold.load(session.pk).fresh
    assert str(task) in told.fresh


def test_parts_make_up_the_whole_without_gap_or_overlap(session: ChatSession) -> None:
    fill(session.pk, 100)
    told = transcript_pages.newest(session.pk)
    whole = shown(told)
    while gaps(told):
        told = transcript_pages.part(session.pk, gaps(told)[0])
        whole = shown(told) + whole
    assert whole == questions(1, 100)


def test_a_gap_is_filled_from_its_beginning_too(session: ChatSession) -> None:
    fill(session.pk, 100)
    told = transcript_pages.part(session.pk, Gap(1, 70 * EACH + 1), early=True)
    assert shown(told) == questions(1, transcript_pages.PART)
    assert gaps(told) == [Gap(transcript_pages.PART * EACH + 1, 70 * EACH + 1)]


def test_a_part_around_a_place_leaves_a_gap_on_both_sides(session: ChatSession) -> None:
    fill(session.pk, 200)
    told = transcript_pages.part(session.pk, Gap(1, 170 * EACH + 1), at=99 * EACH + 1)
    assert "Question 100" in shown(told)
    assert len(shown(told)) == transcript_pages.PART
    before, after = gaps(told)
    assert (before.start, after.end) == (1, 170 * EACH + 1)
    assert isinstance(told.entries[0], Gap)
    assert isinstance(told.entries[-1], Gap)


def test_a_part_shows_what_the_whole_shows(session: ChatSession) -> None:
    fill(session.pk, 100)
    whole = {run.run: run for run in fold.load(session.pk).exchanges}
    told = transcript_pages.part(session.pk, Gap(1, 70 * EACH + 1))
    assert told.exchanges
    for run in told.exchanges:
        assert run == whole[run.run]


def test_a_run_that_went_on_beyond_its_part_is_whole_and_in_no_other(session: ChatSession) -> None:
    """A message is queued behind a run: the two runs' events are mixed."""
    fill(session.pk, 40)
    first, second = uuid4(), uuid4()
    told = [
        *_said(session, first, 41),
        *_said(session, second, 42),
        events.Run(first, "running"),
        events.Run(first, "cancelled"),
        events.Cancelled(first, by="alice", reason="enough"),
        events.Run(second, "running"),
    ]
    for seq, event in enumerate(told, session.events.count() + 1):
        Event.objects.create(
            session=session, seq=seq, run_id=event.run, type=event.type, body=event.frame(seq)
        )
    begins = 40 * EACH + 3  # the second message
    early = fold.load(session.pk, 40 * EACH + 1, begins)
    late = fold.load(session.pk, begins)
    assert [(run.run, run.line) for run in early.exchanges] == [
        (str(first), "Cancelled by alice: enough")
    ]
    assert [run.run for run in late.exchanges] == [str(second)]


def _said(session: ChatSession, run: UUID, number: int) -> list[events.Event]:
    message = Message.objects.create(session=session, role="user", content="Hi")
    Run.objects.create(pk=run, session=session, message=message, number=number)
    said = events.Message(
        run, id=message.pk, role="user", author="alice", content="Hi", client_id=None
    )
    return [said, events.Run(run, "queued", position=number - 41)]


def test_what_was_changed_later_cannot_be_undone_in_an_earlier_part(session: ChatSession) -> None:
    fill(session.pk, 100)
    told = transcript_pages.part(session.pk, Gap(1, 70 * EACH + 1))
    changes = [one for run in told.exchanges for one in run.changes]
    assert changes
    assert not any(one.undoable for one in changes)
    newest = [one for run in transcript_pages.newest(session.pk).exchanges for one in run.changes]
    assert [one.undoable for one in newest][-2:] == [False, True]


def test_a_failed_run_that_was_tried_again_is_not_offered_in_an_earlier_part(
    session: ChatSession,
) -> None:
    (first, *_) = fill(session.pk, 100)
    failed = events.Error(first, error="No", code="internal", retryable=True)
    Event.objects.filter(session=session, seq=EACH).update(type="error", body=failed.frame(EACH))
    gap = Gap(1, EACH + 1)
    assert transcript_pages.part(session.pk, gap).exchanges[0].retryable
    Run.objects.filter(session=session, number=100).update(retry_of=first)
    assert not transcript_pages.part(session.pk, gap).exchanges[0].retryable


def test_the_place_of_every_message_run_and_event_is_found(session: ChatSession) -> None:
    runs = fill(session.pk, 50)
    run = Run.objects.get(pk=runs[9])
    found = (9 * EACH + 1, run.pk)
    assert transcript_pages.where(session.pk, "run", str(run.pk)) == found
    assert transcript_pages.where(session.pk, "message", str(run.message_id)) == found
    assert transcript_pages.where(session.pk, "message", str(run.answer_id)) == found
    sent = Message.objects.create(session=session, role="user", content="And this")
    Steering.objects.create(message=sent, run=run, status="applied", plan_revision=1)
    assert transcript_pages.where(session.pk, "message", str(sent.pk)) == found
    assert transcript_pages.where(session.pk, "event", str(9 * EACH + 12)) == found
    assert transcript_pages.where(session.pk, "event", "1000000") is None
    assert transcript_pages.where(session.pk, "run", str(uuid4())) is None


def test_a_time_leads_to_the_first_message_since_then_or_to_the_last_one(
    session: ChatSession,
) -> None:
    assert transcript_pages.where(session.pk, "time", "1970-01-01T00:00:00.000Z") is None
    runs = fill(session.pk, 50)
    said = Run.objects.get(pk=runs[9]).created_at

    def led_to(time: datetime) -> UUID | None:
        place = transcript_pages.where(session.pk, "time", time.isoformat())
        assert place is not None
        return place[1]

    assert led_to(said) == runs[9]
    assert led_to(said + timedelta(seconds=1)) == runs[10]
    assert led_to(datetime.fromtimestamp(0, UTC)) == runs[0]
    assert led_to(said + timedelta(days=400)) == runs[-1]


def test_a_run_that_is_over_and_closed_has_its_body_in_a_template_for_scripts_only(
    client: Client, alice: User, session: ChatSession
) -> None:
    runs = fill(session.pk, 3)
    failed = events.Error(runs[0], error="No", code="internal", retryable=True)
    Event.objects.filter(session=session, seq=EACH).update(type="error", body=failed.frame(EACH))
    client.force_login(alice)
    page = reverse("session", args=[session.pk])
    part = reverse("entries", args=[session.pk]) + f"?start=1&end={3 * EACH + 1}"

    def folded(address: str, **headers: str) -> list[bool]:
        text = client.get(address, headers=headers).content.decode()
        entries = (
            text.partition('id="entries"')[2] or text
        )  # templates of other things are around it
        articles = entries.partition('<template id="')[0].split("<article")[1:]
        assert all(article.count("</details>") > 0 for article in articles)
        return ["<template>" in article for article in articles]

    # The failed run is open.
    assert folded(page) == folded(part, **{"X-Part": "1"}) == [False, True, True]
    assert folded(f"{page}?whole=1") == folded(part) == [False] * 3
    assert "?whole=1" in client.get(page).content.decode()


def test_a_part_comes_as_a_fragment_for_a_script_and_as_a_page_for_others(
    client: Client, alice: User, session: ChatSession
) -> None:
    fill(session.pk, 100)
    client.force_login(alice)
    page = client.get(reverse("session", args=[session.pk])).content.decode()
    last = 100 - transcript_pages.NEWEST
    assert f"Question {last + 1}<" in page
    assert f"Question {last}<" not in page
    address = reverse("entries", args=[session.pk]) + f"?start=1&end={last * EACH + 1}"
    assert address.replace("&", "&amp;") in page
    fragment = client.get(address, headers={"X-Part": "1"}).content.decode()
    assert f"Question {last}<" in fragment
    assert "<html" not in fragment
    assert "<html" in client.get(address).content.decode()


def test_a_run_that_was_shown_before_is_shown_to_each_person_as_it_is_now(
    client: Client, alice: User, bob: User, session: ChatSession
) -> None:
    (run,) = fill(session.pk, 1)
    Membership.objects.create(project=session.project, user=bob, role=Role.VIEWER)

    def page_of(user: User) -> str:
        client.force_login(user)
        return client.get(reverse("session", args=[session.pk])).content.decode()

    def article(page: str) -> str:
        return page.partition("<article")[2].partition("</article>")[0]

    before = page_of(alice)
    assert 'aria-pressed="true"' not in article(before)
    assert article(page_of(alice)) == article(before) != ""
    Feedback.objects.create(run_id=run, user=alice, value=1, comment="Well done")
    assert article(page_of(alice)).count('aria-pressed="true"') == 1
    of_bob = page_of(bob)
    assert "Well done" not in of_bob
    assert "Regenerate" not in of_bob.partition("<template")[0]


def test_parts_and_places_are_for_those_who_may_see_the_session(
    client: Client, bob: User, session: ChatSession
) -> None:
    fill(session.pk, 2)
    client.force_login(bob)
    for address in (
        reverse("entries", args=[session.pk]) + "?start=1&end=9",
        reverse("where", args=[session.pk, "event-1"]),
    ):
        assert client.get(address).status_code == 404


@pytest.mark.parametrize("query", ["", "?start=1", "?start=x&end=3", "?start=1&end=3&at=-1"])
def test_a_part_needs_numbers(
    client: Client, alice: User, session: ChatSession, query: str
) -> None:
    client.force_login(alice)
    assert client.get(reverse("entries", args=[session.pk]) + query).status_code == 400


@pytest.mark.parametrize(
    "name",
    [
        *("event-x", "run-1", "message-", "thing-1", "event-99", "time-x"),
        *("time-2026-01-01", "time-0001-01-01T00:00:00+23:59", "time-2026-01-01T00:00:00Z"),
    ],
)
def test_a_place_that_is_none_is_not_found(
    client: Client, alice: User, session: ChatSession, name: str
) -> None:
    client.force_login(alice)
    assert client.get(reverse("where", args=[session.pk, name])).status_code == 404
