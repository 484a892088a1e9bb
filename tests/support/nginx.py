"""A real nginx with the site of docs/deploy/, on a port of its own, that serves the product below a path."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.documents import DOCS, examples
from tests.support.server import PATIENCE, ROOT
from tests.support.services import nginx_path

SITE = ROOT / "docs" / "deploy" / "nginx.conf"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def site_below_a_path(port: int, upstream: int) -> str:
    """Returns the site with the locations of the guide, over plain HTTP, for these ports."""
    text = SITE.read_text()
    (example,) = examples(DOCS["docs/deploy.md"], "nginx")
    ours, theirs = (re.findall(r"^ *(location .*) \{$", one, re.M) for one in (text, example))
    assert len(ours) == len(theirs) == 2
    for before, after in zip(ours, theirs, strict=True):
        text = text.replace(before, after)
    text = re.sub(r"^server \{\n    listen 80;.*?^\}\n", "", text, flags=re.M | re.S)
    text = re.sub(r"^ *(ssl_\w+|listen \[::\]:443).*\n", "", text, flags=re.M)
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    return text.replace("server 127.0.0.1:8000 ", f"server 127.0.0.1:{upstream} ")


@contextlib.contextmanager
def nginx(
    folder: Path, port: int, upstream: int, changes: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Runs nginx, with all of its files in `folder`, until the block ends. `changes`: what stands in place
    of texts of the site.
    """
    program = nginx_path()
    assert program is not None
    site = site_below_a_path(port, upstream)
    for before, after in (changes or {}).items():
        assert before in site
        site = site.replace(before, after)
    (folder / "site.conf").write_text(site)
    paths = "\n".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
    # The workers of root's nginx would have another user, who may not enter the folder.
    user = "user root;" if os.getuid() == 0 else ""
    main = f"{user} daemon off; pid {folder}/pid; error_log {folder}/log; events {{}}"
    http = f"http {{ access_log off; {paths} include {folder}/site.conf; }}"
    (folder / "nginx.conf").write_text(f"{main}\n{http}\n")
    command = [program, "-p", str(folder), "-e", f"{folder}/log", "-c", f"{folder}/nginx.conf"]
    process = subprocess.Popen(command)
    try:
        _wait_for(process, port, folder / "log")
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < give_up:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text() if log.exists() else "nginx did not start")
