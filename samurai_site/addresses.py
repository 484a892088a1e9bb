"""Reads the addresses among the settings: of the site, and of the model's server."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

QUOTES = "\"'`“”‘’<> "
# The client adds the first of these paths itself.
_OPERATIONS = re.compile(r"(/chat/completions|/completions|/responses)$", re.IGNORECASE)
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")


def read(name: str, url: str, reader: Callable[[str], T]) -> T:
    """Returns what `reader` makes of the setting `name`. An address that it refuses stops the start."""
    try:
        return reader(url)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} {error}: {shown(url)!r}.") from None


def site_path(url: str) -> str:
    """Returns the path below which the site is served: "", or such as "/samurai".

    Raises ValueError, with a sentence, for an address that is not one of a site.
    """
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError("must be an http or https address")
    path = parts.path.rstrip("/")
    if parts.query or parts.fragment:
        raise ValueError("must have no query and no fragment")
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ValueError("may have only letters, digits, “.”, “_”, “~”, “-” and “/” in its path")
    return path


def model_server(text: str) -> tuple[str, str]:
    """Returns the address of a model's server as the client needs it, and a notice if it was changed.

    Quotes, a fragment, slashes and the path of an operation at the end are removed; a scheme that is
    missing is added. Raises ValueError, with a sentence, for what cannot be mended safely. Neither the
    notice nor the error has the user name, the password or the query, which may be secret.
    """
    url = text.strip(QUOTES)
    if not url:
        return "", ""
    if re.search(r"[\s\\]", url):
        raise ValueError("must not have spaces or backslashes")
    url = re.sub(r"^(https?):/?(?=[^/])", r"\1://", url, flags=re.IGNORECASE)
    if "://" not in url:
        url = f"{_missing_scheme(url)}://{url.removeprefix('//')}"
    parts = _checked(_split(url))
    path = parts.path.rstrip("/")
    while path != (shorter := _OPERATIONS.sub("", path).rstrip("/")):
        path = shorter
    used = parts._replace(path=path, fragment="").geturl()
    is_changed = used.rstrip("/") != text.rstrip("/")
    notice = f"OPENAI_BASE_URL is “{shown(text)}”: “{shown(used)}” is used."
    return used, notice if is_changed else ""


@dataclass(frozen=True, slots=True)
class MailServer:
    """`security`: "ssl" from the beginning, "starttls", or "" for none."""

    host: str
    port: int
    security: str
    user: str
    password: str


_MAIL = {"smtps": ("ssl", 465), "smtp+starttls": ("starttls", 587), "smtp": ("", 25)}


def mail_server(url: str) -> MailServer:
    """Reads an address such as smtps://user:password@mail.example.com. Raises ValueError, with a sentence."""
    parts = _split(url)
    if parts.scheme not in _MAIL or not parts.hostname:
        raise ValueError(
            "must have the form smtps://user:password@host, smtp+starttls://… or smtp://…"
        )
    security, port = _MAIL[parts.scheme]
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return MailServer(parts.hostname, parts.port or port, security, user, password)


def provider(url: str) -> None:
    """Checks the address of a sign-in provider: HTTPS, unless it is on this machine. Raises ValueError."""
    parts = _split(url)
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or parts.scheme not in ("https", "http" if is_here else "https"):
        raise ValueError("must be an https address")


def shown(url: str) -> str:
    """Returns an address without user name, password and query values, which may be secret."""
    before, sign, query = re.sub(r"[^/@]*@", "…@", re.sub(r"//.*@", "//…@", url)).partition("?")
    return before + sign + re.sub(r"=[^&]*", "=…", query)


def _missing_scheme(url: str) -> str:
    """Returns `http` for a server of this machine or of a private network, else `https`."""
    host = _split(f"//{url.removeprefix('//')}").hostname or ""
    try:
        is_private = ipaddress.ip_address(host).is_private
    except ValueError:
        is_private = "." not in host or host.endswith(_LOCAL_NAMES)
    return "http" if is_private else "https"


def _checked(parts: SplitResult) -> SplitResult:
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"must begin with http:// or https://, not {parts.scheme}://")
    host = parts.hostname or ""
    if not host or host.isdecimal() or host in ("http", "https"):
        raise ValueError("names no server; an example is http://127.0.0.1:11434/v1")
    return parts


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.netloc.rpartition("@")[2].count(":") > 1 and "[" not in parts.netloc:
            raise ValueError("an address of IPv6 stands in brackets: http://[::1]:11434/v1")
        _ = parts.port
    except ValueError as error:
        text = str(error)
        raise ValueError(text if "brackets" in text else f"is not an address ({text})") from None
    return parts
