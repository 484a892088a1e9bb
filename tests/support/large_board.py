"""Fills the project of a session with tasks and memories; prints the id of the last task.

As a program, with the server's environment: `python -m tests.support.large_board SESSION TASKS MEMORIES`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django


def fill(session_id: str, tasks: int, memories: int) -> str:
    from django.db import transaction

    from agent.board.tasks import NewTask, create_tasks
    from agent.memory.memories import remember
    from agent.models import ChatSession

    project = ChatSession.objects.get(pk=session_id).project_id
    with transaction.atomic():
        rows, _ = create_tasks(
            project_id=project, items=[NewTask(f"Errand {n}") for n in range(tasks)]
        )
        for n in range(memories):
            remember(project_id=project, title=f"Note{n}", content=f"It is {n}.", kind="fact")
    return str(rows[-1].pk)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    django.setup()
    print(fill(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
