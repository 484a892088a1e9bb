"""Sends a request as the model's server takes it: without what it refuses, such as an option or a role."""

from __future__ import annotations

from typing import Any

import openai

from agent.exceptions import ModelRefused
from agent.llm import capabilities
from agent.llm.connections import client_of, from_exception
from agent.llm.errors import RequestFailed, Server
from agent.llm.structured_output import without_system

PATH = "/chat/completions"


async def post(server: Server, body: dict[str, Any], **options: Any) -> Any:
    """Sends a request, and sends it again without the role `system` if the server refuses that."""
    known = capabilities.of(server)
    try:
        return await _send(server, body, with_system=known.system_role, **options)
    except RequestFailed as failed:
        if not known.system_role or not failed.refuses_system:
            raise
    response = await _send(server, body, with_system=False, **options)
    known.system_role = False
    return response


async def _send(server: Server, body: dict[str, Any], *, with_system: bool, **options: Any) -> Any:
    """Sends a request, and sends it again without the options that the server refuses by name."""
    known = capabilities.of(server).options
    turns = body["messages"] if with_system else without_system(body["messages"])
    body = {"model": server.model, **body, "messages": turns}
    while True:
        try:
            return await _send_once(server, known.applied(body), **options)
        except RequestFailed as failed:
            if not known.learn(failed, body):
                raise


async def _send_once(server: Server, request: dict[str, Any], **options: Any) -> Any:
    client = await client_of(server)
    try:
        return await client.post(PATH, body=request, **options)
    except openai.APIError as error:
        raise from_exception(error, server) from error
    except UnicodeError:
        raise ModelRefused("OPENAI_API_KEY contains invalid characters.") from None
