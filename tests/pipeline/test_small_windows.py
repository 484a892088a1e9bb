"""A session stays usable however long it is: real runs against servers with small windows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from agent.agent import AgentResult, PlanningFirstAgent
from agent.board import tasks as board
from agent.models import ChatSession, Event, Memory, Project
from agent.support import database
from tests.support.model_server import Answer, ModelServer, Request, as_json, by_schema, error
from tests.support.model_talk import connected
from tests.support.small_window import SmallWindow

pytestmark = pytest.mark.django_db(transaction=True)

JAPANESE = (
    "患者が予約を取り消せるようにしたいのですが、前日の夕方以降は電話での連絡をお願いする必要があります。"
    "受付の担当者が画面で確認できることも大切で、取り消しの理由を記録して後で集計できるようにしてください。"
)
ENGLISH = (
    "Patients should be able to cancel an appointment on their own, but from the evening before they"
    " have to call us. The people at the desk need to see the reason, so that we can count later why"
    " appointments are cancelled. Please keep the wording friendly and short. "
)


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    with connected(settings, monkeypatch) as server:
        yield server


def fill(project: Project, text: str) -> ChatSession:
    """Fills the board and the memory, and returns a new session."""
    for number in range(60):
        board.create_task(
            project_id=project.pk, title=f"{text[:30]} {number}", description=text * 2
        )
    for number in range(20):
        done, _ = board.create_task(project_id=project.pk, title=f"{text[:25]} {number}")
        board.update_task(task=done, status="completed")
    for number in range(12):
        Memory.objects.create(
            project=project, title=f"{text[:20]} {number}", content=text, kind="fact"
        )
    return ChatSession.objects.create(project=project, created_by=project.owner)


def planned(request: Request) -> dict[str, Any]:
    """A plan that creates a task."""
    step = {
        "id": "s1",
        "type": "tool",
        "tool": "create_task",
        "description": "Create a task",
        "arguments": {"title": f"Task of {len(request.message)} characters"},
        "depends_on": [],
    }
    return {"summary": "One task", "steps": [step]}


def talking(text: str) -> Any:
    """Answers at length, and makes a plan for every message."""
    analysis = {"intent": "command", "summary": "Adds it.", "needs_tools": True, "question": ""}
    note = {"memory_id": None, "title": text[:20], "content": text, "kind": "fact", "category": ""}
    return by_schema(
        analysis=analysis, plan=planned, memory={"notes": [note]}, answer=f"{text}\n\n" * 3
    )


async def converse(
    session: ChatSession, text: str, count: int, window: SmallWindow
) -> list[tuple[AgentResult, int]]:
    """Says `count` messages; returns each result with the number of refusals of its run."""
    results = []
    for number in range(count):
        before = window.refused
        result = await PlanningFirstAgent().process_user_message(
            f"{number}: {text * 2}", session.project_id, session_id=session.pk
        )
        results.append((result, window.refused - before))
    return results


LANGUAGES = [(JAPANESE, 8_192), (ENGLISH, 4_096)]


@pytest.mark.parametrize("text_only", [False, True], ids=["schema", "text"])
@pytest.mark.parametrize("reports", [True, False], ids=["counts", "no-counts"])
@pytest.mark.parametrize(("text", "size"), LANGUAGES, ids=["japanese", "english"])
async def test_a_long_conversation_never_fails(
    server: ModelServer, project: Project, text: str, size: int, reports: bool, text_only: bool
) -> None:
    session = await database.call(fill, project, text)
    talk = talking(text)

    def in_text(request: Request) -> Answer:
        return error(400, "response_format is unknown") if request.form else talk(request)

    window = SmallWindow(in_text if text_only else talk, size, reports=reports)
    server.handler = window
    results = await converse(session, text, 13, window)
    assert [result.error for result, _ in results] == [""] * 13
    assert results[0][1] > 0  # by this the window became known
    assert [refused for _, refused in results[1:]] == [0] * 12


@pytest.mark.parametrize(("text", "size"), LANGUAGES, ids=["japanese", "english"])
async def test_nothing_is_refused_where_the_server_tells_its_window(
    server: ModelServer, project: Project, text: str, size: int
) -> None:
    session = await database.call(fill, project, text)
    server.models["/v1/models"] = as_json({"data": [{"id": "small-model", "max_model_len": size}]})
    window = SmallWindow(talking(text), size)
    server.handler = window
    results = await converse(session, text, 4, window)
    assert [result.error for result, _ in results] == [""] * 4
    assert window.refused == 0
    assert server.lookups == ["/v1/models"]  # once for the process


async def test_nothing_is_refused_where_the_window_is_set(
    server: ModelServer, project: Project, settings: Settings
) -> None:
    settings.SAMURAI_MODEL_CONTEXT = 4_096
    session = await database.call(fill, project, ENGLISH)
    window = SmallWindow(talking(ENGLISH), 4_096)
    server.handler = window
    results = await converse(session, ENGLISH, 3, window)
    assert [result.error for result, _ in results] == [""] * 3
    assert window.refused == 0


async def details_of(result: AgentResult) -> dict[str, str]:
    """Returns the details of each finished phase."""
    rows = Event.objects.filter(run=result.run, type="progress").order_by("seq")
    progress = [json.loads(body)["progress"] async for body in rows.values_list("body", flat=True)]
    return {item["step"]: item["details"] for item in progress if item["details"]}


async def test_the_details_of_the_run_tell_what_was_left_out(
    server: ModelServer, project: Project
) -> None:
    session = await database.call(fill, project, JAPANESE)
    window = SmallWindow(talking(JAPANESE), 8_192)
    server.handler = window
    results = await converse(session, JAPANESE, 4, window)
    details = await details_of(results[-1][0])
    said = "Left out to fit the model's window of 8,192 tokens: "
    for phase in ("analyzing", "planning", "memory", "completion"):
        assert said in details[phase], phase
    assert "20 completed tasks" in details["planning"]
    assert details["analyzing"].startswith(f"Adds it. {said}")
    # The model is told as well, so that it does not take the tasks that it sees for all.
    plan = next(request for request in reversed(server.requests) if request.asked == "plan")
    assert "left out here for lack of room" in plan.text
    assert "20 completed tasks" in plan.text


async def test_a_message_longer_than_the_window_is_refused_with_its_count(
    server: ModelServer, project: Project
) -> None:
    server.models["/v1/models"] = as_json({"data": [{"id": "small-model", "n_ctx": 4_096}]})
    window = SmallWindow(talking(ENGLISH), 4_096)
    server.handler = window
    result = await PlanningFirstAgent().process_user_message("word " * 4_500, project.pk)
    assert (result.status, result.code) == ("failed", "budget_exceeded")
    assert "the message has about 4,5" in result.error
    assert "the model's window of 4,096 tokens" in result.error
    assert "Shorten the message." in result.error
    assert not window.sent  # it is not sent, and above all not cut
    result = await PlanningFirstAgent().process_user_message("Short", project.pk)
    assert result.status == "succeeded"


async def test_a_server_that_cuts_prompts_in_silence_gets_shorter_ones(
    server: ModelServer, project: Project
) -> None:
    session = await database.call(fill, project, JAPANESE)
    window = SmallWindow(talking(JAPANESE), 4_096, cuts=True)
    server.handler = window
    results = await converse(session, JAPANESE, 3, window)
    assert [result.error for result, _ in results] == [""] * 3
    assert [fits for _, fits in window.sent][:2] == [False, True]
    assert [cut for _, cut in results[1:]] == [0, 0]
    assert "window of 4,096 tokens" in (await details_of(results[0][0]))["analyzing"]
