"""The events of a run as AG-UI tells them. A fold over the log: no rows, no connection, no state kept.

https://docs.ag-ui.com
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime
from typing import Any
from uuid import UUID

from ag_ui.core import (
    PROTOCOL_VERSION,
    BaseEvent,
    CustomEvent,
    Interrupt,
    RunErrorEvent,
    RunFinishedCancelledOutcome,
    RunFinishedEvent,
    RunFinishedInterruptOutcome,
    RunFinishedSuccessOutcome,
    RunStartedEvent,
    StateDeltaEvent,
    StateSnapshotEvent,
    StepFinishedEvent,
    StepStartedEvent,
    TextMessageContentEvent,
    TextMessageEndEvent,
    TextMessageStartEvent,
    TokenUsage,
    ToolCallArgsEvent,
    ToolCallEndEvent,
    ToolCallResultEvent,
    ToolCallStartEvent,
)

from agent.event_log import events
from agent.event_log.events import Event
from agent.event_log.payloads import PlannedStep
from agent.event_log.phases import Phase
from agent.plan import WORK

# What answers an interrupt, as a form for whoever asks a person.
ANSWER = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean"},
        "reason": {"type": "string", "description": "Why not: the plan is made anew with it."},
        "comments": {
            "type": "array",
            "description": "On steps of the plan, which is made anew with them.",
            "items": {
                "type": "object",
                "properties": {"step": {"type": "string"}, "text": {"type": "string"}},
                "required": ["step", "text"],
            },
        },
        "steps": {
            "type": "array",
            "description": "Other steps instead; what they do is shown first if it is new.",
        },
    },
    "required": ["approved"],
}


class Translation:
    """One AG-UI run: the part of one of our runs after the position `after`, to its end or a wait.

    What comes before is folded in without a word, so that whoever resumes knows where it stands.
    """

    def __init__(self, thread: str, run: str, after: int) -> None:
        self.thread, self.run, self.after = thread, run, after
        self.is_over = False
        self._begun = False
        self._state: dict[str, Any] = {"status": "queued", "plan": None}
        self._steps: list[str] = []  # started and not finished
        self._calls: set[str] = set()  # told already: a step that a crash broke off starts twice
        self._message = ""  # the text message that is open
        self._messages = 0
        self._question: events.Approval | None = None

    def feed(self, event: Event) -> list[BaseEvent]:
        """Returns what `event` is in AG-UI's words. The last of it carries the event itself."""
        if event.seq <= self.after:
            self._fold(event)
            return []
        told = [] if self._begun else list(self._begin())
        frame = event.as_json()
        told += list(self._told(event)) or [CustomEvent(name=frame["type"], value=_fields(frame))]
        moment = datetime.fromisoformat(frame["timestamp"]).timestamp()
        for one in told:
            one.timestamp = round(moment * 1000)
        told[-1].raw_event = frame
        return told

    def draft(self, body: str) -> list[BaseEvent]:
        """Returns a draft in AG-UI's words: nothing before the run has begun."""
        if not self._begun or self.is_over:
            return []
        frame = json.loads(body)
        return [CustomEvent(name=frame.pop("type"), value=frame)]

    def _fold(self, event: Event) -> None:
        """Takes in what an earlier AG-UI run has told and closed."""
        for _ in self._told(event):
            pass
        self._steps, self._message, self.is_over = [], "", False

    def _begin(self) -> Iterator[BaseEvent]:
        self._begun = True
        yield RunStartedEvent(
            thread_id=self.thread, run_id=self.run, protocol_version=PROTOCOL_VERSION
        )
        yield StateSnapshotEvent(snapshot=deepcopy(self._state))

    def _told(self, event: Event) -> Iterator[BaseEvent]:
        match event:
            case events.Run():
                yield from self._run(event.status)
            case events.Progress():
                yield from self._progress(event)
            case events.Plan():
                yield self._set("/plan", event.told())
            case events.Step():
                yield from self._step(event)
            case events.Approval():
                self._question = event
            case events.Token():
                yield from self._token(event)
            case events.Complete():
                yield from self._complete(event)
            case events.Error():
                yield from self._close()
                yield RunErrorEvent(message=event.error, code=event.code)
                self.is_over = True
            case events.Cancelled():
                yield from self._end(RunFinishedCancelledOutcome())

    # -- state -------------------------------------------------------------------------------------

    def _run(self, status: str) -> Iterator[BaseEvent]:
        yield self._set("/status", status)
        if status == "waiting" and (question := self._question) is not None:
            asked = Interrupt(
                id=interrupt_id(question.id, question.plan_revision),
                reason="approval",
                message=question.reason or "May this plan be carried out?",
                response_schema=ANSWER,
                expires_at=question.expires_at,
                metadata={"plan_revision": question.plan_revision, "effects": question.effects},
            )
            yield from self._end(RunFinishedInterruptOutcome(interrupts=[asked]))

    def _set(self, path: str, value: Any) -> BaseEvent:
        """Puts `value` at `path`, a JSON pointer into the state, and returns the event of that."""
        *above, last = path.strip("/").split("/")
        place: Any = self._state
        for part in above:
            place = place[int(part) if isinstance(place, list) else part]
        place[last] = value
        operation = {"op": "replace", "path": path, "value": deepcopy(value)}
        return StateDeltaEvent.model_validate({"delta": [operation]})

    # -- phases and tools --------------------------------------------------------------------------

    def _progress(self, told: events.Progress) -> Iterator[BaseEvent]:
        """A phase is a step of AG-UI's, and so is each part of a custom step, and each sub-step. What is
        about a step of the plan is told by its tool call.
        """
        name, phase = told.step, told.metadata.get("phase")
        if (part := told.metadata.get("step_id")) is not None:
            if name in tuple(Phase):
                return
            name = f"{name}:{part}"
            if "part" in told.metadata:
                name = f"{name}:{told.metadata['part']}"
        if phase == "started":
            if name in self._steps:  # a crash broke it off, and it is begun again
                yield self._finish(name)
            self._steps.append(name)
            yield StepStartedEvent(step_name=name)
        elif phase is not None and name in self._steps:
            yield self._finish(name)

    def _finish(self, name: str) -> BaseEvent:
        self._steps.remove(name)
        return StepFinishedEvent(step_name=name)

    def _step(self, told: events.Step) -> Iterator[BaseEvent]:
        steps = (self._state["plan"] or {"steps": []})["steps"]
        for index, step in enumerate(steps):
            if step["id"] == told.id:
                yield self._set(f"/plan/steps/{index}/status", told.status)
                if step["type"] in WORK:
                    yield from self._call(f"{told.run}:{told.id}", step, told)

    def _call(self, call: str, step: PlannedStep, told: events.Step) -> Iterator[BaseEvent]:
        if told.status == "running" and call not in self._calls:
            self._calls.add(call)
            yield ToolCallStartEvent(tool_call_id=call, tool_call_name=step["tool"] or step["type"])
            yield ToolCallArgsEvent(tool_call_id=call, delta=_json(step["arguments"]))
            yield ToolCallEndEvent(tool_call_id=call)
        elif told.status in ("succeeded", "failed") and call in self._calls:
            result = told.result if told.status == "succeeded" else {"error": told.error}
            yield ToolCallResultEvent(
                message_id=f"{call}:result", tool_call_id=call, content=_json(result), role="tool"
            )

    # -- the answer --------------------------------------------------------------------------------

    def _token(self, event: events.Token) -> Iterator[BaseEvent]:
        if event.offset == 0:  # it starts over when a crash broke it off
            yield from self._close_message()
        yield from self._write(event.run, event.text)

    def _write(self, run: UUID, text: str) -> Iterator[BaseEvent]:
        if not self._message:
            self._messages += 1
            self._message = f"{run}:answer:{self._messages}"
            yield TextMessageStartEvent(message_id=self._message, role="assistant")
        yield TextMessageContentEvent(message_id=self._message, delta=text)

    def _close_message(self) -> Iterator[BaseEvent]:
        if self._message:
            yield TextMessageEndEvent(message_id=self._message)
            self._message = ""

    # -- ends --------------------------------------------------------------------------------------

    def _close(self) -> Iterator[BaseEvent]:
        yield from self._close_message()
        for name in list(reversed(self._steps)):
            yield self._finish(name)

    def _complete(self, event: events.Complete) -> Iterator[BaseEvent]:
        if not self._messages:  # an answer without a token
            yield from self._write(event.run, event.response)
        usage = TokenUsage(
            input_tokens=event.usage.get("input_tokens"),
            output_tokens=event.usage.get("output_tokens"),
        )
        result = {
            "response": event.response,
            "usage": event.usage,
            "duration_ms": event.duration_ms,
        }
        yield from self._end(RunFinishedSuccessOutcome(), result=result, usage=[usage])

    def _end(self, outcome: Any, **more: Any) -> Iterator[BaseEvent]:
        yield from self._close()
        yield RunFinishedEvent(thread_id=self.thread, run_id=self.run, outcome=outcome, **more)
        self.is_over = True


def interrupt_id(approval: UUID, plan_revision: int) -> str:
    """Names what was shown: an answer stands for this plan and no other."""
    return f"{approval}:{plan_revision}"


def _fields(frame: dict[str, Any]) -> dict[str, Any]:
    return {name: frame[name] for name in frame if name not in ("type", "seq", "timestamp")}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
