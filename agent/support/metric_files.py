"""The files in which the processes of a machine keep their metrics, and their sum.

A process holds the lock of a file for as long as it lives. What ended processes have counted stays: it is
moved to common files, since a counter must not decrease.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from django.conf import settings

if TYPE_CHECKING:
    from prometheus_client import Metric

ENDED = "ended"  # stands for all ended processes
_SUMMED = ("counter", "histogram")
_COLLECTING = "collecting.lock"
_ADDED = "added"  # names the processes whose files the new common files have


class Process:
    """Names this process. A fork is another process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pid, self._name = 0, ""
        self._locked: int | None = None
        self._once = threading.Lock()

    def __call__(self) -> str:
        if self._pid != os.getpid():
            with self._once:
                if self._pid != os.getpid():
                    self._begin()
        return self._name

    def _begin(self) -> None:
        name = uuid4().hex
        new = self._folder / f"{name}.new"
        # It stays open: the system gives up the lock of a process that ends.
        self._locked = os.open(new, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._locked, fcntl.LOCK_EX)
        new.rename(_lock_of(self._folder, name))  # now others see it, locked
        self._name, self._pid = name, os.getpid()


def folder() -> Path:
    """Returns where the processes of this machine keep their files."""
    return Path(settings.VAR_DIR) / "metrics"


def collect() -> list[Metric]:
    """Returns the sums of all processes of this machine."""
    from prometheus_client.multiprocess import MultiProcessCollector

    with _alone(folder()):
        _keep_ended(folder())
        # A file that a process has just opened is empty.
        files = [str(path) for path in folder().glob("*.db") if path.stat().st_size]
        return list(MultiProcessCollector.merge(files, accumulate=True))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / _COLLECTING).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _keep_ended(folder: Path) -> None:
    """Moves what ended processes have counted to the common files, and deletes theirs.

    Ends first what a process began that was killed on the way.
    """
    _finish(folder)
    names = {_process_of(path) for path in folder.glob("*.db")} - {ENDED}
    names |= {path.stem for path in folder.glob("*.lock") if path.name != _COLLECTING}
    ended = [name for name in names if _is_over(folder, name)]
    if not ended:
        return
    for kind in _SUMMED:
        _add_up(folder, kind, [folder / f"{kind}_{name}.db" for name in ended])
    new = folder / f"{_ADDED}.new"
    new.write_text("\n".join(ended))
    new.replace(folder / _ADDED)  # from here on, not their files count, but the new common ones
    _finish(folder)


def _finish(folder: Path) -> None:
    """Deletes the files of the processes that the new common files have, and puts these in their place."""
    added = folder / _ADDED
    if not added.exists():
        return
    for name in added.read_text().splitlines():
        for path in [*folder.glob(f"*_{name}.db"), _lock_of(folder, name)]:
            path.unlink(missing_ok=True)
    for kind in _SUMMED:
        with suppress(FileNotFoundError):  # it is in its place already
            (folder / f"{kind}_{ENDED}.new").replace(folder / f"{kind}_{ENDED}.db")
    added.unlink()


def _is_over(folder: Path, name: str) -> bool:
    try:
        lock = os.open(_lock_of(folder, name), os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _add_up(folder: Path, kind: str, ended: Iterable[Path]) -> None:
    """Writes the sum of the common file and of those of ended processes to a new common file."""
    from prometheus_client.mmap_dict import MmapedDict

    total: dict[str, float] = {}
    common, new = folder / f"{kind}_{ENDED}.db", folder / f"{kind}_{ENDED}.new"
    for path in (common, *ended):
        for key, value in _values(path).items():
            total[key] = total.get(key, 0.0) + value
    new.unlink(missing_ok=True)
    written = MmapedDict(str(new))
    for key, value in total.items():
        written.write_value(key, value, 0.0)
    written.close()


def _values(path: Path) -> Mapping[str, float]:
    """Returns the numbers of a file; none of one that its process had no time to write."""
    from prometheus_client.mmap_dict import MmapedDict

    try:
        return {key: value for key, value, *_ in MmapedDict.read_all_values_from_file(str(path))}
    except (FileNotFoundError, struct.error, RuntimeError, UnicodeDecodeError):
        return {}


def _process_of(path: Path) -> str:
    return path.stem.rpartition("_")[2]


def _lock_of(folder: Path, name: str) -> Path:
    return folder / f"{name}.lock"
