"""Carries messages out in this process, at the same time, by the library; prints what came of them.

Run as a program, with the server's environment: the project, then a session and a message for each.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import django


async def main(project: str, *pairs: str) -> None:
    from uuid import UUID

    from agent.agent import PlanningFirstAgent

    results = await asyncio.gather(
        *(
            PlanningFirstAgent().process_user_message(
                message, UUID(project), session_id=UUID(session)
            )
            for session, message in zip(pairs[::2], pairs[1::2], strict=True)
        )
    )
    json.dump([[str(result.run), result.status, result.error] for result in results], sys.stdout)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    django.setup()
    asyncio.run(main(*sys.argv[1:]))
