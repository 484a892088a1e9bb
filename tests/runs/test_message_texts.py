"""The text of a message: the blanks before it stay on every path, and what is too long is counted."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agent.agent import PlanningFirstAgent
from agent.board import tasks
from agent.exceptions import PlanInvalid, Refused
from agent.models import ChatSession, Message, Project
from agent.plans import parser
from agent.runs.runs import checked_content
from agent.testing import ScriptedModel
from chat import frames
from chat.forms import ProjectForm
from tests.support.batch import Command, results

CODE = ["    code\n    more", "\tcode", "\n\n  two lines down", "  1. a\n\n      b"]


@pytest.mark.parametrize("text", CODE)
@pytest.mark.parametrize("end", ["", "  ", "\n", " \r\n\t"])
def test_blanks_before_a_message_stay_and_those_behind_it_go(text: str, end: str) -> None:
    assert checked_content(text + end) == text


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\t \r\n", "\u3000"])
def test_blanks_alone_are_no_message(text: str) -> None:
    with pytest.raises(Refused, match="empty"):
        checked_content(text)


@pytest.mark.parametrize(
    ("text", "length"),
    [("x" * 100_001, "100,001"), ("👍" * 123_456, "123,456"), (" " * 100_000 + "x", "100,001")],
)
def test_a_message_that_is_too_long_is_counted(text: str, length: str) -> None:
    with pytest.raises(Refused, match=f"too long: {length} of 100,000 characters") as refused:
        checked_content(text)
    assert refused.value.code == "too_large"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("text", CODE[:2])
async def test_the_library_keeps_the_blanks(project: Project, text: str) -> None:
    plan = {"summary": "", "steps": [{"id": "s1", "type": "answer", "description": "Say it"}]}
    model = ScriptedModel(plans=[plan])
    result = await PlanningFirstAgent(model).process_user_message(text + "\n", project.pk)
    assert result.status == "succeeded"
    message = await Message.objects.aget(role=Message.Author.USER)
    assert message.content == text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("text", CODE)
def test_the_api_keeps_the_blanks(
    client: Client, alice: User, session: ChatSession, text: str
) -> None:
    client.force_login(alice)
    kind = "application/json"
    sent = client.post(f"/api/sessions/{session.pk}/messages/", {"content": text}, kind)
    assert sent.json()["message"]["content"] == text
    sent = client.post(
        f"/api/projects/{session.project_id}/chat/",
        {"message": text},
        kind,
        headers={"prefer": "respond-async"},
    )
    assert sent.status_code == 202
    contents = Message.objects.filter(role=Message.Author.USER).values_list("content", flat=True)
    assert list(contents) == [text, text]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "body", "field", "told"),
    [
        ("post", "projects/{project}/tasks/", {"title": "x" * 1250}, "title", "1,250 of 200"),
        ("patch", "tasks/{task}/", {"title": "x" * 201}, "title", "201 of 200"),
        (
            "post",
            "projects/{project}/memories/",
            {"title": "x", "content": "👍" * 12_345},
            "content",
            "12,345 of 10,000",
        ),
        ("post", "projects/", {"name": "x" * 201}, "name", "201 of 200"),
        (
            "patch",
            "projects/{project}/",
            {"description": "x" * 100_001},
            "description",
            "100,001 of",
        ),
        ("patch", "sessions/{session}/", {"title": "x" * 201}, "title", "201 of 200"),
        ("post", "tokens/", {"name": "x" * 101}, "name", "101 of 100"),
    ],
)
def test_the_api_counts_a_text_that_is_too_long(
    client: Client,
    alice: User,
    session: ChatSession,
    method: str,
    path: str,
    body: dict[str, Any],
    field: str,
    told: str,
) -> None:
    client.force_login(alice)
    project = session.project
    (task,), _ = tasks.create_tasks(project_id=project.pk, items=[tasks.NewTask("One")])
    ids = {"project": project.pk, "session": session.pk, "task": task.pk}
    send = getattr(client, method)
    answer = send(f"/api/{path.format(**ids)}", body, "application/json")
    assert answer.status_code == 400
    (problem,) = answer.json()[field]
    assert problem.startswith(f"This text is too long: {told}")


@pytest.mark.django_db
def test_the_message_of_a_request_is_counted_too(
    client: Client, alice: User, session: ChatSession
) -> None:
    client.force_login(alice)
    path = f"/api/sessions/{session.pk}/messages/"
    answer = client.post(path, {"content": "x" * 100_001}, "application/json")
    assert answer.status_code == 413
    assert answer.json()["detail"] == "The message is too long: 100,001 of 100,000 characters."


def test_a_reason_on_the_socket_is_counted() -> None:
    run = "00000000-0000-4000-8000-000000000000"
    frame = {"type": "reject", "run": run, "plan_revision": 1, "reason": "x" * 12_345}
    with pytest.raises(Refused, match="reason: the text is too long: 12,345 of 10,000 characters"):
        frames.parse(frame)


@pytest.mark.parametrize("length", [2001, 12_345])
def test_the_description_of_an_edited_step_is_counted(length: int) -> None:
    step = {"id": "s1", "type": "answer", "description": "x" * length}
    with pytest.raises(PlanInvalid) as invalid:
        parser.parse({"summary": "", "steps": [step]}, shortens=False)
    problem = f"step s1: the description is too long: {length:,} of 2,000 characters"
    assert invalid.value.errors == [problem]


def test_the_form_of_a_project_counts_and_cuts_nothing() -> None:
    form = ProjectForm({"name": "x" * 1250, "description": "y" * 100_001})
    assert form.errors["name"] == ["This text is too long: 1,250 of 200 characters."]
    assert form.errors["description"] == ["This text is too long: 100,001 of 100,000 characters."]
    assert "maxlength" not in str(form)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", '{"message": "    code"}\n'),
        ("a.csv", 'message\n"    code"\n'),
        ("a.txt", "    code\n"),
    ],
)
def test_a_batch_keeps_the_blanks(command: Command, name: str, text: str) -> None:
    done = command.run(command.file(name, text), "--session", "one")
    (result,) = results(done.stdout)
    assert result["message"] == "    code"
