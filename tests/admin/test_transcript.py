"""A session in the admin: found by what is known of it, read, and acted on by those who may."""

from __future__ import annotations

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agent.models import ChatSession, Event, Message, PlanRevision, PlanStep, Project, Run
from tests.support.admin_site import act, add_rows, allow, body, page, rows_shown, text_of, told_of

pytestmark = pytest.mark.django_db(transaction=True)

READER = ("chatsession", "message", "run", "planrevision", "planstep")


def transcript(session: ChatSession) -> str:
    return reverse("admin:agent_chatsession_transcript", args=[session.pk])


# -- finding ---------------------------------------------------------------------------------------


def test_a_session_is_found_by_project_person_status_and_what_was_said(
    rows: ChatSession, client: Client, alice: User
) -> None:
    add_rows(rows)
    ChatSession.objects.filter(pk=rows.pk).update(created_by=alice)
    for query in (
        {"q": "doctors PUBLISH"},
        {"q": "clinic booking"},
        {"project__id__exact": str(rows.project_id)},
        {"created_by__id__exact": str(alice.pk)},
        {"latest": "succeeded"},
    ):
        assert rows_shown(client, ChatSession, query) == 1, query
    assert rows_shown(client, ChatSession, {"latest": "queued"}) == 3
    assert rows_shown(client, ChatSession, {"latest": "failed"}) == 0
    for nobody in ({"project__id__exact": "x"}, {"created_by__id__exact": "0"}):
        assert rows_shown(client, ChatSession, nobody) == 0


def test_of_many_projects_the_filter_offers_the_newest_and_the_one_that_is_chosen(
    rows: ChatSession, client: Client, alice: User
) -> None:
    Project.objects.bulk_create(Project(name=f"Project {n}", owner=alice) for n in range(40))
    text = text_of(client, page(ChatSession, "changelist"))
    assert "Project 39" in text
    assert "Project 5<" not in text
    chosen = page(ChatSession, "changelist") + f"?project__id__exact={rows.project_id}"
    assert str(rows.project) in text_of(client, chosen)


# -- reading ---------------------------------------------------------------------------------------


def test_a_transcript_tells_what_was_said_and_done_and_how_long_it_took(
    rows: ChatSession, client: Client
) -> None:
    Run.objects.update(partial="It **begins**, <script>alert(1)</script>")
    text = text_of(client, transcript(rows))
    for said in (
        "Doctors publish free slots",
        "Took 4.2 s",
        "1,200 input tokens, 34 output tokens, 2 calls",
        "<span>analyzing</span> 1.5 s",
        "Plan 1: Plan the slots",
        "Create “Calendar”",
        "create_task · 2 min 5 s",
        "Calendar &lt;b&gt;",
        "by alice: too risky",
        "bob: helpful, answer: spot on",
        "It <strong>begins</strong>",
    ):
        assert said in text, said
    assert "<script>alert" not in text
    for row in (rows.runs.get(), PlanStep.objects.get()):
        assert f'href="{page(type(row), "change", row.pk)}"' in text


def test_a_long_session_is_read_a_page_at_a_time_the_latest_first(
    rows: ChatSession, client: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(transcript(rows) + "?page=1").status_code == 200
        return len(queries)

    before, message = queries(), Message.objects.get()
    runs = Run.objects.bulk_create(
        Run(session=rows, number=number, message=message) for number in range(2, 46)
    )
    plans = PlanRevision.objects.bulk_create(PlanRevision(run=run, revision=1) for run in runs)
    PlanStep.objects.bulk_create(
        PlanStep(plan=plan, key="s1", position=1, type="answer") for plan in plans
    )
    assert queries() == before
    latest = text_of(client, transcript(rows))
    assert "Page 3 of 3" in latest
    assert "Run 45" in latest
    assert "Run 40<" not in latest
    assert "Run 20<" in text_of(client, transcript(rows) + "?page=1")


# -- acting ----------------------------------------------------------------------------------------


def with_status(rows: ChatSession, status: str) -> Run:
    Run.objects.update(status=status)
    run: Run = rows.runs.get()
    return run


def test_a_run_is_cancelled_and_tried_again_where_it_is_read(
    rows: ChatSession, client: Client, alice: User
) -> None:
    run = with_status(rows, "waiting")
    order = {"run": str(run.pk), "do": "cancel"}
    assert (
        "Run 1 was cancelled." in client.post(transcript(rows), order, follow=True).content.decode()
    )
    run.refresh_from_db()
    assert run.status == "cancelled"
    refused = client.post(transcript(rows), order, follow=True).content.decode()
    assert "The run is already over; its status is cancelled." in refused
    client.post(transcript(rows), {"run": str(run.pk), "do": "retry"})
    again = rows.runs.get(number=2)
    assert (again.retry_of, again.created_by) == (run, alice)
    assert told_of(run) == ["boss: Retried as run 2.", "boss: Cancelled."]


@pytest.mark.parametrize(
    ("model", "action", "before", "after"),
    [
        (ChatSession, "cancel_unfinished", "running", ["cancelled"]),
        (ChatSession, "retry_latest", "failed", ["failed", "queued"]),
        (ChatSession, "retry_latest", "succeeded", ["succeeded"]),
        (Run, "retry_selected", "failed", ["failed", "queued"]),
        (Run, "retry_selected", "running", ["running"]),
    ],
)
def test_selected_ones_are_cancelled_or_tried_again_where_that_can_be(
    rows: ChatSession,
    client: Client,
    model: type[Model],
    action: str,
    before: str,
    after: list[str],
) -> None:
    run = with_status(rows, before)
    act(client, model, action, rows if model is ChatSession else run)
    assert list(rows.runs.order_by("number").values_list("status", flat=True)) == after
    assert bool(told_of(run)) is (len(after) > 1 or after[0] != before)


def test_what_is_asked_for_wrongly_is_not_there(rows: ChatSession, client: Client) -> None:
    run = with_status(rows, "running")
    other = ChatSession.objects.create(project=rows.project)
    for address, order in (
        (transcript(rows), {"run": "x", "do": "cancel"}),
        (transcript(rows), {"run": str(run.pk), "do": "delete"}),
        (transcript(rows), {}),
        (transcript(other), {"run": str(run.pk), "do": "cancel"}),
    ):
        assert client.post(address, order).status_code == 404, order
    assert client.get(transcript(rows) + "?page=x").status_code == 200
    assert Run.objects.get().status == "running"


# -- who may ---------------------------------------------------------------------------------------


def test_a_transcript_is_for_those_who_may_see_all_that_is_in_it(
    rows: ChatSession, client: Client, bob: User
) -> None:
    whole = [f"view_{name}" for name in READER]
    exported = [reverse("admin:agent_chatsession_export", args=[rows.pk, "md"])]
    for left_out in whole:
        allow(client, bob, *(name for name in whole if name != left_out))
        for address in [transcript(rows), *exported]:
            assert client.get(address).status_code == 403, left_out
    allow(client, bob, *whole)
    assert client.get(transcript(rows)).status_code == 200
    assert "<button" not in client.get(transcript(rows)).content.decode().partition("<article")[2]


def test_who_may_only_read_neither_cancels_nor_retries(
    rows: ChatSession, client: Client, bob: User
) -> None:
    allow(client, bob, *(f"view_{name}" for name in READER), "change_chatsession")
    for status, do in (("running", "cancel"), ("failed", "retry")):
        run = with_status(rows, status)
        order = {"run": str(run.pk), "do": do}
        assert client.post(transcript(rows), order).status_code == 403
        act(client, ChatSession, "cancel_unfinished", rows)
        act(client, ChatSession, "retry_latest", rows)
        act(client, Run, "retry_selected", run)
        assert Run.objects.get().status == status
    assert LogEntry.objects.count() == 0


def test_staff_without_a_permission_and_strangers_see_no_session(
    rows: ChatSession, client: Client, alice: User, bob: User
) -> None:
    allow(client, bob)
    assert client.get(page(ChatSession, "changelist")).status_code == 403
    assert client.get(transcript(rows)).status_code == 403
    client.force_login(alice)  # the owner, and no member of staff
    assert client.get(transcript(rows)).status_code == 302
    client.logout()
    assert client.get(transcript(rows)).status_code == 302


# -- taking along ----------------------------------------------------------------------------------


async def test_a_session_is_exported_as_its_log_and_as_a_text(
    rows: ChatSession, async_client: AsyncClient, boss: User
) -> None:
    await async_client.aforce_login(boss)
    for kind in ("jsonl", "md"):
        address = reverse("admin:agent_chatsession_export", args=[rows.pk, kind])
        response = await async_client.get(address)
        assert response["Content-Disposition"] == f'attachment; filename="sessions.{kind}"'
        text = await body(response)  # type: ignore[arg-type]
        if kind == "jsonl":
            first, *events = text.splitlines()
            assert json.loads(first)["session"]["id"] == str(rows.pk)
            log = [e.body async for e in Event.objects.filter(session=rows).order_by("seq")]
            assert events == log
        else:
            for said in ("# The first talk", "> Doctors publish free slots", "analyzing 1.5 s"):
                assert said in text
            assert "- [succeeded] Create “Calendar” (2 min 5 s)" in text
    assert [entry.change_message async for entry in LogEntry.objects.order_by("pk")] == [
        "Exported (jsonl).",
        "Exported (md).",
    ]
    unknown = reverse("admin:agent_chatsession_export", args=[rows.pk, "exe"])
    assert (await async_client.get(unknown)).status_code == 404


async def test_selected_sessions_are_exported_together(
    rows: ChatSession, async_client: AsyncClient, boss: User
) -> None:
    await async_client.aforce_login(boss)
    other = await ChatSession.objects.acreate(project_id=rows.project_id, title="Another")
    chosen = {"action": "export_markdown", "_selected_action": [str(rows.pk), str(other.pk)]}
    response = await async_client.post(page(ChatSession, "changelist"), chosen)
    text = await body(response)  # type: ignore[arg-type]
    assert "# The first talk" in text
    assert "# Another" in text
