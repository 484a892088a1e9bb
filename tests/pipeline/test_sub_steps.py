"""Sub-steps that tools report: in the log, in the rows, and in all that reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agent.batch.live import Running
from agent.engine import local
from agent.event_log import parsing, phases
from agent.event_log.times import milliseconds
from agent.exceptions import ToolFailed
from agent.llm.base import Analysis, ReadRequest
from agent.models import ChatSession, Message, PhaseResult, PlanStep, Project
from agent.pipeline import execution
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from agent.tools.registry import ToolCall
from chat import fold
from chat.api.ag_ui_events import Translation
from tests.support.scripted_runs import ended, log_of, make_tasks, plan, process, use
from tests.support.tools import Text, having

pytestmark = pytest.mark.django_db(transaction=True)

FETCHING = "fetching_pages"


@pytest.fixture(autouse=True)
def fetching() -> Iterator[None]:
    phases.progress_step(
        FETCHING, label="Fetching pages", icon="🌐", color="phase-context", order=1
    )
    yield
    phases.remove_step(FETCHING)


async def carried_out(
    session: ChatSession, user: User, *steps: dict[str, Any], message: str = "Do it"
) -> PlanStep:
    async with local.executing(ScriptedModel(plans=[plan(*steps)])):
        await ended(await runs.start(session.pk, user, MessageRequest(message)))
    return await PlanStep.objects.aget(key="s1")


async def told_of(session: ChatSession, kind: str = FETCHING) -> list[dict[str, Any]]:
    frames = [frame for frame in await log_of(session) if frame["type"] == "progress"]
    return [frame for frame in frames if frame["progress"]["step"] == kind]


def states(frames: list[dict[str, Any]]) -> list[tuple[str, str]]:
    told = [frame["progress"] for frame in frames]
    return [(one["metadata"].get("phase", ""), one["details"]) for one in told]


async def test_an_async_tool_tells_its_sub_steps_while_it_works(
    session: ChatSession, alice: User
) -> None:
    """The tool waits for what viewers have of its first count, so that this was told before its end."""
    seen = asyncio.Event()
    before: list[dict[str, Any]] = []

    async def work(call: ToolCall, given: Text) -> str:
        call.progress("Fetching the first", step=FETCHING, done=0, of=3, unit="pages")
        while not before:
            before.extend(await told_of(session))
            await asyncio.sleep(0.01)
        for number in (1, 2, 3):
            call.progress("Fetching <b>", step=FETCHING, done=number, of=3)
        seen.set()
        return "done"

    with having("work", work):
        step = await carried_out(session, alice, use("s1", "work"))
    assert states(before) == [("started", "0 of 3 pages")]
    frames = await told_of(session)
    assert states(frames) == [("started", "0 of 3 pages"), ("finished", "3 of 3 pages")]
    last = frames[-1]["progress"]
    assert last["message"] == "🌐 Fetching <b>"
    assert last["metadata"].items() >= {"step_id": "s1", "part": "1", "done": 3, "of": 3}.items()
    assert frames[-1]["text"]["message"] == "Fetching <b>"
    took = milliseconds(frames[-1]["timestamp"]) - milliseconds(frames[0]["timestamp"])
    assert last["metadata"]["duration_ms"] == took
    (row,) = step.sub_steps
    assert (row["step"], row["message"], row["details"], row["state"]) == (
        FETCHING,
        "Fetching <b>",
        "3 of 3 pages",
        "finished",
    )


async def test_of_many_counts_few_are_told_and_the_last_is(
    session: ChatSession, alice: User
) -> None:
    async def work(call: ToolCall, given: Text) -> str:
        for number in range(5_000):
            call.progress(step=FETCHING, done=number, unit="pages")
        return "done"

    with having("work", work):
        await carried_out(session, alice, use("s1", "work"))
    frames = await told_of(session)
    assert len(frames) < 100
    assert states(frames)[0][0] == "started"
    assert states(frames)[-1] == ("finished", "4,999 pages")
    assert frames[-1]["progress"]["message"] == "🌐 Fetching pages"  # its label


async def test_a_count_is_told_also_when_none_follows_it(session: ChatSession, alice: User) -> None:
    """The second count comes too soon after the first, and the tool then waits until it is told."""

    async def work(call: ToolCall, given: Text) -> str:
        call.progress(step=FETCHING, done=1, of=9, unit="pages")
        call.progress(step=FETCHING, done=1, of=9, unit="pages", part="other")
        call.progress(step=FETCHING, done=2, of=9)
        while ("", "2 of 9 pages") not in states(await told_of(session)):
            await asyncio.sleep(0.01)
        return "done"

    with having("work", work):
        step = await carried_out(session, alice, use("s1", "work"))
    assert [row["details"] for row in step.sub_steps] == ["2 of 9 pages", "1 of 9 pages"]


async def test_a_thread_of_an_async_tool_may_report(session: ChatSession, alice: User) -> None:
    async def work(call: ToolCall, given: Text) -> str:
        await asyncio.to_thread(lambda: call.progress(step=FETCHING, done=1, of=1))
        return "done"

    with having("work", work):
        step = await carried_out(session, alice, use("s1", "work"))
    assert [row["state"] for row in step.sub_steps] == ["finished"]


async def test_what_fails_says_how_far_it_came_and_an_attempt_begins_again(
    session: ChatSession, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "PAUSE", 0.01)
    failures: list[Exception] = [ConnectionError(), ToolFailed("Gone.")]

    async def work(call: ToolCall, given: Text) -> str:
        call.progress(step=FETCHING, done=len(failures), of=9)
        raise failures.pop(0)

    with having("work", work, retries=1):
        step = await carried_out(session, alice, use("s1", "work"))
    assert states(await told_of(session)) == [
        ("started", "2 of 9"),
        ("failed", "2 of 9"),
        ("started", "1 of 9"),
        ("failed", "1 of 9"),
    ]
    assert (step.status, step.sub_steps[0]["state"]) == ("failed", "failed")


async def test_a_call_has_a_limited_number_of_sub_steps(session: ChatSession, alice: User) -> None:
    async def work(call: ToolCall, given: Text) -> str:
        for number in range(100):
            call.progress("Site", step=FETCHING, part=str(number))
        return "done"

    with having("work", work):
        step = await carried_out(session, alice, use("s1", "work"))
    assert len(step.sub_steps) == 20


async def test_a_step_that_nobody_registered_fails_the_call(
    session: ChatSession, alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(call: ToolCall, given: Text) -> str:
        call.progress(step="nowhere")
        return "done"

    with having("work", work):
        step = await carried_out(session, alice, use("s1", "work"))
    assert step.status == "failed"


async def test_odd_texts_are_told_and_odd_counts_fail_the_call(
    session: ChatSession, alice: User
) -> None:
    async def work(call: ToolCall, given: Text) -> str:
        call.progress("a\0b\ud800" + "c" * 999, step=FETCHING, unit="\0", part="\ud800")
        with pytest.raises(TypeError, match="whole numbers"):
            call.progress(step=FETCHING, done="3")  # type: ignore[arg-type]
        return "done"

    with having("work", work):
        step = await carried_out(session, alice, use("s1", "work"))
    (row,) = step.sub_steps
    assert row["message"].startswith("ab�cc")
    assert len(row["message"]) == 200


# -- our own ---------------------------------------------------------------------------------------


async def test_descriptions_that_are_edited_are_told_with_the_commit(
    session: ChatSession, project: Project, alice: User
) -> None:
    await make_tasks(project, "Login", "Slots")
    items = [{"task": title, "description": f"New {title}"} for title in ("Login", "Slots")]
    step = await carried_out(session, alice, use("s1", "edit_tasks", tasks=items))
    frames = await told_of(session, "editing")
    assert states(frames) == [("started", "2 of 2 tasks"), ("finished", "2 of 2 tasks")]
    assert [row["details"] for row in step.sub_steps] == ["2 of 2 tasks"]
    seqs = [frame["seq"] for frame in frames]
    ends = [f["seq"] for f in await log_of(session) if f["type"] == "step"]
    assert ends[0] < seqs[0] < seqs[1] < ends[1]


async def test_an_edit_that_does_not_fit_says_at_which_task(
    session: ChatSession, project: Project, alice: User
) -> None:
    await make_tasks(project, "Login", "Slots")
    items = [{"task": title, "description": "New"} for title in ("Login", "Slots")]
    step = await carried_out(
        session,
        alice,
        use("s0", "delete_task", task="Slots"),
        use("s1", "edit_tasks", "s0", tasks=items),
        message="Delete the task Slots",
    )
    assert step.status == "failed"
    assert states(await told_of(session, "editing"))[-1] == ("failed", "1 of 2 tasks")


async def test_a_reading_tells_how_many_sessions_it_searched(
    session: ChatSession, project: Project
) -> None:
    for number in range(3):
        other = await ChatSession.objects.acreate(project=project)
        await Message.objects.acreate(session=other, role="user", content=f"Words {number}")
    asked = (ReadRequest("search_messages", {"query": "words"}),)
    analysis = Analysis("question", "Look", needs_tools=False, read_first=asked)
    result = await process(ScriptedModel(analyses=[analysis]), project, session)
    assert result.status == "succeeded"
    frames = await told_of(session, "searching")
    assert states(frames)[-1] == ("finished", "4 of 4 sessions")
    assert {frame["progress"]["metadata"]["step_id"] for frame in frames} == {"r1"}
    rows = await PhaseResult.objects.aget(phase="reading:r1")
    assert [row["details"] for row in rows.sub_steps] == ["4 of 4 sessions"]
    transcript = await sync_to_async(fold.load)(session.pk)
    (line,) = [one for one in transcript.exchanges[0].phases if one.key == "reading:r1"]
    assert [(part.message, part.state) for part in line.parts] == [
        ("Searching messages", "finished")
    ]


# -- the readers -----------------------------------------------------------------------------------


async def test_the_page_the_admin_ag_ui_and_the_batch_show_the_same(
    session: ChatSession, alice: User, client: Client
) -> None:
    async def work(call: ToolCall, given: Text) -> str:
        call.progress("Reading <b>the site</b>", step=FETCHING, done=3, of=12, unit="pages")
        return "done"

    with having("work", work):
        await carried_out(session, alice, use("s1", "work"))
    transcript = await sync_to_async(fold.load)(session.pk)
    (part,) = transcript.exchanges[0].steps[0].parts
    assert (part.message, part.details, part.state) == (
        "Reading <b>the site</b>",
        "3 of 12 pages",
        "finished",
    )
    frames = await log_of(session)
    bodies = [json.dumps(frame, ensure_ascii=False) for frame in frames]
    line, lines = Running("item"), []
    for body in bodies:
        line.take(parsing.read(body))
        lines.append(line.step)
    assert "🌐 Reading <b>the site</b>  3 of 12 pages" in lines
    translation = Translation("thread", frames[0]["run"], 0)
    told = [one for frame in frames for one in translation.feed(parsing.read(json.dumps(frame)))]
    names = [one.step_name for one in told if hasattr(one, "step_name")]
    assert names.count(f"{FETCHING}:s1:1") == 2
    await User.objects.filter(pk=alice.pk).aupdate(is_staff=True, is_superuser=True)
    await sync_to_async(client.force_login)(alice)
    page = reverse("admin:agent_chatsession_transcript", args=[session.pk])
    run = reverse("run", args=[frames[0]["run"]])
    for url in (page, run, reverse("session", args=[session.pk])):
        text = (await sync_to_async(client.get)(url)).content.decode()
        assert "🌐" in text, url
        assert "Reading &lt;b&gt;the site&lt;/b&gt;" in text, url
        assert "3 of 12 pages" in text, url


# -- kinds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "look", "told"),
    [
        ("Fetching", {}, "lower case letters"),
        ("fetching now", {}, "lower case letters"),
        ("planning", {}, "one of the run's own"),
        ("error", {}, "one of the run's own"),
        ("calling", {"icon": "<b>"}, "must be one emoji"),
        ("calling", {"icon": "x"}, "must be one emoji"),
        ("calling", {"icon": "🌐" * 9}, "must be one emoji"),
        ("calling", {"color": "red"}, "is 'red', not one of accent, ok, warn, bad, phase-start"),
        (FETCHING, {"icon": "🌍"}, "is registered already, in another way"),
    ],
)
def test_the_error_says_what_is_wrong_with_a_progress_step(
    name: str, look: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        phases.progress_step(name, **look)
