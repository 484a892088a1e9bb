"""Fills a fresh database with the fixed cast, for tests with a real server; prints who they are as JSON.

Run as a program, with the server's environment.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import django

CAST = {"alice": "owner", "bob": "stranger", "carol": "viewer", "dave": "editor"}


def main() -> None:
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command

    from agent.accounts.tokens import create_token
    from agent.models import ChatSession, Membership, Project

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    call_command("migrate", verbosity=0)
    cast: dict[str, dict[str, str]] = {}
    for name in CAST:
        user = User.objects.create_user(name, password=f"{name}'s secret")
        store = SessionStore()
        store[SESSION_KEY] = str(user.pk)
        store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        store[HASH_SESSION_KEY] = user.get_session_auth_hash()
        store.save()
        cast[name] = {"token": create_token(user)[1], "cookie": str(store.session_key)}
    project = Project.objects.create(
        name="Clinic booking", owner=User.objects.get(username="alice")
    )
    for name in ("carol", "dave"):
        user = User.objects.get(username=name)
        Membership.objects.create(project=project, user=user, role=CAST[name])
    sessions = [str(ChatSession.objects.create(project=project).pk) for _ in range(2)]
    json.dump({"cast": cast, "project": str(project.pk), "sessions": sessions}, sys.stdout)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    django.setup()
    main()
