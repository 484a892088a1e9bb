"""The replay of a session in Chromium: the state at each moment, the player, the board as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from agent.event_log.times import stamp
from tests.support import story, story_events
from tests.support.accessibility import PHONE, check
from tests.support.browser import Visit
from tests.support.kept_log import Row, keep
from tests.support.replay import READ, Replay

pytestmark = pytest.mark.browser
LAST = len(story.story())


@pytest.fixture
def told(visit: Visit) -> Visit:
    """A person at a session in which everything has happened that a page can meet."""
    keep(visit.server, story.rows())
    return visit


@pytest.fixture
def carol(browser: Browser, visit: Visit) -> Iterator[Visit]:
    """Somebody who may only view."""
    carol = Visit(browser, visit.server, "carol")
    yield carol
    assert carol.troubles == []
    carol.context.close()


def moved(rows: list[Row], waits: dict[int, float]) -> list[Row]:
    """Returns the events, each that `waits` names so many seconds later, with all that follow."""
    late, found = 0.0, []
    for seq, kind, run, body in rows:
        late += waits.get(seq, 0.0)
        frame = json.loads(body)
        at = datetime.fromisoformat(frame["timestamp"]) + timedelta(seconds=late)
        frame["timestamp"] = stamp(at)
        found.append((seq, kind, run, json.dumps(frame)))
    return found


# -- the state at each moment ----------------------------------------------------------------------


@pytest.mark.long
def test_after_jumps_in_any_order_each_moment_is_as_if_one_came_to_it_first(told: Visit) -> None:
    places = [LAST, 5, 41, 13, 72, 26, 88, 1, 56, 60, 30, LAST]
    replay = Replay(told)
    after_jumps = []
    for place in places:
        replay.jump(place)
        after_jumps.append(told.shown())
    assert len(set(after_jumps)) == len(places) - 1
    for place, shown in zip(places, after_jumps, strict=True):
        replay.open(at=place)
        assert told.shown() == shown, place


def test_a_jump_from_a_checkpoint_leads_to_the_same(visit: Visit) -> None:
    visit.server.fill("long_session", visit.server.session, 40)
    places = [840, 250, 251, 249, 600, 505, 260, 840]
    replay = Replay(visit)
    after_jumps = []
    for place in places:
        replay.jump(place)
        after_jumps.append(visit.shown())
    for place, shown in zip(places, after_jumps, strict=True):
        replay.open(at=place)
        assert visit.shown() == shown, place


@pytest.mark.long
def test_event_by_event_each_moment_is_as_after_a_jump(told: Visit) -> None:
    replay = Replay(told, at=1)
    stepped = {}
    for place in range(2, LAST + 1):
        replay.press("ArrowRight")
        replay.wait_for(place)
        stepped[place] = told.shown()
    for place in range(LAST - 1, 1, -7):
        replay.jump(place)
        assert told.shown() == stepped[place], place


def test_the_end_is_what_the_page_of_the_session_shows(told: Visit, carol: Visit) -> None:
    replay = Replay(told, at=LAST)
    page = carol.live()
    assert replay.read()[0] == page.evaluate(READ)[0]


def test_the_replay_of_a_run_has_the_run_and_what_began_during_it(told: Visit) -> None:
    replay = Replay(told, query=f"?run={story_events.BROKEN}")
    page = replay.page
    assert "Replay of run" in page.inner_text("h1")
    replay.press("End")
    page.get_by_text("End of the replay").wait_for()
    runs = [story_events.BROKEN, story_events.STOPPED, story_events.QUEUED]
    shown = "(all) => all.map((one) => one.dataset.run)"
    told.wait(lambda: page.locator(".exchange").evaluate_all(shown) == [*map(str, runs)])
    assert page.locator(".exchange").first.get_attribute("data-status") == "failed"
    replay.press("Home")
    told.wait(lambda: page.locator(".exchange").count() == 1)
    assert page.locator(".said p:visible").all_inner_texts() == ["Hello?"]


def test_a_long_session_shows_its_end_and_earlier_messages_on_request(visit: Visit) -> None:
    visit.server.fill("long_session", visit.server.session, 80)
    last = 80 * 21
    replay = Replay(visit, at=last)
    page = replay.page
    assert page.locator(".exchange").count() == 10
    page.get_by_role("button", name="Show earlier messages").click()
    texts = page.locator(".said p").all_text_contents()
    assert texts == [f"Question {number}" for number in range(51, 81)]
    replay.jump(21 * 40)
    assert page.locator(".said p").all_text_contents()[-1] == "Question 40"
    assert page.locator(".exchange").count() == 10


# -- the player ------------------------------------------------------------------------------------


def playing(visit: Visit, rows: list[Row], speed: str) -> Replay:
    keep(visit.server, rows)
    visit.page.clock.install()
    replay = Replay(visit)
    replay.wait_for(1)  # the others have come with it
    replay.page.locator("#speed").select_option(speed)
    replay.page.locator("#log").focus()
    return replay


def freeze(page: Page) -> None:
    """From now on, time passes only where the test lets it."""
    page.clock.pause_at(page.evaluate("Date.now()") + 1_000)


def number(page: Page) -> int:
    return int(page.locator('#player [data-slot="number"]').inner_text().split()[1])


@pytest.mark.own_context
@pytest.mark.parametrize(("speed", "events"), [("1", 7), ("4", 29), ("16", 116)])
def test_it_plays_at_the_pace_of_the_events_or_faster(
    visit: Visit, speed: str, events: int
) -> None:
    replay = playing(visit, story.rows(), speed)
    freeze(replay.page)
    replay.press("Space")
    replay.page.clock.run_for(1_000)
    replay.press("Space")
    assert replay.page.get_by_role("button", name="Play", exact=True).is_visible()
    assert abs(number(replay.page) - (1 + events)) <= max(1, events // 20)


@pytest.mark.own_context
def test_a_long_wait_is_shortened_and_its_clocks_go_by_the_time_of_the_replay(visit: Visit) -> None:
    replay = playing(visit, moved(story.rows(), {14: 600}), "readable")
    page = replay.page
    replay.jump(13)
    assert "next event in 10 min" in page.inner_text("#player")
    page.get_by_text(f"of {LAST}").wait_for()
    length = float(page.get_by_role("slider").get_attribute("max") or 0)
    assert length == 30_000 + story_events.PACE * (LAST - 2)
    freeze(page)
    replay.press("Space")
    page.clock.run_for(1_000)
    replay.press("Space")
    clock = page.locator('[data-slot="run-clock"]').first.inner_text()
    assert clock.startswith(("4 min", "5 min"))
    assert number(page) == 13
    replay.press("Space")
    page.clock.run_for(1_200)
    assert number(page) > 13


@pytest.mark.own_context
def test_a_run_that_is_over_does_not_say_how_long_it_still_takes(visit: Visit) -> None:
    replay = playing(visit, story.rows(), "1")
    page = replay.page
    freeze(page)
    replay.press("Space")
    left: set[str] = set()
    for _ in range(60):
        page.clock.run_for(300)
        left.update(page.locator('.exchange[data-status="running"] .eta').all_inner_texts())
        over = page.locator('.exchange:not([data-status="running"]) .eta:visible')
        assert set(over.all_inner_texts()) <= {""}
    assert number(page) == LAST
    assert left > {""}


@pytest.mark.own_context
def test_it_stops_at_its_end_and_begins_anew(visit: Visit) -> None:
    replay = playing(visit, story.rows(), "16")
    page = replay.page
    replay.press("End")
    replay.wait_for(LAST)
    replay.press("ArrowLeft")
    replay.wait_for(LAST - 1)
    freeze(page)
    replay.press("Space")
    page.clock.run_for(500)
    assert number(page) == LAST
    assert "End of the replay" in page.inner_text("#player")
    page.get_by_role("button", name="Play", exact=True).click()
    page.clock.run_for(100)
    assert 1 <= number(page) < 30


def test_keys_and_the_slider_go_to_events_and_times(told: Visit) -> None:
    replay = Replay(told, at=20)
    page = replay.page
    assert "Recorded Mar 4, 18:30:00 to Mar 4, 18:30:1" in page.inner_text(".notice")
    assert page.inner_text('[data-slot="moment"]') == "Mar 4, 18:30:02"
    slider = page.get_by_role("slider", name="Time")
    replay.press("ArrowLeft", "ArrowLeft")
    replay.wait_for(18)
    assert page.evaluate("location.hash") == "#event-18"
    page.reload()
    replay.wait_for(18)
    slider.focus()
    replay.press("ArrowUp")
    replay.wait_for(19)
    assert (slider.get_attribute("aria-valuetext") or "").endswith(f"Event 19 of {LAST}")
    replay.press("Home")
    replay.wait_for(1)
    slider.fill(str(story_events.PACE * 30 + 5))
    replay.wait_for(31)
    replay.press("End")
    replay.wait_for(LAST)
    page.get_by_role("button", name="Previous event").click()
    replay.wait_for(LAST - 1)


def test_a_link_in_the_transcript_leads_to_its_moment(told: Visit) -> None:
    replay = Replay(told, at=35)
    details = replay.page.locator('[data-slot="run-details"]').first
    details.evaluate("(one) => (one.open = true)")
    replay.page.locator("#event-6 .at").first.evaluate("(link) => link.click()")
    replay.wait_for(6)


@pytest.mark.own_context
def test_a_screen_reader_hears_of_phases_at_the_pace_of_a_reader_only(visit: Visit) -> None:
    replay = playing(visit, story.rows(), "16")
    page = replay.page
    page.evaluate("""() => {
      window.spoken = [];
      const status = document.getElementById("status");
      const heard = () => window.spoken.push(status.textContent);
      new MutationObserver(heard).observe(status, { childList: true });
    }""")
    freeze(page)
    replay.press("Space")
    page.clock.run_for(700)
    replay.press("Space", "Home")
    page.locator("#speed").select_option("1")
    assert [text for text in page.evaluate("window.spoken") if "Event" not in text] == [
        "Playing",
        "Paused",
    ]
    page.locator("#log").focus()
    replay.press("Space")
    page.clock.run_for(3_000)
    assert len(page.evaluate("window.spoken")) > 4


# -- the page --------------------------------------------------------------------------------------


def test_nothing_can_be_done_in_a_replay(told: Visit) -> None:
    replay = Replay(told, at=story_approval())
    page = replay.page
    assert "The plan waited for approval." in page.inner_text("#log")
    actions = "#log :is(input, textarea, [data-act], [form], .thumb), #panels :is(button, input)"
    assert page.locator(actions).count() == 0
    assert page.locator("#connection, #composer").count() == 0
    assert page.title().startswith("Replay of ")


def story_approval() -> int:
    return next(seq for seq, kind, *_ in story.rows() if kind == "approval")


def test_it_is_opened_from_the_menu_of_a_session_and_from_a_run(told: Visit, carol: Visit) -> None:
    page = carol.live()
    page.get_by_role("button", name="Session menu").click()
    page.get_by_role("dialog").get_by_role("link", name="Replay").click()
    page.get_by_role("group", name="Player").wait_for()
    page = told.live()
    run = page.locator(".exchange", has_text="Hello?").first
    run.locator('[data-slot="run-details"]').evaluate("(one) => (one.open = true)")
    run.get_by_role("link", name="Replay").click()
    page.wait_for_url(f"**/replay/?run={story_events.BROKEN}*")
    page.goto(f"{told.url}/runs/{story_events.BROKEN}/")
    page.get_by_role("link", name="Replay").click()
    page.wait_for_url(f"**/replay/?run={story_events.BROKEN}*")


def test_an_empty_session_has_nothing_to_replay(visit: Visit) -> None:
    visit.page.goto(f"{visit.address}replay/")
    assert visit.page.get_by_text("Nothing has happened in this session yet.").is_visible()
    assert not visit.page.locator("#player").is_visible()


@pytest.mark.axe
def test_a_replay_breaks_no_rule(told: Visit) -> None:
    replay = Replay(told, at=story_approval())
    replay.page.locator('[data-slot="run-details"]').first.evaluate("(one) => (one.open = true)")
    check(replay.page, "replay")


@pytest.mark.own_context
def test_on_a_phone_the_player_fits(visit: Visit) -> None:
    keep(visit.server, story.rows())
    visit.page.set_viewport_size(PHONE)
    replay = Replay(visit, at=40)
    page = replay.page
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    for name in ("Previous event", "Play", "Next event"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box is not None
        assert box["height"] >= 44
    assert page.locator("#log").evaluate("(log) => log.clientHeight") > 300


def test_events_that_do_not_come_are_said_and_asked_for_again(told: Visit) -> None:
    asked = []

    def refuse(route: Any) -> None:
        asked.append(route)
        route.abort()

    told.page.route("**/events/?*", refuse)
    told.page.goto(f"{told.address}replay/")
    told.page.get_by_text("The server could not be reached").wait_for()
    told.page.unroute("**/events/?*")
    told.wait(lambda: told.page.locator(".exchange").count() == 1)
    assert not told.page.locator("#alert").is_visible()
    assert len(asked) == 1
    told.troubles.clear()
