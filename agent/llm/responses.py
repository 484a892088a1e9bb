"""Reads a complete response of a model's server: its message, its usage, how it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

import httpx2

from agent.exceptions import ModelError, ModelInvalid, ModelRefused, ModelTruncated
from agent.llm.base import Usage
from agent.llm.errors import MAX_QUOTE, RequestFailed, Server, from_error, web_page
from agent.llm.joining import Joined, first_choice
from agent.llm.reading import parse, reasoning_of, text_of
from agent.llm.reasoning import AnswerText, without_reasoning
from agent.shorten import shorten


def read(response: httpx2.Response, server: Server) -> dict[str, Any]:
    """Returns the JSON object of a response with status 200. Raises RequestFailed."""
    if is_web_page(response):
        raise web_page(server)
    try:
        body = _joined(response.text) if _is_stream(response) else parse(response.text)
    except ValueError:
        raise RequestFailed(ModelInvalid(_UNREADABLE)) from None
    if not isinstance(body, dict):
        raise RequestFailed(ModelInvalid(_UNREADABLE))
    if body.get("error"):
        raise from_error(body["error"], server)
    return body


def _is_stream(response: httpx2.Response) -> bool:
    kind = response.headers.get("content-type", "")
    return "event-stream" in kind or response.text.startswith("data:")


def _joined(text: str) -> dict[str, Any]:
    """Joins the chunks of a server that streams although a complete response was requested."""
    joined = Joined()
    for line in text.splitlines():
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data != "[DONE]":
            joined.take(parse(data))
    return joined.body()


_UNREADABLE = "The model's server sent an answer that is not a JSON object."


def is_web_page(response: httpx2.Response) -> bool:
    return "html" in response.headers.get("content-type", "") or response.text.lstrip().startswith(
        "<"
    )


def message_of(body: Mapping[str, Any], server: Server) -> Mapping[str, Any]:
    """Returns the message of the first choice. Raises RequestFailed when it is incomplete."""
    choice = first_choice(body)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise RequestFailed(ModelInvalid("The model's server sent an answer without a message."))
    reason = choice.get("finish_reason")
    # An unknown reason is no error here: the JSON is validated anyway.
    if ending_of(reason) is not Ending.UNKNOWN and (ended := abnormal_end(reason)) is not None:
        raise RequestFailed(ended)
    if (refusal := refusal_of(message)) and not text_of(message.get("content")).strip():
        raise RequestFailed(declined(refusal, server))
    return message


def is_cut_while_reasoning(body: Mapping[str, Any]) -> bool:
    """Tells whether an answer reached its maximum length before it began."""
    choice = first_choice(body)
    message = choice.get("message")
    if ending_of(choice.get("finish_reason")) is not Ending.TOO_LONG:
        return False
    content = text_of(message.get("content")) if isinstance(message, Mapping) else ""
    return reasons(body) or not without_reasoning(content).strip()


def reasons(body: Mapping[str, Any]) -> bool:
    """Tells whether the model reasoned before it answered."""
    message = first_choice(body).get("message")
    if not isinstance(message, Mapping):
        return False
    reader = AnswerText()
    reader.feed(text_of(message.get("content")))
    reader.rest()
    return reader.reasoned or bool(reasoning_of(message))


def answer_of(body: Mapping[str, Any], server: Server) -> tuple[str, ModelError | None]:
    """Returns the text of a complete response, and the error that made it incomplete, if any.

    Raises ModelError when there is no text.
    """
    choice = first_choice(body)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise ModelInvalid("The model's server sent an answer without a message.")
    content = text_of(message.get("content"))
    text, ended = without_reasoning(content).strip(), abnormal_end(choice.get("finish_reason"))
    if text:
        return text, ended
    if ended is not None:
        raise ended
    if refusal := refusal_of(message):
        raise declined(refusal, server)
    raise empty_answer(reasoned=bool(content.strip() or reasoning_of(message)))


def empty_answer(*, reasoned: bool) -> ModelInvalid:
    if reasoned:
        return ModelInvalid("The model returned only reasoning and no answer. A retry may help.")
    return ModelInvalid("The model returned an empty answer.")


class Ending(Enum):
    """What a `finish_reason` means."""

    NONE = "nothing"
    COMPLETE = "the answer is complete"
    TOO_LONG = "the answer reached its maximum length"
    BLOCKED = "the server withholds the answer"
    ERROR = "the server had an error"
    UNKNOWN = "a reason that is not in the table"


# The reasons of OpenAI's protocol and those that gateways pass on from other servers, in lower case.
_ENDINGS = {
    Ending.NONE: "null none unspecified finish_reason_unspecified",
    Ending.COMPLETE: "stop end end_turn stop_sequence eos eos_token tool_calls tool_use function_call"
    " complete completed finished",
    Ending.TOO_LONG: "length max_tokens max_output_tokens max_completion_tokens max_length model_length"
    " token_limit",
    Ending.BLOCKED: "content_filter content_filtered safety recitation prohibited_content"
    " blocklist spii image_safety refusal guardrail_intervened",
    Ending.ERROR: "error insufficient_system_resource abort aborted cancelled canceled timeout",
}
_ENDING_OF = {word: ending for ending, words in _ENDINGS.items() for word in words.split()}


def ending_of(reason: Any) -> Ending:
    if not reason or not isinstance(reason, str):
        return Ending.NONE
    word = reason.strip().lower().replace("-", "_")
    return _ENDING_OF.get(word.removeprefix("finish_reason_"), Ending.UNKNOWN)


def abnormal_end(reason: Any) -> ModelError | None:
    """Returns the error of an answer that ended with `reason`, or None."""
    match ending_of(reason):
        case Ending.TOO_LONG:
            return ModelTruncated(
                "The model's answer is incomplete: it reached its maximum length."
            )
        case Ending.ERROR:
            return ModelTruncated("The model's answer is incomplete: its server had an error.")
        case Ending.BLOCKED:
            return ModelRefused(
                "The answer was blocked by the content filter of the model's server."
            )
        case Ending.UNKNOWN:
            return ModelTruncated(
                f"The answer may be incomplete: the model's server ended it with"
                f" “{shorten(str(reason), MAX_QUOTE)}”."
            )
    return None


def refusal_of(message: Mapping[str, Any]) -> str:
    """Returns the text of a refusal, which some servers send as a part of the content."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    texts = [message.get("refusal"), *(p.get("refusal") for p in parts if isinstance(p, Mapping))]
    return "".join(text for text in texts if isinstance(text, str))


def declined(refusal: str, server: Server) -> ModelRefused:
    text = shorten(server.without_key(refusal), MAX_QUOTE)
    return ModelRefused(f"The model declined to answer: “{text}”")


def count(usage: Usage, used: Any) -> tuple[int, int]:
    """Adds the token counts that a server reports, of the prompt and the answer, and returns them.

    Missing or invalid ones count as 0.
    """
    if not isinstance(used, Mapping):
        return 0, 0
    counts = _tokens(used.get("prompt_tokens")), _tokens(used.get("completion_tokens"))
    usage.input_tokens += counts[0]
    usage.output_tokens += counts[1]
    return counts


def texts_of(body: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the text of a complete response and the reasoning beside it, whatever its end."""
    message = first_choice(body).get("message")
    if not isinstance(message, Mapping):
        return "", ""
    content = message.get("content")
    text = json.dumps(content) if isinstance(content, dict) else text_of(content)
    return text, "".join(reasoning_of(message))


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """Returns the count of the prompt that a response reports, or 0."""
    used = body.get("usage")
    return _tokens(used.get("prompt_tokens")) if isinstance(used, Mapping) else 0


def _tokens(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
