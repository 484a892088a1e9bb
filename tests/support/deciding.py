"""Decides on a waiting plan from a process of its own, when it is told to; prints how that was received.

Run as a program, with the server's environment: the verb, the session, the run.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import django


def decision(verb: str, session: UUID, run: UUID) -> Any:
    from django.contrib.auth.models import User

    from agent.runs import approvals

    alice = User.objects.get(username="alice")
    if verb == "approve":
        return approvals.approve(session, run, 1, alice)
    return approvals.reject(session, run, 1, alice, "Not like this")


async def main(decide: Any) -> None:
    from agent.exceptions import Refused

    try:
        await decide
        print("done")
    except Refused as refused:
        print(refused.code)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    django.setup()
    verb, session, run = sys.argv[1:]
    prepared = decision(verb, UUID(session), UUID(run))
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(main(prepared))
