"""The addresses of static files: all in a folder that is named for their digest."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.templatetags.static import static
from django.test import Client
from django.urls import reverse

from agent.models import ChatSession
from chat.static_files import FOREVER, digest
from tests.support.server import ROOT

NAME = "chat/session.js"
STATIC = ROOT / "static/chat"


@pytest.fixture
def fresh_digest() -> Iterator[None]:
    digest.cache_clear()
    yield
    digest.cache_clear()


def test_a_file_of_this_version_is_kept_for_good(client: Client) -> None:
    answer = client.get(static(NAME))
    assert answer["Cache-Control"] == FOREVER
    since = {"if-modified-since": answer["Last-Modified"]}
    assert client.get(static(NAME), headers=since).status_code == 304


@pytest.mark.parametrize("folder", ["", "0123456789ab/"])
def test_a_page_of_another_version_gets_the_file_as_it_is_now_and_not_for_good(
    client: Client, folder: str
) -> None:
    answer = client.get(f"/static/{folder}{NAME}")
    assert answer.status_code == 200
    assert answer.content == client.get(static(NAME)).content
    assert "immutable" not in answer["Cache-Control"]
    assert client.get(f"/static/{folder}chat/nothing.js").status_code == 404


def test_the_digest_changes_with_each_file_and_only_then(
    settings: Any, tmp_path: Path, fresh_digest: None
) -> None:
    settings.STATICFILES_DIRS = [tmp_path]
    seen = []
    for text in ("one", "two", "one"):
        (tmp_path / "a.css").write_text(text)
        digest.cache_clear()
        seen.append(digest())
    (tmp_path / "a.css").rename(tmp_path / "b.css")
    digest.cache_clear()
    assert len({*seen, digest()}) == 3
    assert seen[0] == seen[2]


def test_whoever_edits_the_files_gets_plain_addresses(settings: Any) -> None:
    settings.DEBUG = True
    assert static(NAME) == f"/static/{NAME}"


@pytest.mark.django_db
def test_every_static_address_of_a_page_has_the_digest(
    client: Client, alice: User, session: ChatSession
) -> None:
    client.force_login(alice)
    html = client.get(reverse("session", args=[session.pk])).content.decode()
    addresses = re.findall(r'"(/static/[^"]*)"', html)
    assert len(addresses) > 20
    assert all(address.startswith(f"/static/{digest()}/") for address in addresses)
    for path in ("/api/docs/", "/admin/login/"):
        assert f"/static/{digest()}/" in client.get(path, follow=True).content.decode()


@pytest.mark.node
def test_a_script_is_sent_without_comments_and_says_the_same(client: Client) -> None:
    scripts = {str(path.relative_to(STATIC)): path.read_text() for path in STATIC.rglob("*.js")}
    sent = {name: client.get(f"/static/chat/{name}").text for name in scripts}
    for name, script in scripts.items():
        assert len(sent[name]) < 0.9 * len(script), name
    assert differing({name: [script, sent[name]] for name, script in scripts.items()}) == []
    assert differing({"a": ["f('a  b')", "f('a b')"], "b": ["f( 1 )", "f(1)"]}) == ["a"]


def differing(scripts: dict[str, list[str]]) -> Any:
    """Returns the names of the scripts of which the two forms have not the same syntax tree."""
    command = ["node", "tests/support/same_syntax.mjs"]
    told = subprocess.run(
        command, cwd=ROOT, input=json.dumps(scripts), capture_output=True, text=True, check=True
    )
    return json.loads(told.stdout)
