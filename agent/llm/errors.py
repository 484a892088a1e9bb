"""Turns errors of a model's server into messages that a user understands. Imports no client."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from agent.exceptions import (
    BudgetExceeded,
    ModelError,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    RateLimited,
)
from agent.llm import endpoints, refusals
from agent.llm.reading import clean
from agent.shorten import shorten

MAX_QUOTE = 300  # characters of a server's own text in an error message
_KEY = re.compile(r"\bsk-[\w*.-]+")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Server:
    """A model on a server, and the key for it."""

    base_url: str
    model: str
    key: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    def without_key(self, text: str) -> str:
        return _KEY.sub("…", text.replace(self.key, "…") if len(self.key) > 3 else text)


class RequestFailed(Exception):
    """One request failed. The call may be retried, or tried in another JSON mode."""

    def __init__(
        self,
        error: ModelError,
        *,
        status: int = 0,  # of HTTP; 0 when there was none
        text: str = "",  # the server's own text
        fields: str = "",  # the names of the request's fields that the refusal is about
        retryable: bool = False,  # the same request may succeed a moment later
        pause: float | None = None,  # seconds that the server asks to wait
    ) -> None:
        super().__init__(str(error))
        self.error, self.status = error, status
        self.text, self.fields = text.lower(), fields.lower()
        self.retryable, self.pause = retryable, pause

    @property
    def refuses_system(self) -> bool:
        """Whether the model supports no `system` message, as some chat templates do not."""
        names_role = "system" in self.text and ("role" in self.text or "message" in self.text)
        return self.status >= 400 and (names_role or "roles must alternate" in self.text)

    def names(self, *fields: str) -> bool:
        """Whether the refusal names one of these fields of the request."""
        return any(name.lower() in f"{self.text} {self.fields}" for name in fields)

    @property
    def refuses_streams(self) -> bool:
        return "stream" in self.text.replace("stream_options", "")

    @property
    def refuses_usage(self) -> bool:
        """Whether the server names the option that asks for the usage of a stream."""
        return "stream_options" in self.text or "include_usage" in self.text


def from_error(body: Any, server: Server) -> RequestFailed:
    """Converts the `{"error": ...}` of a response with status 200 or of a stream."""
    code = body.get("code") if isinstance(body, Mapping) else None
    if str(code).isdecimal() and 400 <= int(str(code)) < 600:
        return from_status(int(str(code)), body, server)
    if endpoints.is_unknown(0, _text_of(body)):
        return wrong_address(body, server)
    kind = refusals.code_of(body)
    if "rate_limit" in kind or kind == "insufficient_quota":
        return from_status(429, body, server)
    too_long = refusals.is_for_length(0, body, _text_of(body))
    if "invalid_request" in kind or too_long or _names_format(body):
        return from_status(400, body, server)
    text = "The model's server reported an error" + _quoted(body, server)
    return RequestFailed(ModelUnavailable(text), retryable=True)


def from_status(
    status: int, body: Any, server: Server, pause: float | None = None
) -> RequestFailed:
    if endpoints.is_unknown(status, _text_of(body)):
        return wrong_address(body, server)
    error = _error(status, body, server, pause)
    retryable = status in (408, 429) or status >= 500
    return RequestFailed(
        error,
        status=status,
        text=_text_of(body),
        fields=_fields_of(body),
        retryable=retryable and not isinstance(error, ModelRefused),
        pause=pause,
    )


def _error(status: int, body: Any, server: Server, pause: float | None) -> ModelError:
    if refusals.code_of(body) == "insufficient_quota":
        return ModelRefused("The model's server refused the request: the key's quota is used up.")
    if refusals.is_for_length(status, body, _text_of(body)):
        return BudgetExceeded(
            f"The request is too long for the model {server.model}" + _quoted(body, server),
            *refusals.counts(body, _text_of(body)),
        )
    if status == 429:
        wait = f" Retry after {pause:.0f} seconds." if pause and pause >= 1 else ""
        return RateLimited(f"Too many requests to the model's server.{wait}")
    if status == 408:
        return ModelTimeout("The model's server timed out (408).")
    if status >= 500:
        return ModelUnavailable(
            f"The model's server failed with status {status}" + _quoted(body, server)
        )
    return _refusal(status, body, server)


def _refusal(status: int, body: Any, server: Server) -> ModelError:
    if status == 401:
        return ModelRefused("The model's server refused the key. Check OPENAI_API_KEY.")
    if status == 403:
        return ModelRefused(
            f"The key has no access to the model {server.model}" + _quoted(body, server)
        )
    if status == 404:
        return ModelRefused(
            f"The server at {server.host} has no model {server.model}, or its address is wrong."
            f" Check SAMURAI_MODEL. {endpoints.hint(server.base_url)}"
        )
    if status < 400:
        return ModelUnavailable(
            f"The model's server at {server.host} answered with a redirect ({status})."
            f" {endpoints.hint(server.base_url)}"
        )
    return ModelRefused(
        f"The model's server refused the request ({status})" + _quoted(body, server)
    )


def wrong_address(body: Any, server: Server) -> RequestFailed:
    """Returns the failure of a request whose path the server does not know. Nothing else is tried."""
    text = f"The server at {server.host} does not know the address of the request"
    quoted = f"{text}{_quoted(body, server)} {endpoints.hint(server.base_url)}"
    return RequestFailed(ModelRefused(quoted), status=404)


def web_page(server: Server) -> RequestFailed:
    return RequestFailed(
        ModelUnavailable(
            f"The server at {server.host} returned a web page instead of a model's answer."
            f" {endpoints.hint(server.base_url)}"
        )
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds that the server asks to wait. The header holds a number or a date."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return max(0.0, min(float(headers[name]) / unit, 1e9))
        except (KeyError, ValueError):
            continue
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())


def _names_format(body: Any) -> bool:
    text = _text_of(body).lower()
    return any(word in text for word in ("response_format", "json_schema", "json_object"))


def _quoted(body: Any, server: Server) -> str:
    """Returns the server's own text as the end of a sentence, without keys; "." for a web page."""
    text = _SPACE.sub(" ", server.without_key(clean(_text_of(body)))).strip()
    if not text or text.startswith("<"):
        return "."
    return f": “{shorten(text, MAX_QUOTE)}”"


def _text_of(body: Any, depth: int = 0) -> str:
    """Returns the text of an error body: servers use `message`, `msg`, `detail`, `error` or a string."""
    if isinstance(body, str):
        return body
    if depth > 3:
        return ""
    if isinstance(body, list):
        return "; ".join(filter(None, (_text_of(item, depth + 1) for item in body[:3])))
    if not isinstance(body, Mapping):
        return ""
    keys = ("message", "msg", "detail", "error")
    return next((text for key in keys if (text := _text_of(body.get(key), depth + 1))), "")


def _fields_of(body: Any, depth: int = 0) -> str:
    """Returns the names of fields in an error body: OpenAI's `param`, or the `loc` of a validator."""
    if depth > 3:
        return ""
    if isinstance(body, list):
        return " ".join(_fields_of(item, depth + 1) for item in body[:3])
    if not isinstance(body, Mapping):
        return ""
    own = " ".join(str(body[key]) for key in ("param", "loc") if body.get(key))
    inner = (_fields_of(body.get(key), depth + 1) for key in ("error", "detail"))
    return " ".join([own, *inner]).strip()
