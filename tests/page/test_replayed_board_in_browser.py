"""The board in the replay of a session, in Chromium: as it was at each moment."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.support.browser import Visit
from tests.support.panels import titles, with_board
from tests.support.replay import READ, Replay

pytestmark = pytest.mark.browser


def patch(visit: Visit, path: str, **values: Any) -> None:
    """Changes something by the API, as another program."""
    key = visit.server.cast["alice"]["token"]
    headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}
    address = f"{visit.server.url}/api/{path}"
    urlopen(Request(address, json.dumps(values).encode(), headers, method="PATCH")).close()


def test_the_board_is_shown_as_it_was_at_each_moment(visit: Visit) -> None:
    page = with_board(visit)
    visit.say("Mark the sign-up task as in progress")
    visit.wait_for("succeeded", "succeeded")
    visit.say("Remember that we decided to use Django")
    visit.wait_for("succeeded", "succeeded", "succeeded")
    visit.say("Delete the sign-up task")
    visit.wait_for("succeeded", "succeeded", "succeeded", "succeeded")
    at_end = page.evaluate(READ)[1]
    changes = visit.server.rows("SELECT seq FROM agent_event WHERE type = 'change' ORDER BY seq")
    created, started, remembered, deleted = (changes[place][0] for place in (2, 3, 4, 5))
    replay = Replay(visit, at=1)
    assert titles(page) == []
    assert page.get_by_text("No tasks at this moment.").is_visible()
    replay.jump(deleted)
    assert len(titles(page)) == 2
    assert "Deleted task" in page.get_by_role("list", name="Recently deleted").first.inner_text()
    replay.jump(created)
    assert len(titles(page)) == 3
    assert page.locator('.task[data-status="in_progress"], .memory').count() == 0
    replay.jump(started)
    assert page.locator('.task[data-status="in_progress"]').count() == 1
    replay.jump(remembered - 1)
    assert page.locator(".memory").count() == 0
    replay.jump(remembered)
    assert page.locator(".memory").count() == 1
    replay.press("End")
    visit.wait(lambda: replay.read()[1] == at_end)
    assert not page.locator("#board-doubts").is_visible()


def test_what_was_changed_outside_of_sessions_is_said_and_what_other_sessions_did_is_shown(
    visit: Visit,
) -> None:
    page = with_board(visit)
    created = visit.server.rows("SELECT max(seq) FROM agent_event WHERE type = 'change'")[0][0]
    keys = page.locator(".task").evaluate_all("(all) => all.map((one) => one.dataset.key)")
    patch(visit, f"tasks/{keys[0]}/", title="Renamed elsewhere")
    other = f"?session={visit.server.other_session}"
    patch(visit, f"tasks/{keys[1]}/{other}", title="Renamed in the other session")
    visit.wait(lambda: "Renamed in the other session" in titles(page))
    visit.say("What is open?")
    visit.wait_for("succeeded", "succeeded")
    replay = Replay(visit, at=created)
    assert not {"Renamed elsewhere", "Renamed in the other session"} & set(titles(page))
    assert "Changed outside of sessions" in page.inner_text("#board-doubts")
    assert page.locator("[data-unsure]").count() == 1
    assert page.locator(f'[data-unsure][data-key="{keys[0]}"]').count() == 1
    replay.press("End")
    visit.wait(lambda: "Renamed in the other session" in titles(page))
    assert "Renamed elsewhere" in titles(page)
    assert page.locator("[data-unsure], #board-doubts:not([hidden])").count() == 0
