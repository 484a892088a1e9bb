"""The names of objects: one line that shows something and cannot change the text around it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from django import forms
from django.conf import settings

from agent.board import projects, task_rules
from agent.event_log import effect_texts, texts
from agent.exceptions import ToolFailed
from agent.runs.runs import title_of
from agent.support.name_field import NameField
from agent.support.words import isolated, marked, name_of
from agent.tools import registry
from tests.support.api_client import client
from tests.support.server import ServerProcess

NOTHING = [
    "\u200b",
    "\u202e\u202c",
    "\u3164",
    "\u2800 \u2800",
    "\ufe0f",
    "\x07",
    "\u00ad",
    "\U000e0041",
]
KEPT = [
    "👩\u200d👩\u200d👧 family",  # joined to one sign
    "❤\ufe0f",
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f Scotland",
    "می\u200cخواهم",  # Persian: without it, the letters join
    "क्\u200dष",
    "שלום",
    "C++?",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_scripts_and_emoji_need_stays(text: str) -> None:
    assert name_of(text) == text


def test_what_nobody_sees_or_turns_the_text_around_is_removed() -> None:
    assert name_of("\u202eevil \u200b") == "evil"
    assert name_of("Pay\ufeff\x00ments\nnow\u2066") == "Payments now"
    assert name_of("a\U000e0041\U000e0042b") == "ab"


@pytest.mark.parametrize("text", NOTHING)
def test_a_name_that_shows_nothing_is_refused(text: str) -> None:
    assert name_of(text) == ""
    for rule in (task_rules.title, lambda value: task_rules.labels([value])):
        with pytest.raises(ToolFailed):
            rule(text)
    with pytest.raises(ToolFailed, match="shows nothing"):
        projects._name("name", text)
    with pytest.raises(forms.ValidationError, match="required"):
        NameField().clean(text)
    for name, field in (("create_task", "title"), ("create_project", "name")):
        tool = registry.get(name)
        assert tool is not None
        assert "shows nothing" in str(tool.check({field: text}))


def test_a_session_is_not_named_after_characters_that_nobody_sees() -> None:
    assert title_of("\u202eHello\u200b there") == "Hello there"
    assert title_of("\u200b") == ""


def test_a_stored_name_cannot_turn_the_sentence_around_it() -> None:
    assert isolated("Booking 👩\u200d👧") == "Booking 👩\u200d👧"
    assert isolated("\u202eevil \u200b") == "[U+202E]evil [U+200B]"
    assert isolated("\u202eשלום") == "\u2068[U+202E]שלום\u2069"
    change: Any = {"object": "task", "id": "x", "title": "\u202eevil", "action": "deleted"}
    change |= {"before": {}, "after": None, "number": 11}
    (effect,) = effect_texts.effects([{"step": "s1", "changes": [change], "note": ""}])
    assert effect["text"] == "Delete task #11 “[U+202E]evil”"
    told = texts.change("deleted", "task", {"title": "שלום"}, None)
    assert told == "Deleted task “\u2068שלום\u2069”"


# Prints what the page's script makes of each character, and of what else is tried.
IN_THE_PAGE = """
import { isolated, marked } from "./static/chat/support/names.js";
const codes = [...Array(0x110000).keys()].filter((code) => code < 0xd800 || code > 0xdfff);
const all = codes.map((code) => String.fromCodePoint(code));
const changed = all.filter((one) => marked(one) !== one);
const turned = all.filter((one) => isolated(one) !== marked(one));
console.log(JSON.stringify([changed.map(marked), turned, JSON.parse(process.argv[1]).map(isolated)]));
"""


@pytest.mark.node
def test_the_page_marks_and_isolates_the_same() -> None:
    texts = ["\u202eevil", "\U0001f3f4\U000e0067\U000e0062\U000e007f", "a\U000e0041", "שלום\u200f"]
    command = ["node", "--input-type=module", "-e", IN_THE_PAGE, json.dumps(texts)]
    told = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, check=True).stdout
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    assert json.loads(told) == [
        [marked(one) for one in every if marked(one) != one],
        [one for one in every if isolated(one) != marked(one)],
        [isolated(one) for one in texts],
    ]


@pytest.fixture
async def api(server: ServerProcess) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(server) as api:
        yield api


@pytest.mark.parametrize(
    ("path", "field", "more"),
    [
        ("projects/", "name", {}),
        ("projects/{project}/tasks/", "title", {}),
        ("projects/{project}/memories/", "title", {"content": "Django"}),
        ("projects/{project}/sessions/", "title", {}),
    ],
)
async def test_the_api_refuses_a_name_that_shows_nothing_and_cleans_another(
    server: ServerProcess, api: httpx2.AsyncClient, path: str, field: str, more: dict[str, str]
) -> None:
    path = path.format(project=server.project)
    refused = await api.post(path, json={field: "\u200b", **more})
    assert (refused.status_code, refused.json()) == (400, {field: ["This text shows nothing."]})
    made = await api.post(path, json={field: "\u202eevil \u200b", **more})
    assert (made.status_code, made.json()[field]) == (201, "evil")
