"""What a run stores about itself while it works: why a memory was recalled, and what was estimated."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.llm.base import Analysis
from agent.memory import memories
from agent.models import ChatSession, PhaseResult, PlanRevision, PlanStep, Project, Run
from agent.pipeline import execution
from agent.plans import past_durations
from agent.testing import ScriptedModel
from agent.text import search_index
from tests.support.scripted_runs import create, plan, process, use
from tests.support.tools import having

QUESTION = Analysis("question", "Answer it", needs_tools=False)

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def remember(project: Project, title: str, content: str) -> str:
    memory, _ = memories.remember(
        project_id=project.pk, title=title, content=content, kind="decision"
    )
    return str(memory.pk)


async def recalled(
    project: Project, message: str, analysis: Analysis, phase: str
) -> dict[str, dict[str, Any]]:
    """Returns the memories that the phase stored, by title."""
    result = await process(ScriptedModel(analyses=[analysis]), project, message=message)
    row = await PhaseResult.objects.aget(run=result.run, phase=phase)
    return {one["title"]: one for one in row.result["memories"]}


async def test_each_recalled_memory_has_its_score_and_the_words_that_found_it(
    project: Project,
) -> None:
    await remember(project, "Payments", "We use Stripe for payments.")
    await remember(project, "Colour", "The page is green.")
    found = await recalled(project, "Which payment with Stripe?", QUESTION, "context")
    payments, colour = found["Payments"], found["Colour"]
    assert payments["score"] > 0
    assert {*payments["words"]} == {"payment", "stripe"}
    # The other memory was made beside it.
    assert (colour["words"], {*colour["beside"]}) == ([], {"payment", "stripe"})
    assert payments["score"] > colour["score"]


async def test_a_memory_that_only_is_one_of_the_latest_has_no_score(project: Project) -> None:
    await remember(project, "Colour", "The page is green.")
    found = await recalled(project, "Book a slot", QUESTION, "context")
    assert (found["Colour"]["score"], found["Colour"]["words"]) == (None, [])


async def test_what_is_recalled_for_the_words_of_the_analysis_says_so_too(
    project: Project,
) -> None:
    await remember(project, "Colour", "The page is green.")
    analysis = Analysis("command", "Do it", needs_tools=False, search="green")
    found = await recalled(project, "Book a slot", analysis, "analyzing")
    assert found["Colour"]["words"] == ["green"]


def test_the_reason_is_short_however_long_the_message_is(project: Project) -> None:
    words = " ".join(f"word{number}" for number in range(40))
    memories.remember(project_id=project.pk, title="Long", content=words, kind="note")
    ((_, hit),) = memories.explained(project.pk, words, 5)
    assert len(hit.words) == search_index.MAX_EXPLAINED


async def test_the_estimates_are_stored_with_what_they_were_made_for(
    project: Project, session: ChatSession
) -> None:
    for number in range(past_durations.MIN_SAMPLES):
        model = ScriptedModel(plans=[plan(create("s1", f"Task {number}"))])
        await process(model, project, session)
    first = await session.runs.aget(number=1)
    assert not await PhaseResult.objects.filter(run=first, low_ms__isnull=False).aexists()
    past_durations.clear_cache()
    model = ScriptedModel(plans=[plan(create("s1", "One"), create("s2", "Two"))])
    await process(model, project, session)
    last = await session.runs.aget(number=past_durations.MIN_SAMPLES + 1)
    phases = [row async for row in PhaseResult.objects.filter(run=last)]
    steps = [row async for row in PlanStep.objects.filter(plan__run=last)]
    revision = await PlanRevision.objects.aget(run=last)
    rows = (*phases, *steps, revision)
    assert len(rows) == 8 + 2 + 1
    for row in rows:
        assert row.low_ms is not None
        assert row.high_ms is not None
        assert 0 <= row.low_ms <= row.high_ms


async def test_the_pause_before_a_tool_is_called_again_is_stored_with_its_reason(
    project: Project, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "PAUSE", 0.01)
    failures: list[Exception | None] = [ConnectionError("reset"), None]

    async def fetch(call: object, given: object) -> str:
        if failure := failures.pop(0):
            raise failure
        return "at last"

    with having("fetch", fetch, retries=1):
        await process(ScriptedModel(plans=[plan(use("s1", "fetch"))]), project)
    run = await Run.objects.aget()
    step = await PlanStep.objects.aget(plan__run=run)
    (pause,) = step.sub_steps
    assert (step.status, pause["step"], pause["state"]) == ("succeeded", "retry", "finished")
    assert pause["details"].startswith("Attempt 2 of 2 in ")
    assert pause["details"].endswith("it failed with ConnectionError")
    assert pause["duration_ms"] > 0
