"""What a server on SQLite does not import at its start: what few need, or only others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.server import ROOT, environment

# Of other databases, of other clients, of other commands, and what a package would use if it could.
UNNEEDED = (
    "psycopg",
    "ag_ui",
    "openai",
    "daphne.server",
    "twisted",
    "redis",
    "requests",
    "pygments",
    "yaml",
    "fido2",
    "cryptography",
    "qrcode",
    "oauthlib",
    "jwt",
    "allauth.account.views",
    "rest_framework.test",
    "django.test",
    "unittest",
)
PROGRAM = """
import sys
import samurai_site.asgi
from django.urls import get_resolver

get_resolver().url_patterns  # as the first request does
print(*sys.modules)
"""


def test_a_server_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(tmp_path), check=True, capture_output=True, text=True
    )
    imported = set(done.stdout.split())
    assert "chat.api.ag_ui" in imported
    assert imported & set(UNNEEDED) == set()


def test_what_is_left_out_at_the_start_can_be_imported_later() -> None:
    import pygments
    import requests
    from django.contrib import postgres
    from drf_spectacular import plumbing
    from rest_framework import test

    from chat import api

    assert None not in (api, pygments, requests, postgres)
    assert isinstance(plumbing.APIRequestFactory(), test.APIRequestFactory)
