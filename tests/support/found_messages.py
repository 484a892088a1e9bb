"""Fills a database with messages and looks for them, changes and deletes some, and looks again.

As a program, with the server's environment: prints JSON, the texts that each query finds.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import django

TEXTS = (
    "Über die Zahlungen im Café",
    "予約システムを作る",
    "foo-bar is not foobaz, 50% off",
    "It's \\ 'quoted' & | ! :* (all)",
    *(f"wish {number}" for number in range(300)),
)
QUERIES = (
    "zahl",
    "cafe",
    "システム",
    "予",
    "foo-bar",
    "50%",
    "it's",
    "\\ quo",
    "wish",
    "wish 29",
    "w",
    "&",
)


def main() -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from agent.models import ChatSession, Message, Project
    from agent.text import message_index

    call_command("migrate", verbosity=0)
    owner = User.objects.create_user("alice")
    project, other = (Project.objects.create(name=name, owner=owner) for name in ("A", "B"))
    sessions = [ChatSession.objects.create(project=one) for one in (project, project, other)]
    for session in sessions:
        Message.objects.bulk_create(
            Message(session=session, role="user", content=text) for text in TEXTS
        )

    def look() -> list[list[str]]:
        found = (message_index.find([project.pk], query.split(), 3) for query in QUERIES)
        texts = dict(Message.objects.values_list("pk", "content"))
        return [[texts[key] for key in keys] for keys in found]

    before = look()
    changed = sessions[1].messages.get(content="wish 299")
    changed.content = "something else"
    changed.save()
    sessions[0].delete()
    after = look()
    sessions[1].delete()
    print(json.dumps([before, after, look()]))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    django.setup()
    main()
