"""A PostgreSQL of a test's own, which it may restart: in a temporary folder, on a free port."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.server import free_port
from tests.support.services import initdb_path


class Cluster:
    def __init__(self, folder: Path, programs: Path) -> None:
        self._data, self._programs = folder / "data", programs
        self._port = free_port()
        # PostgreSQL refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "--pgdata", str(self._data), *arguments]
        done = subprocess.run(
            command,
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
            cwd=self._data.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=120,
        )
        if done.returncode:
            log = self._data.parent / "log"
            raise AssertionError(
                f"{program} ended with {done.returncode}\n{log.read_text() if log.exists() else ''}"
            )

    def start(self) -> None:
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8")
        options = f"-p {self._port} -k {self._data.parent} -c listen_addresses=127.0.0.1"
        self._pg_ctl("start", "--options", f"{options} -c max_connections=200 -c fsync=off")

    def restart(self) -> None:
        """Cuts all connections, as an upgrade of the package does."""
        self._pg_ctl("restart", "--mode=fast")

    def stop(self) -> None:
        self._pg_ctl("stop", "--mode=immediate")

    def _pg_ctl(self, verb: str, *options: str) -> None:
        log = str(self._data.parent / "log")
        self._run("pg_ctl", verb, "--wait", "--silent", "--log", log, *options)


@contextlib.contextmanager
def own_postgresql() -> Iterator[Cluster]:
    """For tests that are marked so."""
    program = initdb_path()
    assert program is not None
    with tempfile.TemporaryDirectory(prefix="samurai-postgresql-") as folder:
        cluster = Cluster(Path(folder), Path(program).parent)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
