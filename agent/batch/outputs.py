"""The results as JSON Lines: appended when an input ends, and read back by the next invocation."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from agent.batch.items import Item, key_of


class Unusable(Exception):
    """The file can't be appended to. The text is for the user."""


class Output:
    """An output that is not kept: another invocation executes all inputs again."""

    keeps = False

    def __init__(self, write: Callable[[bytes], Any]) -> None:
        self.batch = uuid4()  # the ids of sessions and messages derive from it
        self._write = write

    def has(self, item: Item) -> bool | None:
        """Returns None for an input without a result, else whether the result is ok."""
        return None

    def add(self, result: Mapping[str, Any]) -> None:
        self._write((json.dumps(result, ensure_ascii=False, allow_nan=False) + "\n").encode())

    def close(self, *, finished: bool) -> None:
        """`finished`: no run is left for another invocation to continue."""


class KeptOutput(Output):
    """A file that another invocation continues.

    While a batch is unfinished, a second file holds its id. The ids of sessions and messages derive
    from it, so that a run whose result was not written is found again instead of started twice.
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
        # No fsync: a result lost in a crash is still in the database, and its run is found by its id.
        self._file.write(line)
        self._file.flush()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unusable(f"Another batch is writing to {self._path}.") from None

    def _read_back(self) -> None:
        """Reads the results, and removes a last line that a crash cut off."""
        self._file.seek(0)
        complete = 0  # bytes of complete lines
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):
                break
            self._read_line(number, line)
            complete += len(line)
        # The run of an incomplete line is found by its id, and reported again.
        self._file.truncate(complete)

    def _read_line(self, number: int, line: bytes) -> None:
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
            kind = "dry runs" if dry_run else "runs that are not dry"
            raise Unusable(f"{self._path} holds results of {kind}. Use another file.")
        self._done[key] = ok is True

    def _known_batch(self, is_new: bool) -> UUID:
        if not is_new and self._name.exists():
            try:
                return UUID(self._name.read_text().strip())
            except ValueError:
                pass  # a crash before the first run was started
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
