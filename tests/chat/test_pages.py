"""The pages as an HTTP client gets them: who sees what, and that nothing runs inline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse

from agent.exceptions import Refused
from agent.models import ChatSession, Event, Membership, Memory, Message, Project, Run, Task
from agent.models.projects import Role
from tests.support import story, story_events

NOWHERE = UUID(int=1)


@pytest.fixture
def client(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def viewer(bob: User, project: Project) -> Client:
    Membership.objects.create(project=project, user=bob, role=Role.VIEWER)
    client = Client()
    client.force_login(bob)
    return client


@pytest.fixture
def stranger(bob: User) -> Client:
    client = Client()
    client.force_login(bob)
    return client


@pytest.fixture
def told(session: ChatSession) -> ChatSession:
    """The session with the whole story in its log."""
    numbers: dict[str, Run] = {}
    for seq, type, run, body in story.rows():
        if run and run not in numbers:
            message = Message.objects.create(session=session, role="user", content="Hi")
            numbers[run] = Run.objects.create(
                pk=UUID(run), session=session, message=message, number=len(numbers) + 1
            )
        Event.objects.create(
            session=session, seq=seq, run=numbers.get(run or ""), type=type, body=body
        )
    session.last_seq = seq
    session.title = "All of it"
    session.save()
    return session


def text_of(response: Any) -> str:
    return response.content.decode()


def addresses(project: Project, session: ChatSession) -> list[str]:
    return [
        reverse("project", args=[project.pk]),
        reverse("session", args=[session.pk]),
        reverse("board", args=[project.pk]),
    ]


# -- who sees what ---------------------------------------------------------------------------------


def test_the_owner_sees_every_page(client: Client, project: Project, session: ChatSession) -> None:
    for address in addresses(project, session):
        assert client.get(address).status_code == 200, address


def test_a_strangers_project_looks_like_none(
    stranger: Client, project: Project, session: ChatSession
) -> None:
    for address in addresses(project, session):
        theirs = stranger.get(address)
        nothing = stranger.get(re.sub(r"[0-9a-f-]{36}", str(NOWHERE), address))
        assert theirs.status_code == nothing.status_code == 404
        assert theirs.content == nothing.content


def test_nobody_is_sent_to_the_sign_in_page(
    db: None, project: Project, session: ChatSession
) -> None:
    for address in ["/", *addresses(project, session)]:
        response = Client().get(address)
        assert response.status_code == 302
        assert response["Location"] == f"{reverse('sign-in')}?next={address}"


def test_a_viewer_reads_and_is_told_why_there_is_no_composer(
    viewer: Client, told: ChatSession
) -> None:
    page = text_of(viewer.get(reverse("session", args=[told.pk])))
    assert "You have view access." in page
    for part in ("<textarea", "data-act=", 'name="seq"', "New session</button>"):
        assert part not in page
    assert "Create both" in page


def test_a_viewer_may_open_no_session(viewer: Client, project: Project) -> None:
    response = viewer.post(reverse("new-session", args=[project.pk]))
    assert response.status_code == 403
    assert "another role" in text_of(response)
    assert not project.sessions.exists()
    refused = viewer.post(reverse("model"))  # what no role in a project allows
    assert refused.status_code == 403
    assert "Only the staff may try the model." in text_of(refused)
    assert "another role" not in text_of(refused)


def test_a_deactivated_member_sees_nothing(
    client: Client, alice: User, session: ChatSession
) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert client.get(reverse("session", args=[session.pk])).status_code == 302


# -- home, projects, sessions ----------------------------------------------------------------------


def test_home_leads_to_the_session_written_to_last(
    client: Client, project: Project, session: ChatSession
) -> None:
    later = ChatSession.objects.create(project=project)
    assert client.get("/")["Location"] == reverse("session", args=[later.pk])


def test_home_without_a_project_asks_for_one(client: Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "What are you building?" in text_of(page)


def test_a_new_project_opens_its_first_session(client: Client, alice: User) -> None:
    response = client.post(reverse("new-project"), {"name": " Recipes ", "description": "Cook."})
    project = Project.objects.get(owner=alice)
    assert (project.name, project.description) == ("Recipes", "Cook.")
    assert response["Location"] == reverse("session", args=[project.sessions.get().pk])


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
def test_a_project_needs_a_name_of_a_sensible_length(client: Client, name: str) -> None:
    response = client.post(reverse("new-project"), {"name": name})
    assert response.status_code == 400
    assert not Project.objects.exists()


def test_a_new_session_opens_the_empty_one_again(client: Client, project: Project) -> None:
    opened = {client.post(reverse("new-session", args=[project.pk]))["Location"] for _ in range(2)}
    assert opened == {reverse("session", args=[project.sessions.get().pk])}


def test_the_project_page_shows_brief_sessions_tasks_and_memory(
    client: Client, project: Project, told: ChatSession
) -> None:
    project.description = "A <clinic>"
    project.save()
    Task.objects.create(project=project, number=1, title="Booking & co")
    Memory.objects.create(project=project, title="Stack", content="Django", kind="decision")
    page = text_of(client.get(reverse("project", args=[project.pk])))
    for part in ("A &lt;clinic&gt;", "All of it", "Booking &amp; co", "Stack", "<dd>1</dd>"):
        assert part in page


def test_the_sidebar_lists_own_projects_only(
    client: Client, bob: User, session: ChatSession
) -> None:
    Project.objects.create(name="Of Bob", owner=bob)
    page = text_of(client.get(reverse("session", args=[session.pk])))
    assert "Clinic booking" in page
    assert "Of Bob" not in page


# -- the session page ------------------------------------------------------------------------------


def test_the_first_paint_is_the_whole_conversation(client: Client, told: ChatSession) -> None:
    page = text_of(client.get(reverse("session", args=[told.pk])))
    for part in (
        "I need &lt;booking&gt; &amp; a reminder.\nThanks!  </p>",
        "Done in 1 min 3 s · 2 steps · 2 tasks, 1 memory",
        "<p>Here 🗡️ it <em>is</em></p>",
        "Failed: The model took too long.",
        "Cancelled by alice: enough",
        "Restored task “Reminder &lt;b&gt;”",
        "This event can't be shown",
        "So far</div>",
    ):
        assert part in page


def test_an_empty_session_offers_examples(client: Client, session: ChatSession) -> None:
    page = text_of(client.get(reverse("session", args=[session.pk])))
    assert page.count("data-example=") == 3


def test_tasks_stand_in_board_order_the_done_ones_last(
    client: Client, project: Project, session: ChatSession
) -> None:
    for position, (title, status) in enumerate(
        [("One", "completed"), ("Two", "pending"), ("Three", "blocked")]
    ):
        Task.objects.create(
            project=project, number=position, title=title, status=status, position=position
        )
    page = text_of(client.get(reverse("board", args=[project.pk])))
    assert re.findall(r'task-title" dir="auto">(\w+)', page) == ["Two", "Three", "One"]


def test_pages_run_nothing_inline_and_ask_no_other_host(
    client: Client, project: Project, told: ChatSession
) -> None:
    for address in [*addresses(project, told), reverse("sign-in"), "/nowhere/"]:
        response = client.get(address, follow=True)
        page = text_of(response)
        policy = response["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= {
            part.strip() for part in policy.split(";")
        }
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Referrer-Policy"] == "same-origin"
        assert not re.search(r"<style|\sstyle=|\son\w+=", page), address
        scripts = re.findall(r"<script([^>]*)>", page)
        assert all("src=" in one or "application/json" in one for one in scripts)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page), address


def test_text_of_a_user_cannot_end_the_data_of_the_page(
    client: Client, project: Project, session: ChatSession
) -> None:
    Task.objects.create(project=project, number=1, title="</script><script>alert(1)</script>")
    page = text_of(client.get(reverse("session", args=[session.pk])))
    assert "<script>alert" not in page


def test_a_page_costs_few_queries_however_long_the_log(
    client: Client, told: ChatSession, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(16):
        client.get(reverse("session", args=[told.pk]))


# -- undo ------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[int]]:
    """What the pages ask to undo; undoing itself is `agent.edits.undo`'s."""
    calls: list[Sequence[int]] = []

    async def undo(session: UUID, user: User, seqs: Sequence[int]) -> None:
        calls.append(seqs)
        if seqs == [999]:
            raise Refused("stale_change", "“Booking” was changed since.")

    monkeypatch.setattr("chat.views.undo_changes", undo)
    return calls


def changes_of(run: object) -> list[int]:
    return [seq for seq, type, of_run, _ in story.rows() if type == "change" and of_run == str(run)]


@pytest.mark.django_db(transaction=True)
def test_undo_takes_back_one_change_or_all_of_a_run(
    client: Client, told: ChatSession, asked: list[Sequence[int]]
) -> None:
    address = reverse("undo", args=[told.pk])
    response = client.post(address, {"seq": "16"}, headers={"accept": "application/json"})
    assert (response.status_code, response.json()) == (200, {"ok": True})
    assert client.post(address, {"run": str(story_events.FIRST)}).status_code == 200
    assert asked == [[16], changes_of(story_events.FIRST)]


@pytest.mark.django_db(transaction=True)
def test_undo_without_a_script_leads_back_to_the_session(
    client: Client, told: ChatSession, asked: list[Sequence[int]]
) -> None:
    address, html = reverse("undo", args=[told.pk]), {"accept": "text/html,*/*;q=0.8"}
    response = client.post(address, {"seq": "16"}, headers=html)
    assert response["Location"] == reverse("session", args=[told.pk])
    refused = client.post(address, {"seq": "999"}, headers=html)
    assert refused.status_code == 409
    assert "was changed since" in text_of(refused)


@pytest.mark.django_db(transaction=True)
def test_a_refused_undo_says_why(
    client: Client, told: ChatSession, asked: list[Sequence[int]]
) -> None:
    response = client.post(reverse("undo", args=[told.pk]), {"seq": "999"})
    assert (response.status_code, response.json()) == (
        409,
        {"detail": "“Booking” was changed since."},
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fields", [{}, {"seq": "x"}, {"seq": "٣"}, {"run": "me"}])
def test_undo_of_nothing_in_particular_is_a_bad_request(
    client: Client, told: ChatSession, asked: list[Sequence[int]], fields: dict[str, str]
) -> None:
    assert client.post(reverse("undo", args=[told.pk]), fields).status_code == 400
    assert asked == []


@pytest.mark.django_db(transaction=True)
def test_undo_is_for_editors(viewer: Client, told: ChatSession, asked: list[Sequence[int]]) -> None:
    address = reverse("undo", args=[told.pk])
    assert viewer.post(address, {"seq": "16"}).status_code == 403
    assert Client().post(address, {"seq": "16"}).status_code == 401
    assert asked == []


def test_undo_by_a_foreign_page_is_refused(alice: User, session: ChatSession) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post(reverse("undo", args=[session.pk]), {"seq": "1"}).status_code == 403


def test_a_broken_page_says_so_without_a_trace(
    client: Client, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("chat.fold.load", broken)
    client.raise_request_exception = False
    with override_settings(LOGGING_CONFIG=None):
        response = client.get(reverse("session", args=[session.pk]))
    assert response.status_code == 500
    assert "Something went wrong" in text_of(response)
    assert "secret detail" not in text_of(response)


@pytest.mark.parametrize(
    ("range_", "status", "length"), [(None, 200, None), ("bytes=0-9", 206, 10)]
)
def test_static_files_are_sent_whole_or_in_the_part_asked_for(
    client: Client, range_: str | None, status: int, length: int | None
) -> None:
    headers = {"Range": range_} if range_ else {}
    answer = client.get("/static/chat/tokens.css", headers=headers)
    assert answer.status_code == status
    assert not answer.streaming
    assert answer["Content-Type"].startswith("text/css")
    assert len(answer.content) == int(answer["Content-Length"])
    if length is not None:
        assert len(answer.content) == length


def test_the_sidebar_is_short_with_many_projects_and_sessions(
    client: Client, alice: User, project: Project
) -> None:
    sessions = [ChatSession(project=project, title=f"Session {n}") for n in range(50)]
    ChatSession.objects.bulk_create(sessions)
    Project.objects.bulk_create(Project(name=f"Project {n}", owner=alice) for n in range(29))
    client.force_login(alice)
    for session in (sessions[-1], sessions[25]):
        page = client.get(f"/sessions/{session.pk}/").content.decode()
        side = page[page.index('id="side"') : page.index("New project…")]
        side = re.sub(r"</?span[^>]*>", "", side)
        assert "Show all 30 projects" in side
        assert "Show 20 more" in side
        assert side[: side.index("Show 20 more")].count("<li ") == 10
        assert side.count("<h2>") == 30 + 1  # with that of what waits, which is hidden
        fold = side[: side.index("Show 20 more")].rpartition("<details")[2]
        assert (" open" in fold) == (session is sessions[25])
