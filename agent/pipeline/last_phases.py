"""The last two phases of a run, which run concurrently: the memory and the answer. They end the run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from uuid import UUID, uuid4

from agent.change import Change
from agent.event_log import events, texts
from agent.event_log.log import Done
from agent.event_log.payloads import Answer
from agent.event_log.phases import Phase
from agent.llm.base import Model, StartOver
from agent.models import Message, PlanStep, Run
from agent.pipeline import remembering, reports
from agent.pipeline.answer import Rest, followed_by, write_answer
from agent.pipeline.drafting import Drafting
from agent.pipeline.remembering import Exchange, Learned
from agent.pipeline.reports import with_left_out
from agent.pipeline.step_records import change_event
from agent.plan import WORK, Plan, StepType
from agent.plans import open_points
from agent.runs import ending
from agent.runs.recorder import Finished, Recorder
from agent.support import database, raw_sql
from agent.support.markdown import render
from agent.support.task_group import run_together


class LastPhases:
    """Those of one run. If the memory and the answer end at about the same time, that is one commit."""

    def __init__(
        self,
        model: Model,
        recorder: Recorder,
        drafting: Drafting,
        exchange: Exchange,
        plan: Plan,
        steps: Sequence[PlanStep],
        said: Callable[[str], AsyncIterator[str | StartOver]],
        *,
        is_valid: bool,
        may_be_lost: bool,
    ) -> None:
        """`plan`, `steps`: what was executed. `said`: yields a text as an answer. `is_valid`: a plan was
        valid. `may_be_lost`: what the runs before have to remember.
        """
        self.model = model
        self.recorder = recorder
        self.run = recorder.run
        self.drafting = drafting
        self.exchange = exchange
        self.plan = plan
        self.steps = steps
        self._said = said
        self._is_valid = is_valid
        self._may_be_lost = may_be_lost
        self._answered = asyncio.Event()  # the model has written the answer
        self._learned = asyncio.Event()  # the model has said what to remember
        self._settled = asyncio.Event()  # it is known how the memory phase ends
        self._remembered: Finished | None = None  # the end of the memory phase, if it is the run's
        self._is_behind = False  # it ends after the run
        self._completed = asyncio.Event()

    async def remember_and_answer(self) -> None:
        text_steps = [step for step in self.steps if step.type not in WORK]

        async def remember() -> None:
            await self.recorder.phase(Phase.MEMORY, self._remember)
            self._learned.set()
            self._settled.set()

        async def answer() -> Finished:
            text, rest = await write_answer(self.recorder, self._answer(text_steps), text_steps)
            self._answered.set()
            if not await _is_set_within(remembering.MOMENT, self._settled):
                await self.recorder.append(effect=lambda: Done(None, rest()))
                await self._wait_for_memory()
                return await self._save_answer(text, list)
            return await self._save_answer(text, rest)

        async def complete() -> None:
            await self.recorder.phase(Phase.COMPLETION, answer)
            self.recorder.pass_end()
            self._completed.set()

        await run_together(remember(), complete())

    async def _wait_for_memory(self) -> None:
        """Waits for the changes of the memory, which the summary counts, but not for the model."""
        if await _is_set_within(remembering.GRACE, self._learned):
            await self._settled.wait()
        else:
            self._is_behind = True

    def _answer(self, text_steps: Sequence[PlanStep]) -> AsyncIterator[str | StartOver]:
        """Returns the chunks of the answer. A question to the person stands in the plan already."""
        exchange = self.exchange
        asked = [step.description for step in text_steps if step.type == StepType.ASK]
        if any(asked):
            return self._said(exchange.analysis.question or "\n\n".join(asked))
        answer = self.model.answer(exchange.context, exchange.analysis, exchange.outcome)
        return followed_by(answer, open_points.as_markdown(self.plan.questions))

    async def _remember(self) -> Finished:
        """Has the phase end with the run, if the answer is written by then, and after the run, if the
        model takes longer than the answer.
        """
        learned = [await remembering.learn(self.model, self.exchange)]
        self._learned.set()
        if self._may_be_lost and (lost := await database.call(remembering.interrupted, self.run)):
            self._is_behind = True  # after other calls of the model
            self._settled.set()
            learned += [await remembering.learn(self.model, one) for one in lost]
        finished = self._finished_memory(learned)
        if not self._is_behind and await _is_set_within(remembering.MOMENT, self._answered):
            self._remembered = finished
            self._settled.set()
        if self._is_behind or self._remembered:
            await self._completed.wait()
        return finished

    def _finished_memory(self, learned: Sequence[Learned]) -> Finished:
        saved: list[list[Change]] = []  # of each exchange

        def effect() -> list[events.Event]:
            saved[:] = [one.save() for one in learned]  # the effect may be repeated
            made = [
                change_event(one.exchange.run, change)
                for one, changes in zip(learned, saved, strict=True)
                for change in changes
            ]
            return [*made, *map(remembering.finished, learned[1:], saved[1:])]

        left_out = with_left_out(self.model, "", "consolidate")

        def words() -> tuple[str, str]:
            message, details = learned[0].words(saved[0])
            return message, ". ".join(filter(None, (details, left_out)))

        return Finished("💾 Memory", effect=effect, words=words)

    async def _save_answer(self, text: str, rest: Rest) -> Finished:
        """`rest`: what is not yet written of the answer."""
        role, key = Message.Author.AGENT, uuid4()
        answer = Message(pk=key, session=self.run.session, role=role, content=text)
        html = await asyncio.to_thread(render, text, str(key))  # a commit makes others wait
        left_out = with_left_out(self.model, "", "answer")
        changed = set(self.recorder.changed)  # with what the effect changes
        if self._remembered:
            self.recorder.outlook.skip(Phase.MEMORY)

        def effect() -> list[events.Event]:
            raw_sql.insert(answer)
            written = rest()
            if self._remembered is None:
                return written
            remembered = self.recorder.end(Phase.MEMORY, self._remembered, late=True)
            changed.update(
                (one.object, one.id) for one in remembered if isinstance(one, events.Change)
            )
            return [*written, *remembered]

        def words() -> tuple[str, str]:
            details = ". ".join(filter(None, (reports.summary(self.steps, changed), left_out)))
            return "🎉 Processing complete!", details

        def last_events() -> list[events.Event]:
            ended = ending.ended(self.run, has_draft=self.drafting.may_be_stored)
            return [*ended, self._complete(answer, html, changed)]

        end = ending.fields_of_end(Run.Status.SUCCEEDED, self.recorder.fence.attempt)
        return Finished(
            "🎉",
            fields={
                "answer": answer,
                "left_open": self._left_open(),
                **self.recorder.updates.at_end(),
                **end,
            },
            effect=effect,
            words=words,
            effect_after=last_events,
        )

    def _left_open(self) -> str:
        asks = any(step.type == StepType.ASK for step in self.steps) or self.plan.questions
        return Run.LeftOpen.QUESTION if asks else ""

    def end_answered(self) -> list[events.Event]:
        """Ends the run inside an effect, after its answer was saved; returns the events."""
        answer = raw_sql.get(Message, self.run.answer_id)
        ended = ending.end(self.run, Run.Status.SUCCEEDED)
        html = render(answer.content, str(answer.pk))
        return [*ended, self._complete(answer, html, self.recorder.changed)]

    def _complete(
        self, answer: Message, html: str, changed: Iterable[tuple[str, UUID]]
    ) -> events.Event:
        """Returns the last event, inside the effect that ends the run. `changed`: kind and id of each
        object.
        """
        run, was_parked = self.run, self.recorder.fence.attempt > 1
        duration_ms = ending.duration_ms(run) if was_parked else ending.worked_ms(run)
        statuses = [step.status for step in reports.work_steps(self.steps)]
        objects = [kind for kind, _ in changed]
        return events.Complete(
            run.pk,
            response=answer.content,
            message=Answer(id=str(answer.pk), role="assistant", content=answer.content, html=html),
            usage=self.model.usage.as_json(),
            duration_ms=duration_ms,
            remembers=self._is_behind,
            texts={"line": texts.done(duration_ms, statuses, objects, has_plan=self._is_valid)},
        )


async def _is_set_within(seconds: float, event: asyncio.Event) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
