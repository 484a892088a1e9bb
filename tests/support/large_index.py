"""Fills a search index with thousands of texts and looks for things in it.

As a program, with the server's environment and words to look for as arguments: prints JSON, the first
three texts that are found for each argument.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from uuid import UUID, uuid4

import django

SIZE = 3000
COMMON = ("calendar", "clinic", "patient", "doctor", "reminder")
RARE = {100: "zeppelin", 900: "aquarium", 2500: "volcano"}


def texts() -> list[str]:
    """Each text has all common words but one, and its number. Few have a rare word."""
    return [
        " ".join([*(word for word in COMMON if word != COMMON[n % 5]), f"n{n}", RARE.get(n, "")])
        for n in range(SIZE)
    ]


def main() -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from agent.models import Project
    from agent.text import search_index

    call_command("migrate", verbosity=0)
    owner = User.objects.create_user("alice")
    project, other = (Project.objects.create(name=name, owner=owner) for name in ("A", "B"))
    keys: dict[UUID, str] = {}
    entries = []
    for of_project in (project, other):
        for text in texts():
            key = uuid4()
            if of_project == project:
                keys[key] = text
            entry = search_index.entry(
                project_id=of_project.pk, kind="memory", object_id=key, body=text
            )
            entries.append(entry)
    search_index.put(entries)
    found = [search_index.search(project.pk, "memory", text, 3) for text in sys.argv[1:]]
    print(json.dumps([[keys[key] for key in of_text] for of_text in found]))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    django.setup()
    main()
