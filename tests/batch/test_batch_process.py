"""`manage.py run_batch` interrupted, killed, started again, on a terminal, and beside a server."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.batch import PATIENCE, Command, by_id, end, results
from tests.support.databases import seeded_database
from tests.support.distributed import Model
from tests.support.model_server import Answer, Gate, ModelServer, Request, error
from tests.support.server import (
    ServerProcess,
    WorkerProcess,
    is_last,
    until,
    watching,
)

WISHES = ["Sweep", "Mop", "Dust", "Rinse", "Dry"]


@pytest.fixture
def file(modelled: Command) -> str:
    return modelled.file("wishes.txt", "\n".join(WISHES) + "\n")


@pytest.fixture
def out(modelled: Command) -> Path:
    return modelled.folder / "out.jsonl"


def eventually(reached: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < give_up, "it did not come to that in time"
        time.sleep(0.05)


@contextlib.contextmanager
def stopped_at(
    command: Command, gates: list[Gate], *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Starts the command, until its runs stand before the gates, and the others are written."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with command.started(*arguments, "--quiet", **pipes) as process:
        for gate in gates:
            assert gate.reached.wait(PATIENCE)
        done = len(WISHES) - len(gates)
        eventually(lambda: command.statuses().count("succeeded") == done)
        yield process


def check_all_done_once(command: Command, out: Path) -> None:
    told = by_id(out)
    assert {result["message"]: result["status"] for result in told.values()} == dict.fromkeys(
        WISHES, "succeeded"
    )
    assert command.titles() == sorted(f"{wish}, {step}" for wish in WISHES for step in "ab")
    assert command.statuses() == ["succeeded"] * len(WISHES)
    ((sessions,),) = command.place.rows("SELECT count(*) FROM agent_chatsession")
    assert sessions == len(WISHES) + 2  # two were there before
    assert not out.with_name("out.jsonl.batch").exists()


# -- broken off ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_same_command_goes_on_where_it_was_broken_off_and_does_nothing_twice(
    modelled: Command, model: Model, file: str, out: Path, how: signal.Signals
) -> None:
    gates = [model.gate("plan", "Mop"), model.gate("answer", "Dry")]
    with stopped_at(modelled, gates, file, "--output", str(out)) as process:
        eventually(lambda: len(results(out)) == len(WISHES) - len(gates))
        assert end(process, how) == (130 if how != signal.SIGKILL else -9)
    running = modelled.place.rows("SELECT lease_until FROM agent_run WHERE status = 'running'")
    assert len(running) == 2
    if how != signal.SIGKILL:
        assert running == [(None,), (None,)]  # handed over
    asked = len(model.asked("analysis", "Mop"))
    # A crash in the middle of a line.
    whole = out.read_bytes()
    out.write_bytes(whole[: whole.rindex(b'"status"')])
    for gate in gates:
        gate.open()
    done = modelled.run(file, "--output", str(out))
    assert done.returncode == 0
    check_all_done_once(modelled, out)
    assert len(model.asked("analysis", "Mop")) == asked  # what was found out is read back
    again = modelled.run(file, "--output", str(out))
    assert again.returncode == 0
    assert "5 done earlier" in again.stderr
    check_all_done_once(modelled, out)


def test_interrupted_without_a_file_it_cancels_what_nobody_will_go_on_with(
    modelled: Command, model: Model, file: str
) -> None:
    gates = [model.gate("analysis", "Mop"), model.gate("analysis", "Dry")]
    with stopped_at(modelled, gates, file) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert b"Traceback" not in err
    told = {result["message"]: result["status"] for result in results(out.decode())}
    assert told == dict.fromkeys(WISHES, "succeeded") | dict.fromkeys(["Mop", "Dry"], "cancelled")
    assert sorted(modelled.statuses()) == ["cancelled"] * 2 + ["succeeded"] * 3


def test_it_is_interrupted_while_a_pipe_says_nothing(modelled: Command) -> None:
    here, there = socket.socketpair()
    pipes = {"stdin": there, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with here, there, modelled.started("-", **pipes) as process:
        here.sendall(b"Sweep\nMo")
        assert process.stdout is not None
        process.stdout.readline()
        assert end(process, signal.SIGINT) == 130
    assert modelled.statuses() == ["succeeded"]  # half a line is no message


@pytest.mark.long
def test_what_failed_before_is_not_done_again_and_still_counts(
    modelled: Command, model: Model, answering: ModelServer, file: str, out: Path
) -> None:
    def refusing(request: Request) -> Answer:
        return error(401) if request.message == "Mop" else Model.handle(model, request)

    answering.handler = refusing
    for _ in range(2):
        assert modelled.run(file, "--output", str(out)).returncode == 1
        assert by_id(out)["2"]["code"] == "model_refused"
    # Its line taken out, it is done again.
    lines = out.read_text().splitlines(keepends=True)
    out.write_text("".join(line for line in lines if '"id": "2"' not in line))
    answering.handler = model.handle
    assert modelled.run(file, "--output", str(out)).returncode == 0
    assert by_id(out)["2"]["status"] == "succeeded"
    # The file taken away, everything is.
    out.unlink()
    assert modelled.run(file, "--output", str(out)).returncode == 0
    assert len(modelled.statuses()) == 2 * len(WISHES) + 1


def test_two_at_once_do_not_write_to_one_file(
    modelled: Command, model: Model, file: str, out: Path
) -> None:
    gate = model.gate("analysis", "Mop")
    with stopped_at(modelled, [gate], file, "--output", str(out)) as process:
        second = modelled.run(file, "--output", str(out))
        assert second.returncode == 2
        assert "Another batch is writing to" in second.stderr
        gate.open()
        assert process.wait(PATIENCE) == 0
    check_all_done_once(modelled, out)


# -- on a terminal ---------------------------------------------------------------------------------


class Terminal:
    """The other end of what a program takes for its terminal."""

    def __init__(self) -> None:
        self._ours, self.its = pty.openpty()
        self.text = ""

    def until(self, reached: Callable[[str], object]) -> str:
        """Reads until what is there now satisfies `reached`; returns it without control codes."""
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text)
            if reached(plain):
                return plain
            if select.select([self._ours], [], [], 0.2)[0]:
                with contextlib.suppress(OSError):  # its end is closed
                    self.text += os.read(self._ours, 65_536).decode(errors="replace")
        raise AssertionError(self.text)

    def close(self) -> None:
        os.close(self._ours)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


def test_a_terminal_shows_each_run_with_its_step_and_when_all_is_done(
    modelled: Command, model: Model, out: Path, terminal: Terminal
) -> None:
    first, second = model.gate("plan", "Sweep"), model.gate("answer", "Mop")
    given = '{"id": "one", "message": "Sweep"}\n{"id": "\\u001b]0;two", "message": "Mop"}\n'
    file = modelled.file("wishes.jsonl", given)
    modelled.env |= {"TERM": "xterm", "COLUMNS": "120", "LINES": "30"}
    with modelled.started(
        file, "--output", str(out), stdout=terminal.its, stderr=terminal.its
    ) as process:
        os.close(terminal.its)
        shown = terminal.until(
            lambda text: (
                re.search(r"one +📋 Creating execution plan", text)
                and re.search(r"two +💬 Writing the answer", text)
            )
        )
        assert "0 of 2" in shown
        assert "time left: unknown" in shown
        second.open()
        shown = terminal.until(lambda text: re.search(r"1 of 2 .*time left: [0-9.]+ m?s", text))
        first.open()
        shown = terminal.until(lambda text: "Finished after" in text)
        assert process.wait(PATIENCE) == 0
    assert shown.rstrip().endswith("2 succeeded.")
    assert "\x1b]" not in terminal.text
    assert len(results(out)) == 2


def test_ctrl_c_on_a_terminal_leaves_it_as_it_was(
    modelled: Command, model: Model, file: str, out: Path, terminal: Terminal
) -> None:
    gate = model.gate("analysis", "Mop")
    modelled.env |= {"TERM": "xterm"}
    with modelled.started(
        file, "--output", str(out), stdout=terminal.its, stderr=terminal.its
    ) as process:
        os.close(terminal.its)
        assert gate.reached.wait(PATIENCE)
        terminal.until(lambda text: "Analyzing your request" in text)
        assert end(process, signal.SIGINT) == 130
    shown = terminal.until(lambda text: "Interrupted after" in text)
    assert "Traceback" not in shown
    assert terminal.text.rindex("\x1b[?25h") > terminal.text.rindex("\x1b[?25l")  # the cursor


# -- beside a server -------------------------------------------------------------------------------


async def test_a_server_beside_shows_its_runs_live(modelled: Command, model: Model) -> None:
    server = modelled.place
    server.start()
    try:
        gate = model.gate("answer", "Sweep")
        line = f'{{"id": 1, "message": "Sweep", "session": "{server.session}"}}\n'
        file = modelled.file("wishes.jsonl", line)
        async with watching(server) as socket:
            with modelled.started(file, "--quiet", stdout=subprocess.PIPE) as process:
                before = await until(socket, lambda f: f["type"] == "change")
                await gate.arrived()
                assert process.poll() is None
                gate.open()
                after = await until(socket, is_last)
                assert process.wait(PATIENCE) == 0
        seqs = [frame["seq"] for frame in before + after if "seq" in frame]
        assert seqs == list(range(1, len(seqs) + 1))
    finally:
        server.stop(signal.SIGKILL)


def test_what_an_interrupted_batch_hands_over_a_server_finishes_and_the_next_start_reads(
    modelled: Command, model: Model, file: str, out: Path
) -> None:
    gate = model.gate("plan", "Mop")
    modelled.place.start()
    try:
        with stopped_at(modelled, [gate], file, "--output", str(out)) as process:
            assert end(process, signal.SIGINT) == 130
        gate.open()
        eventually(lambda: modelled.statuses() == ["succeeded"] * len(WISHES))
        asked = len(model.requests)
        assert modelled.run(file, "--output", str(out)).returncode == 0
        assert len(model.requests) == asked
    finally:
        modelled.place.stop(signal.SIGKILL)
    check_all_done_once(modelled, out)


@pytest.mark.long
@pytest.mark.postgresql
@pytest.mark.redis
def test_workers_drive_a_batch_where_there_are_workers(tmp_path: Path, model: Model) -> None:
    with ModelServer(model.handle) as answering, seeded_database(tmp_path) as (url, seed):
        env = {
            "DATABASE_URL": url,
            "REDIS_URL": os.environ["TEST_REDIS_URL"],
            "SAMURAI_ENGINE": "procrastinate",
            "OPENAI_API_KEY": "key",
            "OPENAI_BASE_URL": answering.base_url,
        }
        place = ServerProcess(tmp_path, seed, **env)
        command = Command(place)
        worker = WorkerProcess(tmp_path, "worker", **env)
        out = tmp_path / "out.jsonl"
        gate = model.gate("plan", "Mop")
        try:
            worker.start()
            file = command.file("wishes.txt", "\n".join(WISHES) + "\n")
            with stopped_at(command, [gate], file, "--output", str(out)) as process:
                assert worker.process is not None
                owners = place.rows("SELECT lease_owner FROM agent_run WHERE status = 'running'")
                assert [owner.split(":")[1] for (owner,) in owners] == [str(worker.process.pid)]
                assert end(process, signal.SIGINT) == 130
            gate.open()
            assert command.run(file, "--output", str(out)).returncode == 0
            check_all_done_once(command, out)
        finally:
            gate.open()
            worker.stop(signal.SIGKILL)
