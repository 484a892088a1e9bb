"""What a run may learn from its message, with a scripted model that says as much as a real one did."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from agent.change import Change
from agent.llm.base import Analysis, MemoryNote, Outcome, StepOutcome
from agent.memory import consolidation, memories
from agent.models import ChatSession, Memory, Message, Project, Run
from agent.testing import ScriptedModel
from tests.support.scripted_runs import create, make_tasks, plan, process, use

remember = sync_to_async(memories.remember)
in_process = pytest.mark.django_db(transaction=True)


def verbs(model: ScriptedModel) -> list[str]:
    return [verb for verb, _ in model.asked]


def run_for(session: ChatSession, message: str) -> Run:
    said = Message.objects.create(session=session, role="user", content=message)
    return Run.objects.create(session=session, number=session.run_count + 1, message=said)


# -- which messages --------------------------------------------------------------------------------


@in_process
async def test_a_plain_question_rewrites_nothing_and_takes_two_calls(
    project: Project, session: ChatSession
) -> None:
    kept = [
        (
            await remember(
                project_id=project.pk, title=f"Fact {n}", content=f"It is {n}.", kind="fact"
            )
        )
        for n in range(12)
    ]
    notes = [
        MemoryNote(one.title, "I do not know.", "fact", memory_id=str(one.pk)) for one, _ in kept
    ]
    model = ScriptedModel(analyses=[Analysis("question", "Asks", needs_tools=False)], notes=[notes])
    await process(model, project, session)
    assert verbs(model) == ["analyze", "answer"]
    assert not await Memory.objects.filter(content="I do not know.").aexists()


@in_process
async def test_a_greeting_stores_nothing(project: Project, session: ChatSession) -> None:
    notes = [MemoryNote(f"Hi {n}", f"The person said hi {n} times.", "fact") for n in range(200)]
    greets = Analysis("greeting", "Greets", needs_tools=False, tells=True)
    model = ScriptedModel(analyses=[greets], notes=[notes])
    await process(model, project, session)
    assert verbs(model) == ["analyze", "answer"]
    assert not await Memory.objects.aexists()


@in_process
async def test_a_question_back_is_not_repeated_by_the_model(
    project: Project, session: ChatSession
) -> None:
    asks = Analysis("command", "Delete it", needs_tools=True, question="Which of the two?")
    model = ScriptedModel(analyses=[asks])
    result = await process(model, project, session)
    assert (result.answer, verbs(model)) == ("Which of the two?", ["analyze"])


@in_process
async def test_a_question_of_the_plan_is_not_repeated_either(
    project: Project, session: ChatSession
) -> None:
    step: dict[str, Any] = {**create("s1", ""), "type": "ask", "tool": None, "arguments": {}}
    model = ScriptedModel(plans=[plan({**step, "description": "Which of the two?"})])
    result = await process(model, project, session)
    assert (result.answer, verbs(model)) == ("Which of the two?", ["analyze", "plan"])


@in_process
async def test_a_run_whose_steps_all_failed_teaches_nothing(
    project: Project, session: ChatSession
) -> None:
    (task,) = await make_tasks(project, "Login")
    moved = use("s1", "move_task", task=str(task.pk), before=str(task.pk))
    model = ScriptedModel(plans=[plan(moved)])
    await process(model, project, session)
    assert "consolidate" not in verbs(model)


ASKED = StepOutcome("s1", "ask", "", "Which?", "succeeded", {}, None, "")


@pytest.mark.parametrize(
    ("message", "intent", "tells", "steps", "expected"),
    [
        ("Which database do we use?", "question", True, (), False),
        ("We use PostgreSQL. Which driver fits?", "question", True, (), True),
        ("We use PostgreSQL. Which driver fits?", "question", False, (), False),
        ("We use PostgreSQL. Which driver fits?", "question", None, (), False),
        ("PostgreSQLを使います。ドライバーは？", "question", True, (), True),
        ("Delete the login task", "command", True, (ASKED,), True),
        ("Which one?", "command", True, (ASKED,), False),
        ("Delete the login task", "command", False, (), False),
        ("We decided on Django", "statement", None, (), True),
        ("Fly to the moon with me", "unsupported", True, (), False),
    ],
)
def test_a_model_is_asked_only_about_a_message_that_tells_something(
    message: str, intent: str, tells: bool | None, steps: tuple[StepOutcome, ...], expected: bool
) -> None:
    analysis = Analysis(intent, "", needs_tools=False, tells=tells)
    assert consolidation.may_teach(message, analysis, Outcome(intent, "", steps)) is expected


# -- how much --------------------------------------------------------------------------------------


def consolidated(run: Run, notes: list[MemoryNote]) -> list[Change]:
    return consolidation.consolidate(run, notes, run.message.content)


def test_at_most_three_notes_are_kept(session: ChatSession, db: None) -> None:
    notes = [MemoryNote(f"Fact {n}", f"It is number {n}.", "fact") for n in range(200)]
    assert len(consolidated(run_for(session, "We number them."), notes)) == 3


def test_only_what_the_message_speaks_of_is_revised(session: ChatSession, project: Project) -> None:
    stack, logo = (
        memories.remember(project_id=project.pk, title=title, content=content, kind="decision")[0]
        for title, content in (("Database", "We use SQLite."), ("Logo", "The logo is red."))
    )
    run = run_for(session, "Our database is PostgreSQL from now on.")
    notes = [
        MemoryNote("Database", "We use PostgreSQL.", "decision", memory_id=str(stack.pk)),
        MemoryNote("Logo", "The logo is blue.", "decision", memory_id=str(logo.pk)),
        MemoryNote("Logo", "The logo is green.", "decision"),
    ]
    assert [change.id for change in consolidated(run, notes)] == [stack.pk]
    contents = [one.content for one in stack.revisions.order_by("number")]
    assert contents == ["We use SQLite.", "We use PostgreSQL."]


@pytest.mark.parametrize(
    "note",
    [
        MemoryNote("Another title", "we use SQLite", "fact"),
        MemoryNote("Database", "SQLite is what we use.", "fact"),
        MemoryNote("Storage", "It is a file.", "fact"),
    ],
)
def test_what_a_person_deleted_does_not_come_back(
    session: ChatSession, project: Project, note: MemoryNote
) -> None:
    """By the same words, by the same title, or out of the same message, which is answered again."""
    run = run_for(session, "We use SQLite.")
    memory, _ = memories.remember(
        project_id=project.pk,
        title="Database",
        content="We use SQLite.",
        kind="decision",
        source_message_id=run.message_id,
    )
    memories.forget(memory=memory)
    assert consolidated(run, [note]) == []


def test_a_deleted_memory_does_not_come_back_in_other_words(
    session: ChatSession, project: Project
) -> None:
    memory, _ = memories.remember(
        project_id=project.pk, title="Database", content="We use SQLite.", kind="decision"
    )
    memories.forget(memory=memory)
    note = MemoryNote("Storage", "It is a file.", "fact", memory_id=str(memory.pk))
    assert consolidated(run_for(session, "Which one?"), [note]) == []
