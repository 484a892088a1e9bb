"""`manage.py setup`: prepares the database and prints a sign-in link. Safe to repeat."""

import os
import socket
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from django.urls import reverse

from agent.accounts.audit import Deed, record
from agent.accounts.sign_in import make_token, owner
from agent.llm.factory import has_server, model_notice
from agent.management.commands.check_model import local_lines
from agent.models import ChatSession, Project
from agent.models.projects import SAMPLE_BRIEF

SAMPLE_NAME = "Clinic booking"
ALL_ADDRESSES = ("0.0.0.0", "::")
# The address in the link for a server that listens on all addresses.
LOCAL_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


class Command(BaseCommand):
    help = (
        "Migrates the database, creates the owner and a sample project on the first start, and prints "
        "a sign-in link."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        host, port = os.environ.get("HOST", ""), os.environ.get("PORT", "")
        parser.add_argument("--host", default=host or "127.0.0.1", help="the server's host")
        parser.add_argument("--port", default=port or "8000", help="the server's port")

    def handle(self, *args: Any, host: str, port: str, **options: Any) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        create_first_project()
        self.stdout.write(sign_in_line(site_address(host, port)))
        self.stdout.write(model_line())
        if not has_server():
            for line in local_lines(int(port) if port.isdecimal() else None):
                self.stdout.write(line)
        for line in reach_lines(host, port):
            self.stdout.write(line)


def model_line() -> str:
    """Returns which model answers, and where its server is."""
    if not has_server():
        return model_notice()
    host = urlsplit(settings.OPENAI_BASE_URL).netloc.rpartition("@")[2]  # without a password
    return f"Model: {model_notice()} at {host or 'OpenAI'}"


def create_first_project() -> None:
    """Creates the owner, a sample project and a session, unless there are users already."""
    with transaction.atomic():
        if User.objects.exists():
            return
        # Without a password: until one is set, the owner signs in by one-time links.
        user = User.objects.create_superuser("owner")
        project = Project.objects.create(name=SAMPLE_NAME, description=SAMPLE_BRIEF, owner=user)
        ChatSession.objects.create(project=project, created_by=user)


def sign_in_line(address: str) -> str:
    user = owner()
    if user is None:
        return f"Sign in at {address}{reverse('sign-in')}"
    link = address + reverse("sign-in-link", args=[make_token(user)])
    record(Deed.SIGN_IN_LINK_CREATED, user, by=None)
    return f"Sign in as {user.username} (this link works once, within an hour): {link}"


def reach_lines(host: str, port: str) -> list[str]:
    """Returns how the page of a server that listens on all addresses is reached; else nothing."""
    if host not in ALL_ADDRESSES:
        return []
    if "*" in settings.ALLOWED_HOSTS:
        return [f"The server listens on all addresses, port {port}, under any name."]
    site = urlsplit(settings.SITE_URL).hostname
    names = [name for name in settings.ALLOWED_HOSTS if name not in ALL_ADDRESSES]
    places = [f"http://{name}:{port}" for name in names if name != site]
    places += [settings.SITE_URL] if site else []
    lines = [f"The server listens on all addresses, port {port}, under these names only:"]
    lines.append("  " + ", ".join(places))
    missing = [name for name in own_names() if name not in names]
    if missing and not settings.SITE_URL:
        lines.append(
            "For other machines, set the names that people type, for example "
            f"ALLOWED_HOSTS={','.join([*names, *missing])}, or SITE_URL=http://{missing[0]}:{port}."
        )
    return lines


def own_names() -> list[str]:
    """Returns the name and the addresses of this machine, as far as it knows them."""
    name = socket.gethostname()
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        found = []
    addresses = dict.fromkeys(str(place[0]) for *_, place in found)
    return [name.lower(), *(one for one in addresses if not one.startswith("127."))]


def site_address(host: str, port: str) -> str:
    """Returns the site's address without a trailing slash: SITE_URL, or the server's host and port."""
    if settings.SITE_URL:
        site = urlsplit(settings.SITE_URL)
        return f"{site.scheme}://{site.netloc}"
    name = LOCAL_ADDRESS.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
