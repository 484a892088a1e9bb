"""A token for one project opens nothing of another one. `tests/abuse/test_access_matrix.py` tries it on all
addresses.
"""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from agent.accounts.access import limit
from agent.accounts.tokens import create_token, find_token
from agent.engine import local
from agent.models import ApiToken, ChatSession, Invitation, Membership, Message, Project, Run
from agent.runs import approvals
from agent.runs.steering import Steer
from agent.testing import ScriptedModel
from chat import waiting_feed
from chat.connection_identity import ConnectionIdentity, Login
from chat.models import Alias
from chat.viewer import Viewer
from tests.support.scripted_runs import create, ended, outcome, plan, use
from tests.support.steered_runs import ASK_FIRST, FIRST, steered

JSON = "application/json"
MAKE = use("s3", "create_project", name="Another")


@pytest.fixture
def other(alice: User) -> Project:
    return Project.objects.create(name="Booking elsewhere", owner=alice)


@pytest.fixture
def program(alice: User, project: Project, other: Project) -> Client:
    return Client(headers={"authorization": f"Token {create_token(alice, project=project)[1]}"})


@pytest.mark.django_db
def test_lists_and_the_search_have_the_project_alone(
    program: Client, alice: User, project: Project, other: Project
) -> None:
    for name, place in (("Here", project), ("There", other)):
        ChatSession.objects.create(project=place, created_by=alice, title=f"Needle {name}")
    listed = program.get("/api/projects/").json()["results"]
    assert [one["id"] for one in listed] == [str(project.pk)]
    found = program.get("/api/search/?q=needle").json()["results"]
    assert [one["title"] for one in found] == ["Needle Here"]
    assert program.get("/api/me/").json()["project"] == str(project.pk)
    assert program.get("/api/tokens/").json()["results"] == []
    assert program.get("/api/invitations/").json()["results"] == []


@pytest.mark.django_db
def test_it_accepts_no_invitation(program: Client) -> None:
    owner = User.objects.create_user("olga")
    elsewhere = Project.objects.create(name="Olga's", owner=owner)
    # Made before there was an account of this name.
    made = Invitation.objects.create(project=elsewhere, username="alice", invited_by=owner)
    assert program.post(f"/api/invitations/{made.pk}/accept/").status_code == 404
    assert not Membership.objects.exists()


@pytest.mark.django_db
def test_it_makes_no_token_and_no_project(program: Client, project: Project) -> None:
    for path, body in (
        ("/api/tokens/", {"project": str(project.pk)}),
        ("/api/projects/", {"name": "Another"}),
    ):
        refused = program.post(path, body, content_type=JSON)
        assert (refused.status_code, refused.json()["detail"]) == (
            403,
            "This token is for one project.",
        )
    assert ApiToken.objects.count() == 1
    assert not Project.objects.filter(name="Another").exists()


@pytest.mark.django_db
def test_a_key_of_another_request_is_unknown_to_it(client: Client, program: Client) -> None:
    _, key = create_token(User.objects.get(username="alice"))
    request: dict[str, Any] = {"data": {"name": "Secret"}, "content_type": JSON}
    headers = {"authorization": f"Token {key}", "Idempotency-Key": "k"}
    assert client.post("/api/projects/", headers=headers, **request).status_code == 201
    repeated = program.post("/api/projects/", headers={"Idempotency-Key": "k"}, **request)
    assert repeated.status_code == 403
    reused = program.post(
        "/api/projects/", {"name": "Other"}, content_type=JSON, headers={"Idempotency-Key": "k"}
    )
    assert reused.status_code == 403


@pytest.mark.django_db(transaction=True)
def test_a_name_that_an_ag_ui_client_gave_elsewhere_is_unknown_to_it(
    program: Client, alice: User, project: Project, other: Project
) -> None:
    session = ChatSession.objects.create(project=other)
    run = Run.objects.create(
        session=session, number=1, message=Message.objects.create(session=session, role="user")
    )
    for kind in Alias.Kind.values:
        Alias.objects.create(user=alice, kind=kind, name="same", session=session, run=run)
    assert program.get("/api/ag-ui/runs/same/events/").status_code == 404
    asked = {"threadId": "same", "runId": "same", "state": {}, "tools": [], "context": []}
    messages = [{"id": "1", "role": "user", "content": "Hi"}]
    body = {**asked, "messages": messages, "forwardedProps": {}}
    assert program.post("/api/ag-ui/", body, content_type=JSON).status_code == 200
    assert ChatSession.objects.filter(project=project).count() == 1
    assert session.runs.count() == 1


@pytest.mark.django_db
def test_the_api_and_the_page_and_the_command_make_it(
    client: Client, alice: User, bob: User, project: Project
) -> None:
    theirs = Project.objects.create(name="Theirs", owner=bob)
    client.force_login(alice)
    made = client.post("/api/tokens/", {"project": str(project.pk)}, content_type=JSON)
    assert (made.status_code, made.json()["project"]) == (201, str(project.pk))
    refused = client.post("/api/tokens/", {"project": str(theirs.pk)}, content_type=JSON)
    assert refused.status_code == 404
    assert client.post("/tokens/", {"scope": "read", "project": theirs.pk}).status_code == 400
    assert client.post("/tokens/", {"scope": "read", "project": project.pk}).status_code == 302
    assert f'Only <span class="name" dir="auto">{project.name}</span>' in (
        client.get("/tokens/").content.decode()
    )
    output = StringIO()
    call_command("create_token", "alice", "--project", str(project.pk), stdout=output)
    found = find_token(output.getvalue().split()[-1])
    assert found is not None
    with pytest.raises(CommandError, match="alice has no project"):
        call_command("create_token", "alice", "--project", str(theirs.pk))
    assert set(ApiToken.objects.values_list("project", flat=True)) == {project.pk}


@pytest.mark.django_db
def test_it_goes_with_the_project_and_opens_nothing_when_the_person_leaves(
    alice: User, bob: User, project: Project
) -> None:
    membership = Membership.objects.create(project=project, user=bob, role="editor")
    _, key = create_token(bob, project=project)
    program = Client(headers={"authorization": f"Token {key}"})
    assert program.get(f"/api/projects/{project.pk}/").status_code == 200
    membership.delete()
    assert program.get(f"/api/projects/{project.pk}/").status_code == 404
    project.delete()
    assert find_token(key) is None


@pytest.mark.django_db(transaction=True)
async def test_it_is_not_told_what_waits_in_other_projects(
    alice: User, session: ChatSession
) -> None:
    told, place = {}, (session.pk, session.project_id)
    for only in (None, session.project_id):
        identity = ConnectionIdentity(Login(alice.pk, "alice", only_project=only), *place)
        viewer = Viewer(identity, 0, "sse", sidebar="")
        waiting_feed.here().join(viewer)
        await viewer.greet()
        await waiting_feed.here().look()
        told[only] = {one.type for one in viewer.notices}, viewer.take_sidebar() is not None
        waiting_feed.here().leave(viewer)
        viewer.close()
    assert told == {None: ({"hello", "waiting"}, True), session.project_id: ({"hello"}, False)}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limited", [True, False])
async def test_no_run_in_which_it_has_a_say_creates_a_project(
    session: ChatSession, alice: User, limited: bool
) -> None:
    program = await User.objects.aget(pk=alice.pk)
    limit(program, session.project_id if limited else None)
    model = ScriptedModel(plans=[FIRST, plan(MAKE), plan(MAKE)])
    run = await steered(session, alice, model, Steer("Start another project"), sender=program)
    assert run.status == Run.Status.WAITING
    async with local.executing(ScriptedModel()):
        await approvals.approve(session.pk, run.pk, 2, alice)
        await ended(run)
    assert await Project.objects.filter(name="Another").aexists() is not limited


@pytest.mark.django_db(transaction=True)
async def test_nor_one_whose_plan_it_edits(session: ChatSession, alice: User) -> None:
    program = await User.objects.aget(pk=alice.pk)
    limit(program, session.project_id)
    run = await outcome(session, alice, ASK_FIRST, create("s1", "First"))
    await approvals.edit(session.pk, run.pk, 1, program, [MAKE])
    async with local.executing(ScriptedModel()):
        await approvals.approve(session.pk, run.pk, 2, alice)
        await ended(run)
    assert not await Project.objects.filter(name="Another").aexists()
