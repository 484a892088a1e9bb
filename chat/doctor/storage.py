"""Checks of what is stored: room on the disk, the size of the database, backups and permissions."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection

from agent.support import raw_sql
from chat.doctor.findings import Finding, error, ok, unknown, warning

FEW_BYTES, LITTLE_BYTES = 200_000_000, 1_000_000_000
OLD, VERY_OLD = timedelta(hours=26), timedelta(days=7)  # a daily backup may take two hours
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def disk() -> Iterator[Finding]:
    """Of the data folder, and of the database if it is there."""
    free = shutil.disk_usage(settings.VAR_DIR).free
    text = f"{_size(free)} are free in {settings.VAR_DIR}"
    remedy = "Free some room, or move SAMURAI_VAR_DIR."
    if free < FEW_BYTES:
        yield error("disk", f"Only {text}.", remedy)
    elif free < LITTLE_BYTES:
        yield warning("disk", f"Only {text}.", remedy)
    else:
        yield ok("disk", f"{text}.")
    if connection.vendor == "postgresql":
        (size,) = raw_sql.column("SELECT pg_database_size(current_database())")
        text = f"The database has {_size(size)}; the room on the disk of PostgreSQL is not known."
        yield unknown("disk", text, "Monitor that disk on the machine of PostgreSQL.")
    else:
        name = Path(settings.DATABASES["default"]["NAME"])
        yield ok("disk", f"The database has {_size(name.stat().st_size)}.")


def backup() -> Iterator[Finding]:
    """Of the newest file at SAMURAI_BACKUPS."""
    if not settings.SAMURAI_BACKUPS:
        text = "It is not known whether there is a backup."
        remedy = "Make backups, and set SAMURAI_BACKUPS to the file or the folder that they are in."
        yield unknown("backup", text, remedy)
        return
    place = Path(settings.SAMURAI_BACKUPS)
    files = [place] if place.is_file() else [one for one in place.glob("*") if one.is_file()]
    made = [one.stat().st_mtime for one in files if one.stat().st_size]
    remedy = "Look at the job that makes backups; docs/deploy.md has the commands."
    if not made:
        yield error("backup", f"There is no backup at {place}.", remedy)
        return
    age = timedelta(seconds=time.time() - max(made))
    text = f"The newest backup is {_age(age)} old."
    if age > VERY_OLD:
        yield error("backup", text, remedy)
    elif age > OLD:
        yield warning("backup", text, remedy)
    else:
        yield ok("backup", text)


def permissions() -> Iterator[Finding]:
    """Of the data folder and of the secret key in it."""
    folder: Path = settings.VAR_DIR
    if not os.access(folder, os.W_OK | os.X_OK):
        text = f"{folder} cannot be written by the user of this command."
        yield error("permissions", text, "Run the command and the server as the owner of the data.")
        return
    key = folder / "secret_key"
    if key.exists() and key.stat().st_mode & _OTHERS:
        text = f"Other users of the machine may read {key}, which signs cookies."
        yield error("permissions", text, f"chmod 600 {key}")
    elif folder.stat().st_mode & stat.S_IRWXO:
        text = f"Other users of the machine may look into {folder}."
        yield warning("permissions", text, f"chmod 700 {folder}")
    else:
        yield ok("permissions", f"Only the owner of {folder} may look into it.")


def _size(size: int) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:,} {unit}"
        size //= 1000
    return f"{size:,} GB"


def _age(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.0f} days"
