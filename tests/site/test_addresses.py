"""The addresses among the settings: mended and told, or refused with a sentence, at the start."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest

from samurai_site import addresses
from tests.support import forked
from tests.support.server import ROOT, ServerProcess

GOOD = [
    "http://127.0.0.1:11434/v1",
    "https://api.openai.com/v1",
    "https://gateway.example.com",
    "http://[::1]:1234/v1",
    "http://user:pass%20word@10.0.0.5:8000/v1",
    "https://me.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
    "https://me.services.ai.azure.com/models",
]


@pytest.mark.parametrize("text", ["", '""', " ' ' "])
def test_quotes_around_nothing_are_nothing(text: str) -> None:
    assert addresses.model_server(text) == ("", "")


@pytest.mark.parametrize("url", GOOD)
def test_a_good_address_is_used_as_it_is_without_a_notice(url: str) -> None:
    assert addresses.model_server(url) == (url, "")
    assert addresses.model_server(url + "/" if "?" not in url else url) == (url, "")


@pytest.mark.parametrize(
    ("text", "used"),
    [
        # Without a scheme: http for what is near, https for the rest.
        ("localhost:11434/v1", "http://localhost:11434/v1"),
        ("127.0.0.1:1234/v1", "http://127.0.0.1:1234/v1"),
        ("192.168.1.7:8000", "http://192.168.1.7:8000"),
        ("[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("[fd00::5]:8000/v1", "http://[fd00::5]:8000/v1"),
        ("//ollama:11434/v1", "http://ollama:11434/v1"),
        ("gpu.local/v1", "http://gpu.local/v1"),
        ("host.docker.internal:11434/v1", "http://host.docker.internal:11434/v1"),
        ("api.openai.com/v1", "https://api.openai.com/v1"),
        ("8.8.8.8/v1", "https://8.8.8.8/v1"),
        ("me:secret@gateway.example.com/v1", "https://me:secret@gateway.example.com/v1"),
        ("http:127.0.0.1:1234/v1", "http://127.0.0.1:1234/v1"),
        ("https:/api.openai.com/v1", "https://api.openai.com/v1"),
        # With the path of an operation.
        ("http://127.0.0.1:1234/v1/chat/completions", "http://127.0.0.1:1234/v1"),
        ("https://api.openai.com/v1/chat/completions/", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/completions", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/responses", "https://api.openai.com/v1"),
        ("http://h.local/chat/completions/chat/completions", "http://h.local"),
        # A query stays, because a server may need it; a fragment does not reach a server.
        (
            "https://me.azure.com/openai/d/chat/completions?api-version=1",
            "https://me.azure.com/openai/d?api-version=1",
        ),
        ("http://127.0.0.1/v1#top", "http://127.0.0.1/v1"),
        # Quoted, as in a file for Docker.
        ('"http://127.0.0.1:1234/v1"', "http://127.0.0.1:1234/v1"),
        ("'localhost:1234/v1/'", "http://localhost:1234/v1"),
        ("“https://api.openai.com/v1”", "https://api.openai.com/v1"),
        ("<https://api.openai.com/v1>", "https://api.openai.com/v1"),
    ],
)
def test_what_is_safe_to_mend_is_mended_and_told(text: str, used: str) -> None:
    address, notice = addresses.model_server(text)
    assert address == used
    assert "OPENAI_BASE_URL is “" in notice
    assert notice.endswith("is used.")
    assert "secret" not in notice
    assert "version=1" not in notice


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ftp://127.0.0.1/v1", "must begin with http:// or https://, not ftp://"),
        ("file:///v1", "must begin with"),
        ("http:// 127.0.0.1/v1", "spaces"),
        ("my server/v1", "spaces"),
        ("http:\\\\127.0.0.1\\v1", "spaces or backslashes"),
        ("11434", "names no server"),
        (":11434/v1", "names no server"),
        ("http://:11434/v1", "names no server"),
        ("/v1", "names no server"),
        ("http://http://127.0.0.1/v1", "names no server"),
        ("::1/v1", "in brackets"),
        ("http://::1:11434/v1", "in brackets"),
        ("http://[::1/v1", "is not an address"),
        ("http://127.0.0.1:port/v1", "is not an address"),
        ("http://127.0.0.1:99999/v1", "is not an address"),
    ],
)
def test_what_cannot_be_mended_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        addresses.model_server(text)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://example.org", ""),
        ("https://example.org/", ""),
        ("https://example.org/samurai", "/samurai"),
        ("http://127.0.0.1:8080/a/b-c_1.2/", "/a/b-c_1.2"),
    ],
)
def test_the_site_is_served_below_the_path_of_its_address(url: str, path: str) -> None:
    assert addresses.site_path(url) == path


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("example.org/samurai", "must be an http or https address"),
        ("ftp://example.org", "must be an http or https address"),
        ("https:///samurai", "must be an http or https address"),
        ("https://example.org/samurai?x=1", "no query"),
        ("https://example.org/samurai#x", "no query and no fragment"),
        ("https://example.org/a b", "may have only"),
        ("https://example.org/a%2Fb", "may have only"),
        ("https://example.org//a", "may have only"),
        ("https://example.org/a/../b", "may have only"),
        ("https://example.org:port/a", "is not an address"),
    ],
)
def test_an_address_that_is_none_of_a_site_is_refused(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        addresses.site_path(url)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("OPENAI_BASE_URL", "ftp://me:secret@h/v1", "OPENAI_BASE_URL must begin with http://"),
        ("OPENAI_BASE_URL", "11434", "OPENAI_BASE_URL names no server"),
        ("SITE_URL", "https://example.org/a?key=secret", "SITE_URL must have no query"),
    ],
)
def test_such_a_setting_stops_the_start_in_one_clear_line(
    tmp_path: object, variable: str, value: str, said: str
) -> None:
    done = forked.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "SAMURAI_VAR_DIR": str(tmp_path), variable: value},
    )
    assert done.returncode != 0
    (line,) = done.stderr.decode().splitlines()
    assert said in line
    assert "secret" not in line


@pytest.mark.own_server
def test_a_server_says_at_its_start_which_address_it_uses(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(OPENAI_BASE_URL='"me:secret@127.0.0.1:9/v1/chat/completions"')
    log = server.log.read_text()
    used = "“http://…@127.0.0.1:9/v1” is used."
    assert log.count(f'OPENAI_BASE_URL is “…@127.0.0.1:9/v1/chat/completions"”: {used}') == 1
    assert "secret" not in log


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://me:p%40ss@mail.example.com", ("mail.example.com", 465, "ssl", "me", "p@ss")),
        ("smtp+starttls://mail.example.com", ("mail.example.com", 587, "starttls", "", "")),
        ("smtp://127.0.0.1:2525", ("127.0.0.1", 2525, "", "", "")),
    ],
    ids=["tls", "starttls", "clear"],
)
def test_a_mail_server_is_read(url: str, server: tuple[str, int, str, str, str]) -> None:
    assert addresses.mail_server(url) == addresses.MailServer(*server)


@pytest.mark.parametrize("url", ["mail.example.com", "http://mail.example.com", "smtp://"])
def test_what_is_no_mail_server_is_told(url: str) -> None:
    with pytest.raises(ValueError, match="must have the form smtps://"):
        addresses.mail_server(url)


def test_a_provider_is_asked_in_the_clear_on_this_machine_only() -> None:
    for url in ("https://login.example.com/realms/staff", "http://127.0.0.1:9000"):
        addresses.provider(url)
    for url in ("http://login.example.com", "login.example.com", "ftp://localhost"):
        with pytest.raises(ValueError, match="must be an https address"):
            addresses.provider(url)
