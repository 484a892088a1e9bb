"""The board of a clinic, with a task of each kind that a question may be about."""

from __future__ import annotations

from typing import Any

from agent.llm.base import Context, TaskBrief


def task(id: str, title: str, status: str = "pending", **more: Any) -> TaskBrief:
    return TaskBrief(id, title, status, more.pop("priority", "medium"), **more)


BOARD = Context(
    message="",
    project_name="Clinic",
    tasks=(
        task("t1", "Patient sign-up", "in_progress"),
        task("t2", "Login page", priority="high"),
        task("t3", "Test the login flow", depends_on=("t2",)),
        task("t4", "Invoice export", description="For billing, as CSV."),
        task("t5", "Billing address form", parent="t4"),
        task("t6", "Stripe checkout", "blocked", description="Billing by card"),
        task("t7", "Write the docs", priority="low", depends_on=("t9",)),
    ),
    recent_tasks=(task("t5", "Billing address form", parent="t4"),),
    completed=(task("t8", "Login logo", "completed"), task("t9", "Docs folder", "completed")),
)
