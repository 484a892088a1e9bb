"""Whatever people do at the same time, no step is carried out outside of the last valid plan, and every
message into a run takes effect or becomes the next message.

`INTERLEAVINGS=2000` before the command plays 2,000 runs instead of 40.
"""

from __future__ import annotations

import os

import pytest
from django.contrib.auth.models import User

from agent.models import ChatSession, Project
from tests.support.interleavings import Case, played

RUNS = int(os.environ.get("INTERLEAVINGS", "40"))


@pytest.mark.django_db(transaction=True)
async def test_no_interleaving_carries_out_a_step_outside_of_the_last_valid_plan(
    project: Project, alice: User, settings: object
) -> None:
    settings.SAMURAI_USER_RUNS_PER_MINUTE = 1_000_000  # type: ignore[attr-defined]
    cases = [
        Case(number, await ChatSession.objects.acreate(project=project, created_by=alice), alice)
        for number in range(RUNS)
    ]
    assert await played(cases) == []
