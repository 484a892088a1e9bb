"""The design that the product replaces: a view streams the progress of its own run from a queue.

It stores nothing, and a run has one viewer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="benchmark", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, INSTALLED_APPS=[]
)
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402  (Django is set up first)

from benchmarks.peers.pace import Pace, body, end  # noqa: E402


async def run(request: HttpRequest, run: str) -> StreamingHttpResponse:
    pace = Pace.of_query(request.META["QUERY_STRING"].encode())
    return StreamingHttpResponse(_progress(pace), content_type="text/event-stream")


async def _progress(pace: Pace) -> AsyncIterator[str]:
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    processing = asyncio.create_task(_process(pace, queue))
    while (text := await queue.get()) is not None:
        yield f"data: {text}\n\n"
    await processing


async def _process(pace: Pace, queue: asyncio.Queue[str | None]) -> None:
    async for number in pace.steps():
        await queue.put(body(number))
    await queue.put(end(pace.events + 1))
    await queue.put(None)


urlpatterns: list[Any] = [path("run/<str:run>", run)]
application = get_asgi_application()
