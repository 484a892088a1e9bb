"""Loads the tools and progress steps of other packages. A broken one is named and stops nothing else.

A package registers them when a module of it is imported: the module that it names as an entry point of
the group `samurai_agent.tools`, or the one that its `AppConfig.ready` gives to `load`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from django.core.checks import CheckMessage, Warning

logger = logging.getLogger(__name__)

GROUP = "samurai_agent.tools"

_errors: dict[str, str] = {}  # by the name of what could not be loaded


def load(module: str) -> None:
    """Imports a module that registers tools or progress steps, from `AppConfig.ready`."""
    _load(f"the module {module!r}", lambda: import_module(module))


def load_entry_points() -> None:
    for point in entry_points(group=GROUP):
        package = point.dist.name if point.dist else "an unknown package"
        _load(f"the entry point {point.name!r} of {package} ({point.value})", point.load)


def _load(name: str, work: Callable[[], object]) -> None:
    _errors.pop(name, None)
    try:
        work()
    except (
        Exception,
        SystemExit,
    ) as error:  # other people's code: an error in it must not stop the server
        _errors[name] = f"{type(error).__name__}: {error}"
        logger.exception("Tools were not loaded: %s", name)


def check(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """Warns of what could not be loaded: for `manage.py check`, and every command that checks."""
    return [
        Warning(
            f"Tools were not loaded: {name} raised {error}",
            hint="What it had registered before the error works. The log has the traceback.",
            id="agent.W001",
        )
        for name, error in _errors.items()
    ]
