"""When a replay does again what people did."""

from __future__ import annotations

from uuid import uuid4

from agent.capsule.pace import Pace

RECORDED = [
    {"type": "message", "timestamp": "2026-01-01T00:00:01.000000Z"},
    {"type": "steering", "timestamp": "2026-01-01T00:00:03.000000Z"},
]


async def decided(pace: Pace) -> bool:
    done: list[bool] = []

    async def decide() -> None:
        done.append(True)

    pace.frames.append(dict(RECORDED[0]))
    pace.expect([(1, decide)])
    pace.decide_if_due()
    await pace.people()
    return bool(done)


async def test_a_decision_waits_for_the_call_to_the_model_that_had_begun_before_it() -> None:
    pace = Pace(RECORDED, uuid4(), asked_at=["2026-01-01T00:00:02.000000Z"])
    assert not await decided(pace)
    pace.asked()
    assert pace._is_somebodys_turn()  # the model's answer waits for the person
    await pace.people()
    assert not pace._is_somebodys_turn()


async def test_a_decision_does_not_wait_for_a_call_that_began_after_it() -> None:
    assert await decided(Pace(RECORDED, uuid4(), asked_at=["2026-01-01T00:00:04.000000Z"]))


async def test_capsules_of_earlier_versions_do_not_tell_when_calls_began() -> None:
    assert await decided(Pace(RECORDED, uuid4()))
