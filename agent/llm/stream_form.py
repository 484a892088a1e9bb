"""How a streamed answer is requested, and how else if a server refuses that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from agent.llm.errors import RequestFailed


@dataclass(frozen=True, slots=True)
class StreamForm:
    """How a text answer is requested."""

    streams: bool
    with_usage: bool

    @property
    def fields(self) -> dict[str, Any]:
        usage = {"stream_options": {"include_usage": True}} if self.with_usage else {}
        return {"stream": True, **usage}

    def fallback(self, failed: RequestFailed) -> StreamForm | None:
        """Returns another form to try, or None when the server did not refuse this one."""
        if not self.streams or failed.status not in (400, 403, 422):
            return None
        if self.with_usage and not failed.refuses_streams:
            return replace(self, with_usage=False) if failed.status != 403 else None
        return replace(self, streams=False) if failed.refuses_streams else None

    def fallback_of_json(self, failed: RequestFailed) -> StreamForm:
        """As `fallback`, for a structured answer: the server may have refused its JSON mode. Raises
        `failed` when it did not refuse this form.
        """
        if failed.status in (400, 403, 422):
            if failed.refuses_streams:
                return replace(self, streams=False)
            if self.with_usage and failed.refuses_usage:
                return replace(self, with_usage=False)
        raise failed
