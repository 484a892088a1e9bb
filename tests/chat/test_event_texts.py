"""The texts of a real run: what its events say, as they are written, is what all of them together say."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User

from agent.exceptions import ToolFailed
from agent.models import ChatSession
from agent.runs.runs import MessageRequest
from chat import fold
from tests.support import story
from tests.support.scripted_runs import create, log_of, outcome, use
from tests.support.tools import Flaky, having

pytestmark = pytest.mark.django_db(transaction=True)


def lines(bodies: list[str]) -> list[str]:
    """Returns the line of the run after each event."""
    ends = range(1, len(bodies) + 1)
    return [fold.fold(enumerate(bodies[:end], 1)).exchanges[0].line for end in ends]


async def test_each_event_says_what_the_run_does_then(session: ChatSession, alice: User) -> None:
    steps = [create("s1", "Login"), use("s2", "fail"), create("s3", "After it", "s2")]
    with having("fail", Flaky(*[ToolFailed("No such page.")] * 9)):
        await outcome(session, alice, MessageRequest("Do it"), *steps)
    frames = await log_of(session)
    told = lines([json.dumps(frame) for frame in frames])
    assert told == lines([json.dumps(story.without_text(frame)) for frame in frames])
    assert told[-1].endswith(" · 1 of 3 steps failed, 1 skipped · 1 task")
    assert "Running 3 steps, 1 done, 1 failed, 1 skipped" in told
    assert [told[0], told[2]] == ["Queued", "Starting"]
