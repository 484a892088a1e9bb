"""Reads one whole response of a model's server: its shape, its usage, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import httpx2

from agent.exceptions import ModelError, ModelInvalid, ModelRefused, ModelTruncated
from agent.llm.base import Usage
from agent.llm.errors import MAX_SAID, Failed, Server, from_error, web_page
from agent.llm.reading import parse, text_of, thoughts_of
from agent.llm.thoughts import without_thoughts


def read(response: httpx2.Response, server: Server) -> dict[str, Any]:
    """Returns the JSON object of a response with status 200. Raises Failed when there is none."""
    if is_web_page(response):
        raise web_page(server)
    try:
        body = _joined(response.text) if _is_stream(response) else parse(response.text)
    except ValueError:
        raise Failed(ModelInvalid(_UNREADABLE)) from None
    if not isinstance(body, dict):
        raise Failed(ModelInvalid(_UNREADABLE))
    if body.get("error"):
        raise from_error(body["error"], server)
    return body


def _is_stream(response: httpx2.Response) -> bool:
    kind = response.headers.get("content-type", "")
    return "event-stream" in kind or response.text.startswith("data:")


def _joined(text: str) -> dict[str, Any]:
    """Returns the response whose pieces a server streams that was asked for the whole of it."""
    body: dict[str, Any] = {}
    message: dict[str, str] = {}
    reason = None
    for line in text.splitlines():
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or data == "[DONE]":
            continue
        event = parse(data)
        if not isinstance(event, dict):
            raise ValueError("a piece of a stream is an object")
        body |= {name: event[name] for name in ("error", "usage") if event.get(name)}
        choice = first_choice(event)
        delta = choice.get("delta")
        for name, piece in (delta if isinstance(delta, dict) else {}).items():
            message[name] = message.get(name, "") + text_of(piece)
        reason = choice.get("finish_reason") or reason
    return {**body, "choices": [{"message": message, "finish_reason": reason}]}


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
    reason = choice.get("finish_reason")
    # Whoever asked for JSON sees by itself whether that is whole; of words nobody can tell.
    if ending_of(reason) is not Ending.UNKNOWN and (ended := bad_end(reason)) is not None:
        raise Failed(ended)
    if (refusal := refusal_of(message)) and not text_of(message.get("content")).strip():
        raise Failed(declined(refusal, server))
    return message


def answer_of(body: Mapping[str, Any], server: Server) -> tuple[str, ModelError | None]:
    """Returns the text of a whole answer, and what is wrong with its end.

    Raises ModelError when there is no text.
    """
    choice = first_choice(body)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise ModelInvalid("The model's server sent an answer without a message in it.")
    content = text_of(message.get("content"))
    text, ended = without_thoughts(content).strip(), bad_end(choice.get("finish_reason"))
    if text:
        return text, ended
    if ended is not None:
        raise ended
    if refusal := refusal_of(message):
        raise declined(refusal, server)
    raise nothing_written(thought=bool(content.strip() or thoughts_of(message)))


def nothing_written(*, thought: bool) -> ModelInvalid:
    if thought:
        return ModelInvalid("The model only thought, and wrote no answer. Trying again may help.")
    return ModelInvalid("The model answered with nothing: an answer in words was expected.")


def first_choice(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the first choice of a response or of a piece of a stream, or {}."""
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, Mapping) else {}


class Ending(Enum):
    """What a `finish_reason` says."""

    NONE = "nothing"
    WHOLE = "the model wrote all that it wanted"
    CUT = "the answer reached its greatest length"
    HELD_BACK = "the server holds the answer back"
    BROKEN = "the server gave up"
    UNKNOWN = "a word that no server of ours has used"


# The words of OpenAI's protocol, and those that gateways pass on from behind it, without their case.
_ENDINGS = {
    Ending.NONE: "null none unspecified finish_reason_unspecified",
    Ending.WHOLE: "stop end end_turn stop_sequence eos eos_token tool_calls tool_use function_call"
    " complete completed finished",
    Ending.CUT: "length max_tokens max_output_tokens max_completion_tokens max_length model_length"
    " token_limit",
    Ending.HELD_BACK: "content_filter content_filtered safety recitation prohibited_content"
    " blocklist spii image_safety refusal guardrail_intervened",
    Ending.BROKEN: "error insufficient_system_resource abort aborted cancelled canceled timeout",
}
_ENDING_OF = {word: ending for ending, words in _ENDINGS.items() for word in words.split()}


def ending_of(reason: Any) -> Ending:
    if not reason or not isinstance(reason, str):
        return Ending.NONE
    word = reason.strip().lower().replace("-", "_")
    return _ENDING_OF.get(word.removeprefix("finish_reason_"), Ending.UNKNOWN)


def bad_end(reason: Any) -> ModelError | None:
    """Returns what is wrong with an answer that ended with `reason`, if anything is."""
    match ending_of(reason):
        case Ending.CUT:
            return ModelTruncated("The model's answer broke off: it reached its greatest length.")
        case Ending.BROKEN:
            return ModelTruncated("The model's answer broke off: its server had an error.")
        case Ending.HELD_BACK:
            return ModelRefused("The model's server held the answer back: its content filter.")
        case Ending.UNKNOWN:
            return ModelTruncated(
                f"The model's server ended the answer with “{str(reason)[:MAX_SAID]}”, which may"
                " mean that it is not whole."
            )
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
