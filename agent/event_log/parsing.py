"""Reads the frames of the log back as events. What cannot be read is `Unknown`, and never an error."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from agent.event_log import events
from agent.event_log.events import Event, EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown(Event):
    """What was read and is no event of this version; `broken`: it has the type of one."""

    name: str  # the type
    fields: dict[str, Any]
    broken: bool

    def as_json(self) -> dict[str, Any]:
        return self.fields


_readers = {kind: TypeAdapter[Event](one) for kind, one in events.CLASSES.items()}
_unknown_reader = TypeAdapter(Unknown)


def read(body: str) -> Event:
    """Returns the event that a frame tells: one of `events.CLASSES`, or `Unknown`."""
    try:
        frame = json.loads(body)
        name = str(frame["type"])
    except (LookupError, TypeError, ValueError):
        return Unknown(None, name="", fields={}, broken=True)
    if name not in _readers:
        return _unknown(name, frame, broken=False)
    try:
        part = frame[one] if (one := events.CLASSES[name].part) else frame
        told = {**part, **{name: frame[name] for name in ("run", "seq", "timestamp")}}
        if name != EventType.TOKEN:  # the `text` of that is a piece of the answer
            told["texts"] = frame.get("text")
        return _readers[name].validate_python(told)
    except (LookupError, TypeError, ValueError):
        return _unknown(name, frame, broken=True)


def _unknown(name: str, frame: dict[str, Any], *, broken: bool) -> Unknown:
    # A frame that is in no log has neither `seq` nor `timestamp`, and not always a run.
    known = {name: frame[name] for name in ("run", "seq", "timestamp") if name in frame}
    what = {"name": name, "fields": frame, "broken": broken, "texts": frame.get("text")}
    try:
        return _unknown_reader.validate_python({"run": None, **known, **what})
    except ValueError:
        return Unknown(None, name=name, fields=frame, broken=broken)
