"""The page's two folds over one log, the server's and the script's, show the same at every event."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support import story
from tests.support.browser import Visit
from tests.support.fake_socket import FakeSocket, seen, silence
from tests.support.kept_log import keep

pytestmark = pytest.mark.browser


@pytest.mark.long
def test_live_events_and_a_reload_show_the_same_after_every_event(visit: Visit) -> None:
    page = visit.page
    frames, rows = story.story(), story.rows()
    socket = FakeSocket(page)
    visit.live()
    watcher = visit.open()
    silence(watcher)
    for seq, frame in enumerate(frames, 1):
        keep(visit.server, rows[seq - 1 : seq])
        socket.send(frame)
        visit.wait(lambda seq=seq: seen(page) == seq)  # type: ignore[misc]  # bound at once
        watcher.goto(visit.address)
        watcher.locator('#connection[data-state="live"]').wait_for()
        # The board's rows are not in this story, the events alone are.
        live, reloaded = (visit.shown(one).split("\n\n")[0] for one in (page, watcher))
        assert live == reloaded, frame


def test_a_gap_in_the_numbers_is_never_passed_over(visit: Visit) -> None:
    socket, frames = FakeSocket(visit.page), story.story()
    visit.live()
    socket.send(frames[0])
    socket.send(frames[0])  # a second time: passed over
    socket.send(frames[4])
    visit.wait(lambda: len(socket.addresses) == 2)
    queries = [parse_qs(urlsplit(address).query) for address in socket.addresses]
    assert [query["after"] for query in queries] == [["0"], ["1"]]
    visit.wait(lambda: seen(visit.page) == 1)
    assert visit.page.locator(".said p").count() == 1


def test_pages_come_back_at_different_moments_and_ever_later(visit: Visit) -> None:
    page = visit.live()
    waits = page.evaluate(
        """async () => {
          const { src } = document.querySelector('[src$="/session.js"]');
          const { backoff } = await import(new URL("transport/connection.js", src));
          return [0, 1, 2, 3, 4, 5, 6, 50].map((attempt) => [backoff(attempt, 0), backoff(attempt, 1)]);
        }"""
    )
    assert all(0 < least == most / 2 for least, most in waits)
    longest = [most for _, most in waits]
    assert longest == sorted(longest)
    assert longest[-1] == longest[-2] == 30_000


def test_a_page_that_comes_late_goes_on_from_any_place(visit: Visit) -> None:
    page = visit.page
    frames, rows = story.story(), story.rows()
    socket = FakeSocket(page)
    ends = set()
    places = [0, 5, 13, 26, 30, 41, 56, 60, 72, 80, 88]
    for before, place in zip([0, *places], places, strict=False):
        keep(visit.server, rows[before:place])
        visit.live()
        for frame in frames[place:]:
            socket.send(frame)
        visit.wait(lambda: seen(page) == len(frames))
        ends.add(visit.shown().split("\n\n")[0])
    assert len(ends) == 1
