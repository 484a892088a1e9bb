"""What holds an event loop is told once, with where; a busy machine and many short callbacks are no hold."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from agent.support import loop_watch
from tests.support import held_loop
from tests.support.held_loop import TOLD


def count_slowly(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(100))


def sort_at_once() -> None:
    sorted(range(1_500_000), key=str)


@contextlib.asynccontextmanager
async def watched() -> AsyncIterator[None]:
    loop_watch.start()
    await asyncio.sleep(4 * loop_watch.PERIOD)
    try:
        yield
        await asyncio.sleep(4 * loop_watch.PERIOD)
    finally:
        loop_watch.stop()


async def call(work: Callable[[], None]) -> None:
    async with watched():
        work()
        await asyncio.sleep(0)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if TOLD in line]


LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])


@LOOPS
def test_what_holds_the_loop_is_told_in_one_line_with_where(
    loop: Callable[[], asyncio.AbstractEventLoop], caplog: pytest.LogCaptureFixture
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(call(lambda: count_slowly(0.4)))
    (line,) = told(caplog)
    assert "test_loop_watch.py" in line
    assert "count_slowly" in line
    assert "\n" not in line
    held = int(line.split(" ms ")[0].rpartition(" ")[2])
    assert held >= 300, line


@LOOPS
def test_one_long_call_of_an_extension_is_told(
    loop: Callable[[], asyncio.AbstractEventLoop], caplog: pytest.LogCaptureFixture
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(call(sort_at_once))
    (line,) = told(caplog)
    assert "sort_at_once" in line


def test_a_wait_without_the_processor_and_many_short_callbacks_are_no_hold(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def many() -> None:
        async with watched():
            time.sleep(0.3)  # noqa: ASYNC251  (holds the loop, and not the processor)
            await asyncio.sleep(0)
            await asyncio.gather(*(short() for _ in range(100)))

    async def short() -> None:
        count_slowly(0.005)

    asyncio.run(many())
    assert told(caplog) == []


async def test_a_loop_is_watched_once(caplog: pytest.LogCaptureFixture) -> None:
    async with watched():
        loop_watch.start()
        count_slowly(0.4)
    assert len(told(caplog)) == 1


def test_a_hold_by_code_of_the_product_is_found_in_this_process() -> None:
    async def hold() -> None:
        count_slowly(0.15)

    async def wait() -> None:
        await asyncio.gather(hold())

    with held_loop.measured() as found:
        asyncio.run(wait())
    assert found == []  # of a test
    with held_loop.measured((__file__,)) as found:
        asyncio.run(wait())
    (line,) = found
    assert "hold" in line
