"""Reads one whole response of a model's server: its shape, its usage, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2

from agent.exceptions import ModelError, ModelInvalid, ModelRefused, ModelTruncated
from agent.llm.base import Usage
from agent.llm.errors import MAX_SAID, Failed, Server, from_error, web_page
from agent.llm.reading import parse, text_of


def read(response: httpx2.Response, server: Server) -> dict[str, Any]:
    """Returns the JSON object of a response with status 200. Raises Failed when there is none."""
    if is_web_page(response):
        raise web_page(server)
    try:
        body = parse(response.text)
    except ValueError:
        raise Failed(ModelInvalid(_UNREADABLE)) from None
    if not isinstance(body, dict):
        raise Failed(ModelInvalid(_UNREADABLE))
    if body.get("error"):
        raise from_error(body["error"], server)
    return body


_UNREADABLE = "The model's server sent something that is not the JSON that was expected."


def is_web_page(response: httpx2.Response) -> bool:
    return "html" in response.headers.get("content-type", "") or response.text.lstrip().startswith(
        "<"
    )


def message_of(body: Mapping[str, Any], server: Server) -> Mapping[str, Any]:
    """Returns the message of the first choice, when it came to its end. Raises Failed."""
    choice = first_choice(body)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise Failed(ModelInvalid("The model's server sent an answer without a message in it."))
    if (ended := bad_end(choice.get("finish_reason"))) is not None:
        raise Failed(ended)
    if (refusal := refusal_of(message)) and not text_of(message.get("content")).strip():
        raise Failed(declined(refusal, server))
    return message


def first_choice(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the first choice of a response or of a piece of a stream, or {}."""
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, Mapping) else {}


def bad_end(reason: Any) -> ModelError | None:
    if reason == "length":
        return ModelTruncated("The model's answer broke off: it reached its greatest length.")
    if reason == "error":
        return ModelTruncated("The model's answer broke off: its server had an error.")
    if reason == "content_filter":
        return ModelRefused("The model's server held the answer back: its content filter.")
    return None


def refusal_of(message: Mapping[str, Any]) -> str:
    """Returns why the model declines, which some servers send as a part of the content."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    said = [message.get("refusal"), *(p.get("refusal") for p in parts if isinstance(p, Mapping))]
    return "".join(text for text in said if isinstance(text, str))


def declined(refusal: str, server: Server) -> ModelRefused:
    text = server.without_key(refusal)[:MAX_SAID]
    return ModelRefused(f"The model declined to answer: “{text}”")


def count(usage: Usage, used: Any) -> None:
    """Adds what a server says of its tokens; some say nothing, or nonsense."""
    if isinstance(used, Mapping):
        usage.input_tokens += _tokens(used.get("prompt_tokens"))
        usage.output_tokens += _tokens(used.get("completion_tokens"))


def _tokens(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
