"""Starts programs of ours as forks of a process that has imported what reads no settings.

Those imports are most of the work of a start. What reads settings is imported after the fork, with the
program's own environment. `tests/site/test_make_run.py` starts the real commands.

Run as a program, it is that process, and serves the socket that is its standard input.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
# Those that take long to import and read no settings.
MODULES = (
    "allauth.core.internal.ratelimit",
    "channels.routing",
    "csp.middleware",
    "django.contrib.admin.options",
    "django.core.handlers.asgi",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.state",
    "dotenv",
    "httpcore2",
    "limits.aio.storage",
    "markdown_it",
    "openai",
    "psycopg",
    "redis",
    "regex",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "whitenoise",
    # Ours.
    "agent.event_log.parsing",
    "agent.llm.base",
    "agent.llm.reasoning",
    "agent.llm.schema_texts",
    "agent.llm.tokens",
    "agent.pipeline.named_tasks",
    "agent.pipeline.sub_steps",
    "agent.plans.approved_effects",
    "agent.plans.deletion_requests",
    "agent.plans.open_points",
    "agent.plans.parser",
    "agent.support.database_probe",
    "agent.support.differences",
    "agent.support.loop_watch",
    "agent.support.markdown",
    "agent.support.tracing",
    "agent.text.dates",
    "agent.text.patching",
    "chat.draft",
    "chat.static_files",
)
LONGEST = 1 << 18  # bytes of a request
PR_SET_CHILD_SUBREAPER = 36
_asking = threading.Lock()


# -- who starts a program ------------------------------------------------------------------------------


class Popen(subprocess.Popen[Any]):
    """`subprocess.Popen`, for `[sys.executable, FILE, ...]`, and with `-m MODULE` or `-c CODE` for the file.

    Of the other arguments, it knows `cwd`, `env`, and those of the standard files.
    """

    def _execute_child(self, args: Sequence[str], *how: Any) -> None:
        cwd, env, pipes = how[4], how[5], how[9:15]
        given = (pipes[0], pipes[3], pipes[5])
        files = [own if own != -1 else number for number, own in enumerate(given)]
        request = {"argv": args[1:], "cwd": str(cwd or Path.cwd()), "env": env or dict(os.environ)}
        with _asking:  # threads start programs too
            line = _fork_server()
            socket.send_fds(line, [json.dumps(request).encode()], files)
            self.pid = int(line.recv(LONGEST))
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def run(
    command: Sequence[str], *, input: Any = None, timeout: float | None = None, **how: Any
) -> subprocess.CompletedProcess[Any]:
    """Runs a program to its end, whose output is captured; `how`: as of `Popen`."""
    files: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    if input is None:
        files["stdin"] = subprocess.DEVNULL
    with Popen(command, **files, **how) as process:
        try:
            out, err = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@cache
def _fork_server() -> socket.socket:
    # The forked process has a parent that ends: it becomes a child of this process.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__], cwd=ROOT, stdin=theirs.fileno()
        )
    atexit.register(process.wait)
    atexit.register(ours.close)  # which ends the process
    return ours


# -- the process that forks ------------------------------------------------------------------------------


def _next_program() -> dict[str, Any]:
    """Serves requests; returns, in each fork, what is to be run there."""
    line = socket.socket(fileno=os.dup(0))
    while True:
        request, files, *_ = socket.recv_fds(line, LONGEST, 3)
        if not request:
            os._exit(0)
        answer, child = os.pipe()
        between = os.fork()
        if between == 0:
            forked = os.fork()
            if forked == 0:
                for number, file in enumerate(files):
                    os.dup2(file, number)
                os.closerange(3, os.sysconf("SC_OPEN_MAX"))
                return dict(json.loads(request))
            os.write(child, str(forked).encode())
            os._exit(0)
        os.waitpid(between, 0)
        line.send(os.read(answer, 20))
        for file in (*files, answer, child):
            os.close(file)


def _run(argv: list[str], cwd: str, env: dict[str, str]) -> None:
    """Runs a program as Python does with these arguments."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.path[1:1] = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    how, *rest = argv
    if how == "-m":
        sys.path[0], sys.argv = cwd, rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif how == "-c":
        sys.path[0], sys.argv = "", ["-c", *rest[1:]]
        exec(rest[0], {"__name__": "__main__"})
    else:
        sys.path[0], sys.argv = str(Path(how).resolve().parent), argv
        runpy.run_path(how, run_name="__main__")


def main() -> None:
    gc.disable()
    for name in MODULES:
        importlib.import_module(name)
    assert not settings.configured, "a module of MODULES reads settings"
    gc.freeze()
    program = _next_program()
    gc.enable()
    _run(**program)


if __name__ == "__main__":
    main()
