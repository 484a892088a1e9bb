"""This process: how it works, and who it is, in a way that another one on the same host can check."""

from __future__ import annotations

import functools
import gc
import itertools
import os
import socket
import sys
from pathlib import Path

from django.conf import settings

# Objects more than were freed, after which garbage is looked for among the young ones.
GARBAGE = 10_000


def settle() -> None:
    """Makes the process fit for many runs, when all that it needs is loaded."""
    sys.setswitchinterval(settings.SWITCH_INTERVAL)
    # What is loaded stays. Looking through all of it for garbage stopped every run for 150 to 500 ms.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 20)


@functools.cache
def owner() -> str:
    """Returns `host:pid:start` of this process; `start` tells it from a later one with the same pid."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


os.register_at_fork(after_in_child=owner.cache_clear)

_numbers = itertools.count(1)


def new_owner() -> str:
    """Returns an owner that nobody else is, in this process too: `host:pid:start:number`."""
    return f"{owner()}:{next(_numbers)}"


def is_dead(name: str) -> bool:
    """Tells whether `name`, an owner, was in a process of this host that is gone. Unsure: False."""
    host, pid, started, *_ = name.split(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    return _started(int(pid)) != started


def _started(pid: int) -> str:
    """Returns when the process was started, in the kernel's clock ticks; "" when there is none."""
    try:
        # The second field is the program's name in brackets, and may hold anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return _alive_without_proc(pid)


def _alive_without_proc(pid: int) -> str:
    if Path("/proc/self").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "alive"
    return "alive"
