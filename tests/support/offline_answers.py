"""What the offline model makes of a message, on the board of a clinic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agent.llm.base import Analysis, Context, MemoryBrief, Outcome, Revise, StepOutcome, TaskBrief
from agent.llm.offline.model import OfflineModel
from tests.support.offline_board import check

SIGN_UP = TaskBrief("t1", "Patient sign-up with email verification", "pending", "medium")


SLOTS = TaskBrief("t2", "Doctors publish free slots", "pending", "medium")


BOOKING = TaskBrief("t3", "Patients book and cancel a slot", "pending", "medium")


REMINDER = TaskBrief("t4", "SMS reminder a day before", "pending", "medium", depends_on=("t3",))


DJANGO = MemoryBrief(
    "m1", "Django with PostgreSQL", "We decided to use Django with PostgreSQL.", "decision"
)


TESTS_FIRST = MemoryBrief(
    "m2", "Writing the tests first", "I prefer writing the tests first.", "preference"
)


FULL = Context(
    message="",
    project_name="Clinic",
    tasks=(SIGN_UP, SLOTS, BOOKING, REMINDER),
    recent_tasks=(REMINDER, BOOKING),
    memories=(DJANGO, TESTS_FIRST),
    recent_memories=(TESTS_FIRST,),
)


async def analysed(message: str, context: Context = FULL) -> Analysis:
    return await OfflineModel().analyze(replace(context, message=message))


async def planned(message: str, context: Context = FULL, revise: Revise | None = None) -> list[Any]:
    model, context = OfflineModel(), replace(context, message=message)
    plan = await model.plan(context, await model.analyze(context), (), revise)
    check(plan)
    return list(plan["steps"])


async def answered(message: str, context: Context = FULL, *steps: StepOutcome) -> str:
    model, context = OfflineModel(), replace(context, message=message)
    analysis = await model.analyze(context)
    outcome = Outcome(analysis.intent, analysis.question, steps)
    return "".join([piece async for piece in model.answer(context, analysis, outcome)])
