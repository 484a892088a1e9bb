"""Recall by what was said or remembered around a memory, and by what a follow-up question is about."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from agent.llm.base import Analysis
from agent.memory import memories, neighbours
from agent.models import ChatSession, Memory, Message, Project, SearchEntry
from agent.testing import ScriptedModel
from tests.support.scripted_runs import process

in_process = pytest.mark.django_db(transaction=True)


def remember(project: Project, title: str, content: str = "", **more: Any) -> Memory:
    fields = {"content": content or f"{title}.", "kind": "fact", **more}
    return memories.remember(project_id=project.pk, title=title, **fields)[0]


def recalled(project: Project, text: str) -> set[str]:
    return {memory.title for memory in memories.recall(project.pk, text, 50)}


NAMES = ["Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot"]


def test_a_memory_without_a_message_is_found_by_the_two_before_and_after_it(
    project: Project,
) -> None:
    for name in NAMES:
        remember(project, name)
    assert recalled(project, "Delta") == {"Bravo", "Charlie", "Delta", "Echo", "Foxtrot"}
    assert memories.recall(project.pk, "Delta", 1)[0].title == "Delta"
    assert recalled(project, "Alpha") == {"Alpha", "Bravo", "Charlie"}


def test_a_person_who_searches_sees_only_memories_that_have_the_words(project: Project) -> None:
    for name in (*NAMES, "Foxtrots dance", "東京の天気"):
        remember(project, name)
    for text, titles in (
        ("delta or alpha", {"Alpha", "Delta"}),
        ("foxtrot", {"Foxtrot", "Foxtrots dance"}),
        ("天気", {"東京の天気"}),
        ("golf", set()),
    ):
        assert {memory.title for memory in memories.search(project.pk, text, 50)} == titles


def test_a_deleted_or_revised_memory_is_no_longer_around_others(project: Project) -> None:
    made = [remember(project, name) for name in NAMES]
    memories.forget(memory=made[3])
    assert recalled(project, "Delta") == set()
    assert recalled(project, "Foxtrot") == {"Charlie", "Echo", "Foxtrot"}
    memories.revise(memory=made[2], title="Golf", content="Golf.")
    assert recalled(project, "Charlie") == set()
    assert recalled(project, "Golf") == {"Alpha", "Bravo", "Golf", "Echo", "Foxtrot"}


def test_a_memory_is_found_by_the_two_messages_before_and_after_its_own(
    project: Project, session: ChatSession
) -> None:
    def say(text: str) -> Message:
        return Message.objects.create(session=session, role="user", content=text)

    for name in NAMES[:2]:
        say(f"About {name}")
    own = say("We have decided on something")
    one = remember(project, "Database", "PostgreSQL.", source_message_id=own.pk)
    for name in NAMES[2:5]:
        say(f"About {name}")
        neighbours.refresh_session(session.pk)
    for name, found in zip(NAMES, (True, True, True, True, False), strict=False):
        assert (memories.recall(project.pk, name, 5) == [one]) is found, name


def test_a_memory_does_not_have_its_own_text_around_it(
    project: Project, session: ChatSession
) -> None:
    said = Message.objects.create(session=session, role="user", content="We use PostgreSQL.")
    one = remember(project, "Database", "we use postgresql", source_message_id=said.pk)
    assert "postgresql" not in SearchEntry.objects.get(object_id=one.pk).neighbours


@in_process
async def test_a_follow_up_question_recalls_what_the_one_before_it_is_about(
    project: Project, session: ChatSession
) -> None:
    await sync_to_async(fill)(project)
    model = ScriptedModel(analyses=[Analysis("question", "Asks", needs_tools=False)])
    await process(model, project, session, message="Which payment provider did we choose?")
    await process(model, project, session, message="And why?")
    contexts = [context for verb, context in model.asked if verb == "analyze"]
    assert [context.memories[0].title for context in contexts] == ["Payment"] * 2


@in_process
async def test_the_words_that_the_analysis_asks_for_are_looked_for(
    project: Project, session: ChatSession
) -> None:
    await sync_to_async(fill)(project)
    analysis = Analysis("question", "Asks", needs_tools=False, search="payment provider")
    model = Answering(analyses=[analysis])
    await process(model, project, session, message="How do people settle their bills?")
    (before,) = [context for verb, context in model.asked if verb == "analyze"]
    assert "Payment" not in [memory.title for memory in before.memories]
    assert model.context.memories[0].title == "Payment"


class Answering(ScriptedModel):
    """Keeps the context of its answer."""

    context: Any

    def answer(self, context: Any, analysis: Any, outcome: Any) -> Any:
        self.context = context
        return super().answer(context, analysis, outcome)


def fill(project: Project) -> None:
    """One memory about payment, and so many later ones that it is not among the latest."""
    remember(project, "Payment", "The payment provider is Stripe, for its fees.", kind="decision")
    for number in range(40):
        remember(project, f"Room {number}", f"Room {number} is green.")


@in_process
async def test_a_model_is_told_which_of_two_memories_is_the_newer_one(
    project: Project, session: ChatSession
) -> None:
    await sync_to_async(remember)(project, "Database", "We use SQLite.")
    model = ScriptedModel(analyses=[Analysis("question", "Asks", needs_tools=False)])
    await process(model, project, session)
    (context,) = [context for verb, context in model.asked if verb == "analyze"]
    kept = await Memory.objects.aget()
    assert context.memories[0].changed == f"{kept.updated_at:%Y-%m-%d %H:%M}"
