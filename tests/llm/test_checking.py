"""The check of the connected model, over real HTTP: in a terminal, on its page, and on this machine."""

from __future__ import annotations

from io import StringIO

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from pytest_django import Settings

from agent.llm import checking
from tests.support.model_server import Answer, ModelServer, Request, as_json, error, said, stream
from tests.support.model_talk import ANALYSIS


def checked() -> list[str]:
    output = StringIO()
    call_command("check_model", stdout=output)
    return output.getvalue().splitlines()


def test_a_good_server_passes_and_says_how_it_is_called(server: ModelServer) -> None:
    server.models["/v1/models"] = as_json(
        {"data": [{"id": "small-model", "context_length": 32_768}]}
    )
    server.script([said(ANALYSIS), stream("Hello", " there")])
    lines = checked()
    assert f"    Server: 127.0.0.1:{server.port}" in lines
    assert "    Model: small-model" in lines
    assert any(line.startswith("ok  Structured answer: enforced by the server") for line in lines)
    assert any(line.startswith("ok  Streamed answer: first word after") for line in lines)
    assert "ok  Window: 32,768 tokens" in lines


def test_a_server_without_schemas_and_streams_passes_and_says_so(server: ModelServer) -> None:
    def handle(request: Request) -> Answer:
        if request.form == "json_schema":
            return error(400, {"message": "response_format is not supported"})
        return said(ANALYSIS) if request.asked == "analysis" else said("Hello there")

    server.handler = handle
    lines = checked()
    assert any("as JSON, with the schema in the prompt" in line for line in lines)
    assert any(line.startswith("    Streamed answer: comes in one piece") for line in lines)
    assert "    Window: unknown: the server does not tell it" in lines


def test_what_does_not_work_is_said_with_its_reason_and_the_command_fails(
    server: ModelServer, settings: Settings
) -> None:
    server.handler = lambda request: error(401, {"message": "no such key"})
    output = StringIO()
    with pytest.raises(CommandError, match="can't be used"):
        call_command("check_model", stdout=output)
    assert "NO  Structured answer:" in output.getvalue()
    assert settings.OPENAI_API_KEY not in output.getvalue()
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    with pytest.raises(CommandError):
        call_command("check_model", stdout=output)


def test_a_local_server_is_found_with_the_line_that_connects_it(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
    with ModelServer() as local, ModelServer() as broken:
        local.models["/v1/models"] = as_json({"data": [{"id": "qwen3:8b"}, {"id": "x\ny"}, 7]})
        broken.models["/v1/models"] = as_json(["no", "models"])
        places = {
            "Ollama": local.base_url,
            "vLLM": broken.base_url,
            "None": "http://127.0.0.1:9/v1",
        }
        monkeypatch.setattr(checking, "LOCAL_SERVERS", places)
        lines = checked()
        assert lines[1:] == [
            "Ollama runs on this machine. To use it: "
            f"OPENAI_BASE_URL={local.base_url} SAMURAI_MODEL=qwen3:8b make run"
        ]
        assert async_to_sync(checking.local_servers)(local.port) == []


@pytest.mark.django_db
def test_the_page_tries_the_model_for_the_staff_only(
    server: ModelServer, client: Client, alice: User
) -> None:
    assert client.get("/model/").status_code == 302
    client.force_login(alice)
    text = client.get("/model/").content.decode()
    assert "small-model" in text
    assert "Try it" not in text
    assert client.post("/model/").status_code == 403
    assert server.requests == []
    User.objects.update(is_staff=True)
    server.script([said(ANALYSIS), stream("Hello", " there")])
    assert "Try it" in client.get("/model/").content.decode()
    tried = client.post("/model/").content.decode()
    assert "enforced by the server" in tried
    assert len(server.requests) == 2


@pytest.mark.django_db
def test_without_a_model_the_page_says_how_one_is_connected(
    client: Client, alice: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
    with ModelServer() as local:
        local.models["/v1/models"] = as_json({"data": [{"id": "<b>qwen</b>"}]})
        monkeypatch.setattr(checking, "LOCAL_SERVERS", {"Ollama": local.base_url})
        client.force_login(alice)
        assert "Found on this machine" not in client.get("/model/").content.decode()
        User.objects.update(is_staff=True)
        text = client.get("/model/").content.decode()
    assert "Ollama with 1 model." in text
    assert "SAMURAI_MODEL=&lt;b&gt;qwen" in text
    assert client.post("/model/").status_code == 200  # nothing to try
