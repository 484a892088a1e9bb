"""Where a replay is in its log, against the recorded one: so that all happens in the recorded order.

Models, tools and people wait here until what was recorded before them is in the log again.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any
from uuid import UUID

from agent.event_log.log import Committed
from agent.event_log.phases import Phase
from agent.exceptions import Refused, RunTimeout
from agent.llm.base import StartOver

# Seconds without an event after which a replay is given up: nothing of it takes long.
IDLE = 20.0

Decide = Callable[[], Coroutine[Any, Any, Any]]
Frame = Mapping[str, Any]


class Pace:
    """The events of one run in a replay. `recorded`: those of the capsule."""

    def __init__(
        self,
        recorded: Sequence[Frame],
        session: UUID,
        timeout: str = "",
        asked_at: Sequence[str] = (),
    ) -> None:
        """`timeout`: the error of a run that took longer than it may; `asked_at`: when the calls to the model
        began of which `asked` tells.
        """
        self.recorded = recorded
        self.frames: list[dict[str, Any]] = []
        self.run: UUID | None = None
        self.notes: list[str] = []  # what went another way, and is no event
        self.answered = asyncio.Event()  # the model has written its answer
        self._session = session
        self._timeout = timeout
        self._decisions: list[tuple[int, Decide]] = []  # of people, by their place in the log
        self._asked_at = asked_at
        self._asked = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._committed = asyncio.Event()
        self._counted = threading.Condition()  # for threads
        self._last = time.monotonic()

    # -- the log -----------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many events the run has by now."""
        return len(self.frames)

    @property
    def is_idle(self) -> bool:
        return time.monotonic() - self._last > IDLE

    def on_commit(self, committed: Committed) -> None:
        """Listens to `agent.event_log.log`."""
        if committed.session != self._session:
            return
        with self._counted:
            for frame in committed.frames:
                self.run = self.run or frame.run
                if frame.run == self.run:
                    self.frames.append(json.loads(frame.body))
            self._last = time.monotonic()
            self._counted.notify_all()
        # Before the run goes on: who waits for this commit is woken after the listeners.
        self.decide_if_due()
        self._wake()

    def asked(self) -> None:
        """Notes that the model is called once more: a person may have decided something only then."""
        self._asked += 1
        self.decide_if_due()

    def decide_if_due(self) -> None:
        if self._is_due():
            _, decide = self._decisions.pop(0)
            task = asyncio.get_running_loop().create_task(self._decide(decide))
            self._tasks.add(task)
            task.add_done_callback(self._decided)

    def _is_due(self) -> bool:
        """Tells whether the next decision has its place, behind the calls that had begun before it."""
        if not self._decisions or self._decisions[0][0] > self.count:
            return False
        at: str = self.recorded[self._decisions[0][0]]["timestamp"]
        return self._asked >= sum(began < at for began in self._asked_at)

    def _decided(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake()

    def _wake(self) -> None:
        woken, self._committed = self._committed, asyncio.Event()
        woken.set()

    async def _decide(self, decide: Decide) -> None:
        try:
            await decide()
        except Refused as refused:
            self.notes.append(f"What a person did is refused now: {refused}")

    def expect(self, decisions: Sequence[tuple[int, Decide]]) -> None:
        self._decisions = list(decisions)

    async def next_commit(self) -> None:
        try:
            async with asyncio.timeout(0.5):
                await self._committed.wait()
        except TimeoutError:
            return

    # -- waiting -----------------------------------------------------------------------------------

    async def until(self, count: int) -> None:
        """Waits until the run has `count` events, and until people have done what comes next."""
        while (self.count < count or self._is_somebodys_turn()) and not self.is_idle:
            await self.next_commit()

    def until_now(self, count: int) -> None:
        """As `until`, in a thread."""
        with self._counted:
            while self.count < count and not self.is_idle:
                self._counted.wait(IDLE)

    async def people(self) -> None:
        await self.until(0)

    def _is_somebodys_turn(self) -> bool:
        return bool(self._tasks) or self._is_due()

    async def never(self) -> None:
        """Waits until the run is cancelled, or fails it as it failed, after its time."""
        await self.people()
        if self._timeout:
            raise RunTimeout(self._timeout)
        await asyncio.Event().wait()

    # -- the answer and the memory -------------------------------------------------------------------

    def index(self, matches: Callable[[Frame], bool], after: int = -1) -> int | None:
        """Returns the place of the first recorded event behind `after` that matches."""
        places = range(after + 1, len(self.recorded))
        return next((place for place in places if matches(self.recorded[place])), None)

    async def answer(self, text: str) -> AsyncIterator[str | StartOver]:
        """Yields `text` in the pieces in which the log has it, each in its place."""
        tokens = [place for place, one in enumerate(self.recorded) if one["type"] == "token"]
        whole = ""
        for place in tokens:
            token = self.recorded[place]
            whole = whole[: token["offset"]] + token["text"]
        shared = _shared(whole, text)  # what follows it in the log was added to the answer
        sent, place = 0, -1
        for place in tokens:
            token = self.recorded[place]
            await self.until(place)
            if token["offset"] == 0 and sent:
                sent = 0
                yield StartOver()
            if piece := token["text"][: max(0, shared - token["offset"])]:
                sent = token["offset"] + len(piece)
                yield piece
        if rest := text[shared:]:
            yield rest
        end = self.index(_ends_words, place)
        if end is not None and end > place + 1:
            await self.until(end)
        await self.people()
        self.answered.set()

    @property
    def memory_is_with_the_end(self) -> bool:
        """The memory phase ended in the commit that ended the run."""
        memory, last = self.index(_ends_memory), self.index(_is_complete)
        if memory is None or last is None or memory > last:
            return False
        return self.index(_is_of_answer, memory) is None

    async def memory(self) -> None:
        """Waits until the model may say what to remember."""
        await self.people()
        memory, last = self.index(_ends_memory), self.index(_is_complete)
        if memory is None:
            return
        if last is not None and memory > last:
            await self.until(last + 1)
        elif not self.memory_is_with_the_end:
            while memory and _is_remembered(self.recorded[memory - 1]):
                memory -= 1
            await self.until(memory)
        else:
            await self.answered.wait()


def _shared(one: str, other: str) -> int:
    """Returns how many characters at the beginning are the same."""
    size = min(len(one), len(other))
    return next((place for place in range(size) if one[place] != other[place]), size)


def _progress(frame: Frame, step: str, phase: str) -> bool:
    told = frame.get("progress") if frame["type"] == "progress" else None
    return bool(told and told["step"] == step and told["metadata"].get("phase") == phase)


def _ends_memory(frame: Frame) -> bool:
    return _progress(frame, Phase.MEMORY, "finished")


def _is_complete(frame: Frame) -> bool:
    return bool(frame["type"] == "complete")


def _ends_words(frame: Frame) -> bool:
    """Tells whether the event ends a step that is words: the `step` event comes just before it."""
    return bool(frame["type"] == "step" and frame["step"]["status"] == "succeeded")


def _is_of_answer(frame: Frame) -> bool:
    return bool(frame["type"] == "token" or _ends_words(frame))


def _is_remembered(frame: Frame) -> bool:
    return bool(frame["type"] == "change" and not frame["change"].get("step"))
