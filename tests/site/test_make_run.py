"""`make run`, as a person types it, in a fresh copy of the project."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("agent", "chat", "samurai_site", "static", "templates")
FILES = ("manage.py", "Makefile", "requirements.lock")
# Seconds; only a server that never comes up or never goes takes them.
PATIENCE = 60


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / part)
    for file in FILES:
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def make_run(
    folder: Path, **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], list[str]]]:
    """Yields the process and what it printed until it served. The packages are this test run's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = ["make", "run", f"VENV={sys.prefix}", "-o", f"{sys.prefix}/installed"]
    output = folder / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env={**kept, **environment}, stdout=file, stderr=file
        )
    try:
        yield process, lines_until_served(process, output)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def lines_until_served(process: subprocess.Popen[bytes], output: Path) -> list[str]:
    end = time.monotonic() + PATIENCE
    while "Uvicorn running on" not in (text := output.read_text()):
        assert process.poll() is None, text
        assert time.monotonic() < end, text
        time.sleep(0.05)
    return text.splitlines()


def get(link: str, cookie: str = "") -> http.client.HTTPResponse:
    return ask("GET", link, cookie)


def pressed(link: str) -> http.client.HTTPResponse:
    """Presses the button of the page of a sign-in link. Any token does that the cookie has too."""
    token = "t" * 32
    return ask("POST", link, f"csrftoken={token}", f"csrfmiddlewaretoken={token}")


def ask(method: str, link: str, cookie: str, body: str = "") -> http.client.HTTPResponse:
    address = urlsplit(link)
    connection = http.client.HTTPConnection(address.netloc, timeout=PATIENCE)
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request(method, address.path, body, headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def is_served(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_it_serves_prints_a_link_that_signs_in_and_ends_when_told_to(copy: Path) -> None:
    port = free_port()
    with make_run(copy, PORT=str(port)) as (_, lines):
        link = next(word for line in lines for word in line.split() if "/sign-in/" in word)
        assert link.startswith(f"http://127.0.0.1:{port}/")
        assert get(link).status == 200
        response = pressed(link)
        assert (response.status, response.headers["Location"]) == (302, "/")
        assert "sessionid=" in str(response.headers.get_all("Set-Cookie"))
        assert get(link).status == 403
    assert not is_served(port)


def test_on_all_addresses_the_start_says_under_which_names_the_page_opens(copy: Path) -> None:
    port = free_port()
    with make_run(copy, HOST="0.0.0.0", PORT=str(port)) as (_, lines):
        text = "\n".join(lines)
        assert "under these names only:" in text
        assert f"http://localhost:{port}, http://127.0.0.1:{port}" in text
        assert "ALLOWED_HOSTS=localhost,127.0.0.1,[::1]," in text
        assert get(f"http://127.0.0.1:{port}/accounts/sign-in/").status == 200


def test_the_environment_file_counts_and_the_environment_wins_over_it(copy: Path) -> None:
    kept, other = free_port(), free_port()
    (copy / ".env").write_text(f'PORT={kept}  # a comment\nSAMURAI_VAR_DIR="{copy}/data here"\n')
    with make_run(copy):
        assert is_served(kept)
    assert (copy / "data here" / "db.sqlite3").exists()
    assert not (copy / "var").exists()
    with make_run(copy, PORT=str(other)):
        assert is_served(other)
        assert not is_served(kept)


def test_a_second_start_has_nothing_to_do_and_a_setting_that_cannot_be_read_stops_it(
    copy: Path,
) -> None:
    port = str(free_port())
    with make_run(copy, PORT=port):
        pass
    files = {path: path.stat().st_mtime_ns for path in (copy / "var").glob("secret_key")}
    with make_run(copy, PORT=port):
        pass
    assert files == {path: path.stat().st_mtime_ns for path in (copy / "var").glob("secret_key")}
    with (
        pytest.raises(AssertionError, match="DEBUG must be true or false"),
        make_run(copy, PORT=port, DEBUG="perhaps"),
    ):
        pass
