"""This process: its interpreter settings, and an identity that other processes of the host can check."""

from __future__ import annotations

import functools
import gc
import itertools
import os
import resource
import socket
import sys
from pathlib import Path

from django.conf import settings

GC_THRESHOLD = 10_000  # new objects between collections of the youngest generation
MAX_DESCRIPTORS = 65_536  # open files and sockets, where the system allows as many


def tune() -> None:
    """Sets the process up for many runs and viewers. To be called when all modules are loaded."""
    sys.setswitchinterval(settings.SWITCH_INTERVAL)
    # Loaded modules are exempt: collecting through all of them stopped every run for 150 to 500 ms.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))


@functools.cache
def owner() -> str:
    """Returns this process as `host:pid:start`; `start` differs when the pid is used again."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


os.register_at_fork(after_in_child=owner.cache_clear)

_numbers = itertools.count(1)


def new_owner() -> str:
    """Returns an owner that is unique also within this process: `host:pid:start:number`."""
    return f"{owner()}:{next(_numbers)}"


def is_dead(name: str) -> bool:
    """Tells whether the owner `name` belongs to a dead process of this host; False when unsure."""
    host, pid, started, *_ = [*name.split(":"), "", ""]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    return _started(int(pid)) != started


def _started(pid: int) -> str:
    """Returns the start time of the process in the kernel's clock ticks; "" when it does not exist."""
    try:
        # The second field, the program's name in parentheses, may itself contain spaces.
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
