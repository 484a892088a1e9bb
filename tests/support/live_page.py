"""A session page in Chromium whose events a test makes up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.event_log import events
from agent.event_log.events import Event
from agent.event_log.times import stamp
from tests.support.browser import Visit
from tests.support.fake_socket import FakeSocket, seen
from tests.support.story_events import FIRST, said


class Live:
    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.socket = FakeSocket(visit.page)
        self.page = visit.live()
        self.seq = 0

    def tell(self, *told: Event, ago: float = 0) -> None:
        at = stamp(datetime.now(UTC) - timedelta(seconds=ago))
        for event in told:
            self.seq += 1
            self.socket.send(replace(event, timestamp=at).frame(self.seq))
        self.visit.wait(lambda: seen(self.page) == self.seq)

    def aside(self, **frame: Any) -> None:
        self.socket.send(json.dumps(frame))

    def begin(self) -> None:
        self.tell(said(FIRST, "Hi", 1), events.Run(FIRST, "running"))
