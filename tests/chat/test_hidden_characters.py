"""Names that were stored with characters that nobody sees, shown with marks in their place on every page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agent.accounts.shared_links import create_link
from agent.accounts.tokens import create_token
from agent.board import tasks
from agent.memory import memories
from agent.models import Batch, ChatSession, Membership, Memory, Message, Project, Run, Task
from agent.support.words import marked
from chat import access, guest_cookie, search

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "pay\u202eyap\u200b {}"
# What a form fills in and what scripts read have the names as they are.
AS_STORED = re.compile(
    r'<textarea[^>]*>.*?</textarea>|<script type="application/json".*?</script>|<script id=.*?</script>'
    r'| (?:value|data-[\w-]+|content)="[^"]*"',
    re.DOTALL,
)
ISOLATED = re.compile("[\u2068\u2069]")


@pytest.fixture
def world(alice: User, bob: User) -> dict[str, Any]:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    project = Project.objects.create(owner=alice, name=NAME.format("project"))
    Membership.objects.create(project=project, user=bob, role="editor")
    batch = Batch.objects.create(
        id=project.pk, project=project, name=NAME.format("batch"), updated_at=timezone.now()
    )
    ChatSession.objects.create(project=project, title=NAME.format("of batch"), batch=batch)
    session = ChatSession.objects.create(
        project=project, title=NAME.format("session"), run_count=1, last_seq=0
    )
    said = Message.objects.create(session=session, role="user", content="Hi", author=alice)
    run = Run.objects.create(
        session=session,
        number=1,
        message=said,
        created_by=alice,
        status="failed",
        left_open="failure",
    )
    task, _ = tasks.create_task(project_id=project.pk, title="Task")
    memory, _ = memories.remember(project_id=project.pk, title="M", content="C", kind="fact")
    Task.objects.update(title=NAME.format("task"), labels=[NAME.format("label")])
    Memory.objects.update(title=NAME.format("memory"))
    create_token(alice, NAME.format("token"), project=project)
    link, secret = create_link(session, alice, shows_tasks=True, shows_memories=True)
    return {
        "project": project,
        "session": session,
        "run": run,
        "task": task,
        "memory": memory,
        "link": link,
        "guest": access.redeem_link(link.pk, secret),
    }


PAGES = (
    ("/", "project"),
    ("/projects/{project}/", "project session task"),
    ("/projects/{project}/?group=label", "task"),
    ("/projects/{project}/tools/", "project"),
    ("/projects/{project}/delete/", "project"),
    ("/projects/{project}/analytics/", "project"),
    ("/projects/{project}/tasks/new/", "project"),
    ("/sessions/{session}/", "project session batch task memory"),
    ("/sessions/{session}/settings/", "session"),
    ("/sessions/{session}/links/", "session"),
    ("/sessions/{session}/delete/", "session"),
    ("/sessions/{session}/replay/", "session"),
    ("/tasks/{task}/", "task"),
    ("/memories/{memory}/", "memory"),
    ("/runs/{run}/", "session"),
    ("/runs/{run}/compare/", "session"),
    ("/waiting/", "project session"),
    ("/tokens/", "token project"),
    ("/analytics/", "session"),
    ("/admin/agent/project/", "project"),
    ("/admin/agent/chatsession/", "session"),
    ("/admin/agent/task/", "task"),
    ("/admin/agent/memory/", "memory"),
    ("/admin/agent/run/", "session"),
    ("/admin/agent/apitoken/", "token project"),
    ("/admin/agent/batch/", "batch"),
    ("/admin/agent/membership/", "project"),
    ("/admin/agent/sharedlink/", "session"),
    ("/shared/{link}/", "session task memory"),
)


def test_every_page_marks_them(client: Client, alice: User, world: dict[str, Any]) -> None:
    client.force_login(alice)
    ids = {name: getattr(one, "pk", None) for name, one in world.items()}
    wrong = []
    for path, names in PAGES:
        response = client.get(path.format(**ids), follow=True)
        if path.startswith("/shared/"):
            guest_cookie.give(response, world["guest"])
            client.cookies.update(response.cookies)
            response = client.get(path.format(**ids))
        assert response.status_code == 200, path
        page = ISOLATED.sub("", AS_STORED.sub("", response.content.decode()))
        hidden = re.findall(r".{40}[\u202e\u200b].{20}", page)
        wrong += [f"{path}: {marked(found)}" for found in hidden]
        wrong += [
            f"{path}: no {one}"
            for one in names.split()
            if f"pay[U+202E]yap[U+200B] {one}" not in page
        ]
    assert not wrong, "\n".join(wrong)


def test_a_project_is_deleted_by_the_name_that_the_page_shows(
    client: Client, alice: User, world: dict[str, Any]
) -> None:
    client.force_login(alice)
    project = world["project"]
    path = f"/projects/{project.pk}/delete/"
    assert client.post(path, {"name": "payyap project"}).status_code == 400
    assert client.post(path, {"name": marked(project.name)}).status_code == 302
    assert not Project.objects.filter(pk=project.pk).exists()


def test_the_search_gives_programs_the_names_as_they_are(
    alice: User, world: dict[str, Any]
) -> None:
    found = {one.kind: one.title for one in search.find(alice, "pay")}
    assert found["project"] == NAME.format("project")
