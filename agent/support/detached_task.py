"""Tasks that outlive what started them, such as a request."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any


def start_detached(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Starts a task in an empty context. One that inherits a request's context keeps a thread alive."""
    return asyncio.get_running_loop().create_task(coroutine, context=contextvars.Context())
