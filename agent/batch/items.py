"""The inputs of a batch as values: a message, or a line that is none. Reads nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agent.batch.lines import UNDECODED
from agent.exceptions import Refused
from agent.runs.runs import checked_content
from agent.support.words import is_text

MAX_ID = 200  # characters

Id = str | int


@dataclass(frozen=True, slots=True)
class Item:
    """One message. `session`: the existing session that the input names, if any."""

    line: int
    id: Id
    message: str
    session: UUID | None = None

    @property
    def key(self) -> str:
        return key_of(self.id, self.message)


@dataclass(frozen=True, slots=True)
class Unread:
    """An invalid line, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What the user should know about the whole input, such as its encoding."""

    text: str


def key_of(id: Id, message: str) -> str:
    """Returns the key that identifies an input by its id and message."""
    text = json.dumps([id, message]).encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def item(number: int, fields: Mapping[str, Any], default_id: str = "") -> Item | Unread:
    """Returns the input with these fields. Without an id, its id is `default_id`, or the line number."""
    id, message, session = (fields.get(name) for name in ("id", "message", "session"))
    if any(isinstance(field, str) and UNDECODED in field for field in (id, message)):
        return Unread(
            number, "some bytes are not valid in this encoding; give another with --encoding"
        )
    if id is None:
        id = default_id or str(number)
    if not _is_id(id):
        return Unread(number, f"the id has to be an integer or a text of 1 to {MAX_ID} characters")
    if not isinstance(message, str):
        return Unread(number, "no text “message”")
    try:
        return Item(number, id, checked_content(message), _session(session))
    except Refused as refused:
        return Unread(number, str(refused).removesuffix("."))
    except ValueError:
        return Unread(number, "the session is not a UUID")


def _is_id(id: Any) -> bool:
    if isinstance(id, str):
        return 1 <= len(id) <= MAX_ID and is_text(id)
    return isinstance(id, int) and not isinstance(id, bool)


def _session(session: Any) -> UUID | None:
    """Raises ValueError."""
    if session is None or session == "":
        return None
    if not isinstance(session, str):
        raise ValueError("not a text")
    return UUID(session)
