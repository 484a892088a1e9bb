"""Two servers and two workers: what they tell at `/metrics` adds up to the event log."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.runs import measuring
from tests.support.distributed import Site, eventually, running
from tests.support.scraping import SETTINGS, Samples, added, by, scrape, total
from tests.support.server import Process, ServerProcess, WorkerProcess, say, watching

pytestmark = [pytest.mark.long, pytest.mark.postgresql, pytest.mark.redis]

STATES = "body::json ->> 'status'"
PHASE = "body::json -> 'progress' ->> 'step'"


def counts(site: Site, query: str) -> dict[str, float]:
    return {key: float(value) for key, value in site.rows(query)}


def check_adds_up(site: Site, samples: Samples) -> None:
    """Compares counters and histograms with what the database has."""
    events = counts(site, "SELECT type, count(*) FROM agent_event GROUP BY 1")
    assert by(samples, "samurai_events_total", "type") == events
    states = f"SELECT {STATES}, count(*) FROM agent_event WHERE type = 'run' GROUP BY 1"
    assert by(samples, "samurai_run_states_total", "status") == counts(site, states)
    phases = counts(
        site,
        f"SELECT {PHASE}, count(*) FROM agent_event WHERE type = 'progress' "
        "AND body::json -> 'progress' -> 'metadata' ->> 'phase' = 'finished' "
        "AND body::json -> 'progress' -> 'metadata' ->> 'step_id' IS NULL GROUP BY 1",
    )
    assert by(samples, "samurai_phase_duration_seconds_count", "phase") == phases
    tools = "SELECT tool, count(*) FROM agent_planstep WHERE status = 'succeeded' GROUP BY 1"
    assert by(samples, "samurai_tool_duration_seconds_count", "tool") == counts(site, tools)
    calls = "SELECT verb, count(*) FROM agent_modelcall GROUP BY 1"
    assert by(samples, "samurai_model_calls_total", "verb") == counts(site, calls)
    ((given, written),) = site.rows(
        "SELECT sum(input_tokens), sum(output_tokens) FROM agent_modelcall"
    )
    tokens = by(samples, "samurai_model_tokens_total", "kind")
    assert tokens == {"input": given, "output": written}


async def talk(site: Site, name: str) -> None:
    """Sends a message to each server, and follows its run there."""
    sessions = (site.web[0].session, site.web[0].other_session)

    async def one(server: ServerProcess, session: str) -> None:
        async with watching(server, session=session) as socket:
            await say(socket, f"{name} in {session[:4]}")

    await asyncio.gather(*map(one, site.web, sessions))


async def settled(site: Site) -> None:
    """Waits until the last run has remembered and saved its calls."""
    waits = "SELECT 1 FROM agent_run WHERE status NOT IN ('succeeded', 'failed', 'cancelled')"
    await eventually(lambda: not site.rows(waits))
    done = (
        f"SELECT count(*) FROM agent_event WHERE type = 'progress' AND {PHASE} = 'memory' "
        "AND body::json -> 'progress' -> 'metadata' ->> 'phase' = 'finished'"
    )
    runs = site.rows("SELECT count(*) FROM agent_run")[0][0]
    await eventually(lambda: site.rows(done)[0][0] == runs)
    calls = "SELECT count(*) FROM agent_modelcall"
    await eventually(lambda: site.rows(calls)[0][0] == 4 * runs)
    await asyncio.sleep(2 * measuring.GATHER)


async def scraped(servers: Sequence[ServerProcess]) -> list[Samples]:
    return [await asyncio.to_thread(scrape, server) for server in servers]


async def test_any_server_of_one_machine_tells_the_sum_of_all_processes(tmp_path: Path) -> None:
    with running(tmp_path, **SETTINGS) as site:
        await talk(site, "First")
        await talk(site, "Second")
        await settled(site)
        one, other = await scraped(site.web)
        for samples in (one, other):
            check_adds_up(site, samples)
            roles = by(samples, "samurai_processes", "role")
            assert (roles["web"], roles["worker"]) == (2, 2)
            assert by(samples, "samurai_workers", "state") == {"alive": 2}
            assert total(samples, "samurai_run_states_total") > 0
            assert total(samples, "samurai_delivery_delay_seconds_count") >= 4
            assert total(samples, "samurai_commit_delay_seconds_count") >= 4 * 8

        # What processes that were killed and stopped have counted stays.
        site.workers[0].stop(signal.SIGKILL)
        site.web[1].stop(signal.SIGTERM)
        (samples,) = await scraped(site.web[:1])
        check_adds_up(site, samples)
        roles = by(samples, "samurai_processes", "role")
        assert (roles["web"], roles["worker"]) == (1, 1)
        site.start()
        await talk(site, "Third")
        await settled(site)
        (samples,) = await scraped(site.web[1:])
        check_adds_up(site, samples)


async def test_the_sum_of_two_machines_is_the_event_log_and_their_queue_is_the_same(
    tmp_path: Path,
) -> None:
    with running(tmp_path, SECRET_KEY="of-the-tests", **SETTINGS) as site:
        site.stop()
        for number in range(2):
            processes: tuple[Process, ...] = (site.web[number], site.workers[number])
            for process in processes:
                process.env["SAMURAI_VAR_DIR"] = str(tmp_path / f"machine{number}")
        site.start()
        gate = site.model.gate("plan", f"Held in {site.web[0].session[:4]}")
        await talk(site, "First")
        talking = asyncio.create_task(talk(site, "Held"))
        await eventually(lambda: site.model.asked("plan", f"Held in {site.web[0].session[:4]}"))
        held = await scraped(site.web)
        for samples in held:  # each tells the same of what is in the database
            assert by(samples, "samurai_runs", "status")["running"] >= 1
            assert total(samples, "samurai_queue_runs") == 0
            roles = by(samples, "samurai_processes", "role")
            assert (roles["web"], roles["worker"]) == (1, 1)
        assert by(held[0], "samurai_connections", "transport")["websocket"] >= 1
        gate.open()
        await talking
        await settled(site)
        machines = await scraped(site.web)
        check_adds_up(site, added(machines))
        for samples in machines:
            assert (
                0
                < total(samples, "samurai_events_total")
                < total(added(machines), "samurai_events_total")
            )
            assert total(samples, "samurai_connections_opened_total") == 2


async def test_runs_that_no_worker_takes_are_seen_in_the_queue(tmp_path: Path) -> None:
    with running(tmp_path, **SETTINGS) as site:
        for worker in site.workers:
            worker.stop(signal.SIGKILL)
        server = site.web[0]
        async with watching(server) as socket:
            talking = asyncio.create_task(say(socket, "Waiting"))
            await eventually(lambda: site.rows("SELECT 1 FROM agent_run"))
            await asyncio.sleep(1)
            (samples,) = await scraped([server])
            assert total(samples, "samurai_queue_runs") == 1
            assert total(samples, "samurai_queue_age_seconds") >= 1
            assert by(samples, "samurai_processes", "role") == {"web": 2}
            assert by(samples, "samurai_runs", "status") == {"queued": 1}
            lost: list[WorkerProcess] = site.workers
            for worker in lost:
                worker.start()
            await talking
        (samples,) = await scraped([server])
        assert total(samples, "samurai_queue_runs") == 0
