"""What came of each input, as JSON Lines: appended as each ends, and read back by the next start."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from agent.batch.inputs import Item, key_of


class Unusable(Exception):
    """Nothing can be appended to this file. The text is for the person."""


class Output:
    """Where results go. Nothing is kept by it: another start does everything again."""

    keeps = False

    def __init__(self, write: Callable[[bytes], Any]) -> None:
        self.batch = uuid4()  # what the ids of this batch's sessions and messages are made of
        self._write = write

    def has(self, item: Item) -> bool | None:
        """Returns None for an input that is to do, else whether it went well."""
        return None

    def add(self, result: Mapping[str, Any]) -> None:
        self._write((json.dumps(result, ensure_ascii=False, allow_nan=False) + "\n").encode())

    def close(self, *, finished: bool) -> None:
        """`finished`: no run is on its way that another start has to come back to."""


class KeptOutput(Output):
    """A file that another start goes on with.

    A second file beside it, there while a batch is under way, names the batch: from it come the ids of
    sessions and messages, so that a run which was started and not yet written is found and not doubled.
    """

    keeps = True

    def __init__(self, path: Path, *, dry_run: bool) -> None:
        """Raises `Unusable`, and OSError."""
        is_new = not path.exists()
        self._file = path.open("a+b")
        super().__init__(self._append)
        self._path, self._dry_run = path, dry_run
        self._name = path.with_name(path.name + ".batch")
        self._done: dict[str, bool] = {}
        try:
            self._lock()
            self._read_back()
            self.batch = self._known_batch(is_new)
        except BaseException:
            self._file.close()
            raise

    def has(self, item: Item) -> bool | None:
        return self._done.get(item.key)

    def close(self, *, finished: bool) -> None:
        if finished:
            self._name.unlink(missing_ok=True)
        self._file.close()

    def _append(self, line: bytes) -> None:
        # No fsync: what the machine's failure takes from here is in the database, and is found by its id.
        self._file.write(line)
        self._file.flush()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unusable(f"Another batch writes to {self._path}.") from None

    def _read_back(self) -> None:
        """Learns what is done; mends a last line that a crash broke off."""
        self._file.seek(0)
        whole = 0  # bytes that are complete lines
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):
                break
            self._learn(number, line)
            whole += len(line)
        # A torn line is dropped: its run is found by its id, and told whole.
        self._file.truncate(whole)

    def _learn(self, number: int, line: bytes) -> None:
        try:
            result = json.loads(line)
            key, ok, dry_run = (
                key_of(result["id"], result["message"]),
                result["ok"],
                result["dry_run"],
            )
        except (ValueError, TypeError, KeyError):
            raise Unusable(
                f"{self._path}, line {number}, is not a result of this command."
            ) from None
        if dry_run is not self._dry_run:
            kind = "a dry run" if dry_run else "no dry run"
            raise Unusable(f"{self._path} holds the results of {kind}: take another file.")
        self._done[key] = ok is True

    def _known_batch(self, is_new: bool) -> UUID:
        if not is_new and self._name.exists():
            try:
                return UUID(self._name.read_text().strip())
            except ValueError:
                pass  # broken off before the first run was started
        batch = uuid4()
        with self._name.open("w") as file:
            file.write(str(batch))
            file.flush()
            os.fsync(file.fileno())
        return batch


def stream_output(stream: BinaryIO) -> Output:
    def write(line: bytes) -> None:
        stream.write(line)
        stream.flush()

    return Output(write)
