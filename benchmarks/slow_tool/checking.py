"""The tool, which does nothing else."""

from __future__ import annotations

import asyncio

from agent.tools.registry import Result, ToolCall, tool

SECONDS = 20


class Checked(Result):
    is_up: bool


@tool("reads")
async def check_site(call: ToolCall, url: str, reports: bool = False) -> Checked:
    """Checks a web site. Takes 20 seconds."""
    for page in range(SECONDS):
        if reports:
            call.progress(f"Checking {url}", f"{page} of {SECONDS} pages")
        await asyncio.sleep(1)
    return Checked(is_up=True)
