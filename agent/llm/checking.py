"""Tries the connected model, as a run would call it, and says what works and how fast.

Also looks for servers of models on this machine.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from agent.exceptions import ModelError
from agent.llm import capabilities
from agent.llm.base import Analysis, Context, Outcome
from agent.llm.capabilities import JsonMode
from agent.llm.errors import Server

# Where servers of models listen on the machine that they run on, by default.
LOCAL_SERVERS = {
    "Ollama": "http://127.0.0.1:11434/v1",
    "LM Studio": "http://127.0.0.1:1234/v1",
    "llama.cpp": "http://127.0.0.1:8080/v1",
    "vLLM": "http://127.0.0.1:8000/v1",
}
TIMEOUT = 0.5  # seconds for the look at one of them
MAX_BYTES = 1_000_000  # of a list of models
_FORMS = {
    JsonMode.JSON_SCHEMA: "enforced by the server (json_schema)",
    JsonMode.JSON_OBJECT: "as JSON, with the schema in the prompt (json_object)",
    JsonMode.TEXT: "as text, with the schema in the prompt",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check. `is_good`: None for what is only told."""

    name: str
    text: str
    is_good: bool | None = None


async def check() -> list[Finding]:
    """Calls the connected model twice, for an analysis and for an answer; returns what was found."""
    from agent.llm.openai import OFFICIAL, OpenAIModel  # takes most of a second

    server = Server(
        settings.OPENAI_BASE_URL or OFFICIAL, settings.SAMURAI_MODEL, settings.OPENAI_API_KEY
    )
    found = [Finding("Server", server.host), Finding("Model", server.model)]
    context = Context("Say hello.", "A check of the connection")
    model, began = OpenAIModel(), time.monotonic()
    try:
        analysis = await model.analyze(context)
    except ModelError as error:
        return [*found, Finding("Structured answer", str(error), is_good=False)]
    known = capabilities.of(server)
    took = _seconds(began)
    form = _FORMS[known.best_mode("analysis")]
    found.append(Finding("Structured answer", f"{form}, {took}", is_good=True))
    found.append(await _answer(model, context, analysis))
    size = known.window.size
    window = f"{size:,} tokens" if size else "unknown: the server does not tell it"
    found.append(Finding("Window", window, is_good=True if size else None))
    reasons = "yes" if known.options.reasons else "no sign of it"
    found.append(Finding("Reasons before it answers", reasons))
    used = model.usage
    tokens = f"{used.input_tokens:,} read, {used.output_tokens:,} written"
    found.append(Finding("Tokens of this check", tokens if used.input_tokens else "not counted"))
    return found


async def _answer(model: Any, context: Context, analysis: Analysis) -> Finding:
    began, first, pieces = time.monotonic(), "", 0
    try:
        async for piece in model.answer(context, analysis, Outcome(analysis.intent, "")):
            first = first or _seconds(began)
            pieces += isinstance(piece, str)
    except ModelError as error:
        return Finding("Streamed answer", str(error), is_good=False)
    if pieces < 2:
        return Finding("Streamed answer", f"comes in one piece, {_seconds(began)}", is_good=None)
    return Finding(
        "Streamed answer", f"first word after {first}, all after {_seconds(began)}", is_good=True
    )


def _seconds(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"


# -- servers on this machine -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server of models on this machine. `models`: their names, at least one."""

    name: str
    address: str
    models: tuple[str, ...]

    @property
    def settings(self) -> str:
        """Returns the settings that connect its first model, as a shell takes them."""
        return f"OPENAI_BASE_URL={self.address} SAMURAI_MODEL={self.models[0]}"


async def local_servers(except_port: int | None = None) -> list[LocalServer]:
    """Returns the servers of models that answer on this machine within half a second.

    `except_port`: that of this site's own server.
    """
    places = [
        (name, address)
        for name, address in LOCAL_SERVERS.items()
        if not address.endswith(f":{except_port}/v1")
    ]
    looks = (asyncio.to_thread(_models_at, address) for _, address in places)
    found = await asyncio.gather(*looks)
    return [
        LocalServer(name, address, models)
        for (name, address), models in zip(places, found, strict=True)
        if models
    ]


def _models_at(address: str) -> tuple[str, ...]:
    try:
        with _DIRECT.open(f"{address}/models", timeout=TIMEOUT) as response:
            body = json.loads(response.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return ()
    rows = body.get("data") if isinstance(body, dict) else None
    return tuple(_names(rows if isinstance(rows, list) else ()))


def _names(rows: Iterable[Any]) -> Iterable[str]:
    for row in rows:
        name = row.get("id") if isinstance(row, dict) else None
        if isinstance(name, str) and name and name.isprintable():
            yield name


# No proxy: these addresses are of this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
