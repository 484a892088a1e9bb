"""What a model reads before it plans, as each interface of a real server shows it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.ag_ui import official
from tests.support.api_client import client, page_client
from tests.support.model_server import ModelServer, by_schema
from tests.support.server import ServerProcess, say, watching

READING = "Reading “Take payments” in full"
ANALYSIS = {
    "intent": "command",
    "summary": "Asks",
    "needs_tools": False,
    "question": "",
    "read_first": [{"tool": "get_tasks", "arguments": {"tasks": ["Take payments"]}}],
}


@pytest.fixture
def reader(scripted_model: ModelServer, scripted_server: ServerProcess) -> ServerProcess:
    scripted_model.handler = by_schema(analysis=ANALYSIS, memory={"notes": []}, answer="Read.")
    return scripted_server


def readings(frames: list[dict[str, Any]]) -> list[tuple[str, str]]:
    told = [(frame, frame["progress"]) for frame in frames if frame["type"] == "progress"]
    return [
        (frame["text"]["message"], progress["metadata"]["phase"])
        for frame, progress in told
        if progress["step"] == "reading"
    ]


async def test_a_reading_is_a_live_event_a_timing_and_a_row_of_the_page(
    reader: ServerProcess,
) -> None:
    project = reader.project
    async with client(reader) as api:
        made = await api.post(f"projects/{project}/tasks/", json={"title": "Take payments"})
        assert made.status_code == 201, made.text
        async with watching(reader) as socket:
            frames = await say(socket, "How far are payments?")
        assert readings(frames) == [(READING, "started"), (READING, "finished")]
        run = (await api.get(f"runs/{frames[-1]['run']}/")).json()
    assert "reading:r1" in [timing["phase"] for timing in run["timings"]]
    async with page_client(reader) as page:
        html = (await page.get(f"{reader.url}/sessions/{reader.session}/")).text
    assert READING in html


@pytest.mark.node
async def test_a_reading_is_a_step_of_ag_ui(reader: ServerProcess) -> None:
    told, _ = await official(reader, {"runId": "one"})
    names = [(event["type"], event["stepName"]) for event in told if "stepName" in event]
    place = names.index(("STEP_STARTED", "reading:r1"))
    assert names[place + 1] == ("STEP_FINISHED", "reading:r1")
