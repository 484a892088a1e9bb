"""`manage.py setup`: makes the site ready to be served, and says how to get in. Safe to repeat."""

import os
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from django.urls import reverse

from agent.accounts.sign_in import make_token, owner
from agent.llm.factory import model_notice
from agent.models import ChatSession, Project

SAMPLE_NAME = "Clinic booking"
SAMPLE_BRIEF = (
    "A web app for a small clinic: patients sign up, book and cancel appointments; doctors publish "
    "their free slots. Change this brief to your own project's, or start a new project beside it."
)
# A server that listens on all addresses is reached from its own machine by this one.
REACHED_AT = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


class Command(BaseCommand):
    help = (
        "Migrates; on the first start makes the owner and a sample project. Prints a sign-in link."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        host, port = os.environ.get("HOST", ""), os.environ.get("PORT", "")
        parser.add_argument("--host", default=host or "127.0.0.1", help="where the server listens")
        parser.add_argument("--port", default=port or "8000", help="likewise")

    def handle(self, *args: Any, host: str, port: str, **options: Any) -> None:
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0, interactive=False)
        make_first_project()
        self.stdout.write(sign_in_line(site_address(host, port)))
        self.stdout.write(model_notice())


def make_first_project() -> None:
    """Makes the owner, a project and a session on the first start: when there is no user at all."""
    with transaction.atomic():
        if User.objects.exists():
            return
        # Without a password: until one is set, the one-time link is the only way in.
        user = User.objects.create_superuser("owner")
        project = Project.objects.create(name=SAMPLE_NAME, description=SAMPLE_BRIEF, owner=user)
        ChatSession.objects.create(project=project, created_by=user)


def sign_in_line(address: str) -> str:
    user = owner()
    if user is None:
        return f"Sign in at {address}{reverse('sign-in')}"
    link = address + reverse("sign-in-link", args=[make_token(user)])
    return f"Sign in as {user.username} (this link works once, within an hour): {link}"


def site_address(host: str, port: str) -> str:
    """Returns the address without a closing slash: SITE_URL, or where the server listens."""
    if settings.SITE_URL:
        site = urlsplit(settings.SITE_URL)
        return f"{site.scheme}://{site.netloc}"
    name = REACHED_AT.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
