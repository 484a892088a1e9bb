"""AG-UI's official JavaScript client, whose verifier is on, as a program that a test runs."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.support.server import ServerProcess
from tests.support.services import ROOT, node_path

ASK = "Create a task to write the docs"
URL = "ag-ui/"
Told = list[dict[str, Any]]


async def official(
    server: ServerProcess, *runs: dict[str, Any], content: str = ASK
) -> tuple[Told, dict[str, Any]]:
    """Lets AG-UI's client run; returns the events that it took, and what it made of them."""
    program = node_path()
    assert program is not None
    process = await asyncio.create_subprocess_exec(
        program,
        str(ROOT / "tests" / "support" / "ag_ui_client.mjs"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    order = {
        "url": f"{server.url}/api/{URL}",
        "token": server.cast["alice"]["token"],
        "threadId": "my thread",
        "messages": [{"id": "1", "role": "user", "content": content}],
        "runs": runs,
    }
    out, err = await asyncio.wait_for(process.communicate(json.dumps(order).encode()), 60)
    lines = [json.loads(line) for line in out.decode().splitlines()]
    assert lines, err.decode()
    assert "error" not in lines[-1], (lines[-1], err.decode())
    return [line["event"] for line in lines[:-1]], lines[-1]
