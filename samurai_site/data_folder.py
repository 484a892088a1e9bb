"""The folder of the data, which only its owner reads."""

import contextlib
import os
import secrets
from pathlib import Path


def create(folder: Path) -> None:
    """Creates the folder, unless it exists. The modes of one that exists are its owner's to choose."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def secret_key(folder: Path) -> str:
    """Returns the key in the file `secret_key`. Generates it on the first start."""
    path = folder / "secret_key"
    if not path.exists():
        # Linking is atomic: if two processes start at once, both use the key that was linked first.
        temporary = folder / f"secret_key.{os.getpid()}"
        with os.fdopen(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
        temporary.unlink()
    return path.read_text().strip()


def keep_private(file: Path) -> None:
    """Creates an empty file that only its owner reads. Of one that exists, takes the rights of others away.

    SQLite gives its other files the modes of the database's.
    """
    with contextlib.suppress(
        OSError
    ):  # a read-only folder, or the file of somebody else: it is opened later
        descriptor = os.open(file, os.O_CREAT | os.O_RDONLY, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
