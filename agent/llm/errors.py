"""Turns what a model's server did wrong into errors that a person understands. Calls nothing."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import openai

from agent.exceptions import ModelError, ModelRefused, ModelTimeout, ModelUnavailable, RateLimited
from agent.llm.reading import clean

# Longer texts of servers are not for a line on a page.
MAX_SAID = 300
_KEY = re.compile(r"\bsk-[\w*.-]+")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Server:
    """Whom an error is about."""

    base_url: str
    model: str
    key: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    def without_key(self, text: str) -> str:
        return _KEY.sub("…", text.replace(self.key, "…") if len(self.key) > 3 else text)


class Failed(Exception):
    """One try of one request failed."""

    def __init__(
        self,
        error: ModelError,
        *,
        status: int = 0,  # of HTTP; 0 when there was none
        code: str = "",
        said: str = "",  # the server's own words
        again: bool = False,  # whether the very same request may go well a moment later
        pause: float | None = None,  # seconds that the server asks to wait
    ) -> None:
        super().__init__(str(error))
        self.error, self.status, self.code = error, status, code
        self.said = said.lower()
        self.again, self.pause = again, pause

    @property
    def too_long(self) -> bool:
        return self.code == "context_length_exceeded" or self.status == 413

    @property
    def refuses_system(self) -> bool:
        """Whether the model takes no instructions in a turn of their own, as some templates do."""
        names_it = "system" in self.said and ("role" in self.said or "message" in self.said)
        return self.status >= 400 and (names_it or "roles must alternate" in self.said)

    @property
    def refuses_streams(self) -> bool:
        return "stream" in self.said.replace("stream_options", "")


def from_exception(error: openai.APIError, server: Server) -> Failed:
    if isinstance(error, openai.APIStatusError):
        pause = retry_after(error.response.headers)
        return from_status(error.status_code, error.body, server, pause)
    if isinstance(error, openai.APITimeoutError):
        text = f"The model's server at {server.host} cannot be reached: it does not answer."
        return Failed(ModelUnavailable(text), again=True)
    if isinstance(error, openai.APIConnectionError):
        return Failed(ModelUnavailable(_connection(error, server)), again=True)
    return from_error(error.body or error.message, server)


def _connection(error: openai.APIConnectionError, server: Server) -> str:
    # httpx names what happened only in the class of the cause.
    if "Connect" in type(error.__cause__).__name__:
        return f"The model's server at {server.host} cannot be reached."
    return f"The model's server at {server.host} closed the connection before it answered."


def from_error(body: Any, server: Server) -> Failed:
    """Reads an `{"error": ...}` that came with status 200 or within a stream."""
    code = body.get("code") if isinstance(body, Mapping) else None
    if str(code).isdecimal() and 400 <= int(str(code)) < 600:
        return from_status(int(str(code)), body, server)
    kind = _code(body)
    if "rate_limit" in kind or kind == "insufficient_quota":
        return from_status(429, body, server)
    if "invalid_request" in kind or kind == "context_length_exceeded" or _names_format(body):
        return from_status(400, body, server)
    text = "The model's server could not answer" + _quoted(body, server)
    return Failed(ModelUnavailable(text), code=kind, again=True)


def from_status(status: int, body: Any, server: Server, pause: float | None = None) -> Failed:
    again = status in (408, 429) or status >= 500
    code = _code(body)
    if code == "insufficient_quota":
        again = False
    return Failed(
        _error(status, code, body, server, pause),
        status=status,
        code=code,
        said=_said(body),
        again=again,
        pause=pause,
    )


def _error(status: int, code: str, body: Any, server: Server, pause: float | None) -> ModelError:
    if code == "insufficient_quota":
        return ModelRefused(
            "The model's server refused the request: the quota of the key is used up."
        )
    if code == "context_length_exceeded" or status == 413:
        return ModelRefused(
            f"The request is too long for the model {server.model}" + _quoted(body, server)
        )
    if status == 429:
        wait = f" of {pause:.0f} seconds" if pause and pause >= 1 else ""
        return RateLimited(f"The model's server asks for a pause{wait}: too many requests.")
    if status == 408:
        return ModelTimeout("The model's server gave up waiting (408).")
    if status >= 500:
        return ModelUnavailable(
            f"The model's server is out of order: it answered {status}" + _quoted(body, server)
        )
    return _refusal(status, body, server)


def _refusal(status: int, body: Any, server: Server) -> ModelError:
    if status == 401:
        return ModelRefused("The model's server refused the key. Check OPENAI_API_KEY.")
    if status == 403:
        return ModelRefused(f"The key may not use the model {server.model}" + _quoted(body, server))
    if status == 404:
        return ModelRefused(
            f"The server at {server.host} has no model {server.model}, or its address is wrong."
            " Check SAMURAI_MODEL and OPENAI_BASE_URL."
        )
    if status < 400:
        return ModelUnavailable(
            f"The model's server at {server.host} sends elsewhere ({status})."
            " Check OPENAI_BASE_URL."
        )
    return ModelRefused(
        f"The model's server refused the request ({status})" + _quoted(body, server)
    )


def web_page(server: Server) -> Failed:
    return Failed(
        ModelUnavailable(
            f"The server at {server.host} sent a web page instead of a model's answer."
            " Check OPENAI_BASE_URL."
        )
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds that the server asks to wait: a number, milliseconds or a date."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return max(0.0, min(float(headers[name]) / unit, 1e9))
        except (KeyError, ValueError):
            continue
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())


def _code(body: Any) -> str:
    if not isinstance(body, Mapping):
        return ""
    return str(body.get("code") or body.get("type") or "")


def _names_format(body: Any) -> bool:
    said = _said(body).lower()
    return any(word in said for word in ("response_format", "json_schema", "json_object"))


def _quoted(body: Any, server: Server) -> str:
    """Returns what the server said, as the end of a sentence; without keys and web pages."""
    said = _SPACE.sub(" ", server.without_key(clean(_said(body)))).strip()
    if not said or said.startswith("<"):
        return "."
    return f": “{said[:MAX_SAID]}…”" if len(said) > MAX_SAID else f": “{said}”"


def _said(body: Any, depth: int = 0) -> str:
    """Returns the text in the shapes that servers give it: `message`, `detail`, `error`, bare."""
    if isinstance(body, str):
        return body
    if depth > 3:
        return ""
    if isinstance(body, list):
        return "; ".join(filter(None, (_said(item, depth + 1) for item in body[:3])))
    if not isinstance(body, Mapping):
        return ""
    keys = ("message", "msg", "detail", "error")
    return next((said for key in keys if (said := _said(body.get(key), depth + 1))), "")
