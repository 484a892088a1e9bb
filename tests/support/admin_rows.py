"""Fills the database of a server with what the lists of the admin show, in words that fit nowhere.

As a program, with the server's environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django

WORD = "W" * 100  # nowhere may it be broken but within it


def fill() -> None:
    from django.contrib.auth.models import User

    from agent.models import (
        Approval,
        Batch,
        ChatSession,
        Feedback,
        Memory,
        Message,
        ModelCall,
        PlanRevision,
        PlanStep,
        Project,
        Run,
        Task,
    )
    from tests.support.admin_site import make_rows

    alice, bob = (User.objects.get(username=name) for name in ("alice", "bob"))
    session = ChatSession.objects.filter(project__owner=alice).order_by("created_at")[0]
    make_rows(session, alice, bob)
    for model, name in (
        *((Task, "title"), (Memory, "title"), (ChatSession, "title"), (Message, "content")),
        *((Project, "name"), (Batch, "name"), (Feedback, "comment"), (ModelCall, "error")),
        *((ModelCall, "model"), (Run, "model"), (PlanStep, "description"), (PlanStep, "tool")),
        *((PlanRevision, "summary"), (Approval, "reason")),
    ):
        model._base_manager.update(**{name: WORD})


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    django.setup()
    fill()
