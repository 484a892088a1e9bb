"""Makes capsules of runs that are over, and carries them out again in the tests' database."""

from __future__ import annotations

from asgiref.sync import sync_to_async

from agent.capsule import form, recording, replaying
from agent.capsule.form import Capsule
from agent.capsule.replaying import Replayed
from agent.models import Run


async def capsule(run: Run) -> Capsule:
    """Returns the capsule of a run, as it is read from its file."""
    made = await sync_to_async(recording.capsule_of)(run)
    return form.from_bytes(form.to_bytes(made, compressed=True))


async def replayed(run: Run) -> Replayed:
    return await replaying.replay(await capsule(run))


async def assert_identical(run: Run) -> Capsule:
    made = await capsule(run)
    await assert_replays(made)
    return made


async def assert_replays(made: Capsule) -> None:
    assert made.cannot_be_replayed == ""
    again = await replaying.replay(made)
    assert again.differences == [], "\n".join(again.differences)
    assert again.events == len(made.events) > 2
