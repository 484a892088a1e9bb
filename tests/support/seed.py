"""Fills a database with the fixed cast, for tests with a real server; prints who they are as JSON.

Run as a program, with the server's environment. `--listen`: each line of the input is a list, the name of
a module of `tests.support` and arguments, with which its `fill` is called; what that returns is printed.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import django

CAST = {"alice": "owner", "bob": "stranger", "carol": "viewer", "dave": "editor"}
# Seconds that the runs of the last test get to end.
PATIENCE = 30.0


def digest(name: str) -> str:
    from django.contrib.auth.hashers import make_password

    return make_password(f"{name}'s secret", hasher="pbkdf2_sha256")


def person(name: str, password: str) -> dict[str, str]:
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore

    from agent.accounts.tokens import create_token

    user = User.objects.create(username=name, password=password)
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return {"token": create_token(user)[1], "cookie": str(store.session_key)}


def make_cast(digests: dict[str, str]) -> dict[str, Any]:
    from django.contrib.auth.models import User

    from agent.models import ChatSession, Membership, Project

    cast = {name: person(name, digests[name]) for name in CAST}
    project = Project.objects.create(
        name="Clinic booking", owner=User.objects.get(username="alice")
    )
    for name in ("carol", "dave"):
        user = User.objects.get(username=name)
        Membership.objects.create(project=project, user=user, role=CAST[name])
    sessions = [str(ChatSession.objects.create(project=project).pk) for _ in range(2)]
    return {"cast": cast, "project": str(project.pk), "sessions": sessions}


def wait_for_runs() -> None:
    from agent.models import Run

    give_up = time.monotonic() + PATIENCE
    waiting = Run.objects.filter(status=Run.Status.WAITING)
    at_work = Run.objects.filter(status__in=(Run.Status.QUEUED, Run.Status.RUNNING)).exclude(
        session__in=waiting.values("session")  # those queue behind it
    )
    while at_work.exists():
        if time.monotonic() > give_up:
            raise TimeoutError("the runs of the last test do not end")
        time.sleep(0.02)


def empty() -> None:
    """Deletes all rows but those that the migrations made."""
    from django.apps import apps
    from django.db.models import Model

    kept = ("contenttypes.ContentType", "auth.Permission")
    model: type[Model]
    for model in apps.get_models(include_auto_created=True):
        if model._meta.label not in kept and model._meta.managed:
            rows = model._base_manager.all()
            rows._raw_delete(rows.db)  # type: ignore[attr-defined]


def fill() -> dict[str, Any]:
    """Empties the database and makes the cast anew."""
    from django.contrib.auth.models import User
    from django.db import transaction

    wait_for_runs()
    with transaction.atomic():
        known = dict(User.objects.values_list("username", "password"))  # they take a while to make
        empty()
        return make_cast({name: known.get(name) or digest(name) for name in CAST})


def main() -> None:
    if sys.argv[1:] == ["--listen"]:
        for line in sys.stdin:
            module, *arguments = json.loads(line)
            made = importlib.import_module(f"tests.support.{module}").fill(*arguments)
            print(json.dumps(made, default=str), flush=True)
        return
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps(make_cast({name: digest(name) for name in CAST})))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    django.setup()
    main()
