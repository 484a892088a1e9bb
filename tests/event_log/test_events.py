"""What an event is written as can be read, by this version and by later ones."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from agent.event_log import events, parsing
from agent.event_log.times import now
from tests.support import story, story_events

RUN = story_events.FIRST


@pytest.mark.parametrize("body", story.story())
def test_an_event_that_was_read_is_written_as_it_was(body: str) -> None:
    event = parsing.read(body)
    assert event.as_json() == json.loads(body)


def test_an_event_of_another_version_is_unknown_with_all_that_it_tells() -> None:
    told = {"type": "holiday", "mood": "good", "seq": 3, "run": str(RUN), "timestamp": now()}
    event = parsing.read(json.dumps(told))
    assert isinstance(event, parsing.Unknown)
    assert (event.name, event.run, event.broken) == ("holiday", RUN, False)
    assert event.as_json() == told


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        '{"type": "run", "status": "running"}',
        f'{{"type": "run", "status": "running", "seq": 1, "run": null, "timestamp": "{now()}"}}',
        events.Run(RUN, "running").frame(1).replace('"running"', "5"),
        events.Progress(RUN, "start", "Hi").frame(1).replace('"progress":{', '"other":{'),
    ],
)
def test_what_is_not_as_its_type_says_is_broken(body: str) -> None:
    event = parsing.read(body)
    assert isinstance(event, parsing.Unknown)
    assert event.broken


def test_an_event_from_before_a_field_was_added_is_read() -> None:
    id = UUID(int=1)
    frame = events.Approval(RUN, id=id, status="requested", plan_revision=1, effects=[]).as_json()
    for later in ("effects", "estimate", "expires_at"):
        del frame["approval"][later]
    event = parsing.read(json.dumps(frame))
    assert isinstance(event, events.Approval)
    assert event.effects is None


def test_a_step_that_nobody_registered_is_refused_and_an_old_one_is_read() -> None:
    with pytest.raises(ValueError, match="progress_step"):
        events.Progress(RUN, "long_gone", "Hi")
    old = events.Progress(RUN, "start", "Hi").frame(1).replace('"start"', '"long_gone"')
    event = parsing.read(old)
    assert isinstance(event, events.Progress)
    assert event.step == "long_gone"
