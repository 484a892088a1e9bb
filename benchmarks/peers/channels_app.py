"""Stock Channels: a run saves each event with `acreate` and sends it with `group_send`.

As a program, with the server's environment: makes the database and a user, and prints the user's cookie.
The in-memory layer, SQLite with the product's options. Neither replay nor numbering by the database.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
VAR = Path(os.environ["SAMURAI_VAR_DIR"])
settings.configure(
    SECRET_KEY="benchmark",
    ALLOWED_HOSTS=["*"],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "channels",
    ],
    ROOT_URLCONF="benchmarks.peers.no_pages",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": VAR / "channels.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    },
    # The default capacity of 100 drops events of a burst.
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels.layers.InMemoryChannelLayer",
            "CONFIG": {"capacity": 100_000},
        }
    },
)
django.setup()

from channels.auth import AuthMiddlewareStack  # noqa: E402  (Django is set up first)
from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.urls import path  # noqa: E402

from benchmarks.peers.pace import HELLO, Pace, body, end  # noqa: E402


class Event(models.Model):
    run = models.CharField(max_length=36)
    seq = models.PositiveBigIntegerField()
    body = models.TextField()

    class Meta:
        app_label = "channels"
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="one_event_per_seq")]


class RunConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    async def connect(self) -> None:
        self.run = self.scope["url_route"]["kwargs"]["run"]
        await self.channel_layer.group_add(self.run, self.channel_name)
        await self.accept()
        await self.send(HELLO)

    async def receive(self, text_data: str = "", bytes_data: bytes | None = None) -> None:
        pace = Pace.of_query(self.scope["query_string"])
        self.at_work = asyncio.create_task(self.execute(pace))

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.run, self.channel_name)

    async def execute(self, pace: Pace) -> None:
        first = await Event.objects.filter(run=self.run).acount()
        async for number in pace.steps():
            await self.report(first + number, body(first + number))
        await self.report(first + pace.events + 1, end(first + pace.events + 1))

    async def report(self, seq: int, text: str) -> None:
        await Event.objects.acreate(run=self.run, seq=seq, body=text)
        await self.channel_layer.group_send(self.run, {"type": "progress", "text": text})

    async def progress(self, message: dict[str, Any]) -> None:
        await self.send(message["text"])


application = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": AuthMiddlewareStack(URLRouter([path("run/<str:run>", RunConsumer.as_asgi())])),
    }
)


def main() -> None:
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Event)
    print(json.dumps(cookie()))


def cookie() -> str:
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore

    user = User.objects.create_user("bench")
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return str(store.session_key)


if __name__ == "__main__":
    main()
