"""What is older than the settings say is deleted, in small parts; what is left goes on as before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from agent.board import tasks
from agent.capsule.form import NoCapsule
from agent.capsule.recording import capsule_of
from agent.edits import undo
from agent.engine import local, pruning, sweep
from agent.exceptions import Refused
from agent.memory import memories
from agent.models import (
    ApiToken,
    Batch,
    ChatSession,
    Event,
    Memory,
    MemoryRevision,
    Project,
    Run,
    SharedLink,
    Task,
)
from agent.runs import rerun, runs
from agent.runs.runs import MessageRequest
from tests.support.scripted_runs import ended

DAY = timedelta(days=1)
# -- in this process -------------------------------------------------------------------------------

in_process = pytest.mark.django_db(transaction=True)


async def carried_out(session: ChatSession, user: User, *messages: str) -> list[Run]:
    done = []
    async with local.executing():
        for message in messages:
            run = await runs.start(session.pk, user, MessageRequest(message))
            done.append(await ended(run))
    return done


@sync_to_async
def end_before(days: float, *old: Run) -> None:
    then = timezone.now() - DAY * days
    Run.objects.filter(pk__in=[run.pk for run in old]).update(finished_at=then, created_at=then)
    ChatSession.objects.update(created_at=then)


@sync_to_async
def pruned(**days: int) -> dict[str, int]:
    return dict(pruning.prune(pause=0))


@sync_to_async
def events_of(run: Run) -> int:
    return Event.objects.filter(run=run).count()


@pytest.fixture(autouse=True)
def first_session_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "_next_session", pruning.UUID(int=0))


@in_process
async def test_by_default_everything_is_kept(session: ChatSession, alice: User) -> None:
    (run,) = await carried_out(session, alice, "Create a task to sweep")
    await end_before(1000, run)
    before = await events_of(run)
    assert await pruned() == {}
    assert await events_of(run) == before > 10


@in_process
async def test_the_events_of_old_runs_go_and_their_numbers_are_not_used_again(
    session: ChatSession, alice: User, settings: Settings
) -> None:
    settings.SAMURAI_KEEP_EVENTS_DAYS = 30
    old, late = await carried_out(session, alice, "Create a task to sweep", "Create a task to mop")
    await end_before(31, old)
    await session.arefresh_from_db()
    last, number, left = session.last_seq, await events_of(old), await events_of(late)
    assert await pruned() == {"events": number}
    assert (await events_of(old), await events_of(late)) == (0, left)
    await session.arefresh_from_db()
    assert (session.first_seq, session.first_run) == (number + 1, 2)
    (third,) = await carried_out(session, alice, "Create a task to dust")
    first = await Event.objects.filter(run=third).order_by("seq").afirst()
    assert first is not None
    assert first.seq == last + 1
    assert await pruned() == {}


@in_process
async def test_all_events_may_go(session: ChatSession, alice: User, settings: Settings) -> None:
    settings.SAMURAI_KEEP_EVENTS_DAYS = 30
    done = await carried_out(session, alice, "Create a task to sweep", "What is open?")
    await end_before(31, *done)
    await pruned()
    await session.arefresh_from_db()
    assert (session.first_seq, session.first_run) == (session.last_seq + 1, 3)
    assert not await Event.objects.filter(session=session).aexists()


@in_process
async def test_what_a_person_did_lately_stays_with_all_that_follows(
    session: ChatSession, project: Project, alice: User, settings: Settings
) -> None:
    settings.SAMURAI_KEEP_EVENTS_DAYS = 30
    first, second = await carried_out(session, alice, "Create a task to sweep", "Add a task to mop")
    (change,) = await sync_to_async(undo.change_seqs)(session.pk, second.pk)
    await undo.undo(session.pk, alice, [change])  # a change without a run, now
    await end_before(31, first, second)
    await pruned()
    left = [event.run_id async for event in Event.objects.filter(session=session)]
    assert left == [None]
    await session.arefresh_from_db()
    assert session.first_run == 3


@in_process
async def test_a_run_keeps_all_of_its_events_or_none(
    session: ChatSession, alice: User, settings: Settings
) -> None:
    """The second one was queued while the first one worked."""
    settings.SAMURAI_KEEP_EVENTS_DAYS = 30
    first = await runs.start(session.pk, alice, MessageRequest("Create a task to sweep"))
    second = await runs.start(session.pk, alice, MessageRequest("Create a task to mop"))
    async with local.executing(sessions={session.pk}):
        await ended(first)
        await ended(second)
    await end_before(31, first)
    assert await pruned() == {}  # the second one's message is among the events of the first
    await end_before(31, first, second)
    assert (await pruned())["events"] > 20


@in_process
async def test_it_goes_in_slices_and_nobody_reads_the_rest(
    session: ChatSession, alice: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SAMURAI_KEEP_EVENTS_DAYS = 30
    monkeypatch.setattr(pruning, "SLICE", 4)
    (run,) = await carried_out(session, alice, "Create a task to sweep")
    await end_before(31, run)
    before = await events_of(run)
    assert await sync_to_async(pruning.prune)(2, 0) == {"events": 8}
    assert await events_of(run) == before - 8
    with pytest.raises(Refused) as refused:
        await sync_to_async(undo.change_seqs)(session.pk, run.pk)
    assert refused.value.code == "pruned"
    assert await pruned() == {"events": before - 8}


@in_process
async def test_nothing_is_left_behind_many_sessions_without_anything_old(
    session: ChatSession,
    project: Project,
    alice: User,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.SAMURAI_KEEP_EVENTS_DAYS = 30
    monkeypatch.setattr(pruning, "SESSIONS", 1)
    for number in range(1, 5):
        key = pruning.UUID(int=number)  # before the other session
        await ChatSession.objects.acreate(pk=key, project=project, last_seq=3)
    (run,) = await carried_out(session, alice, "Create a task to sweep")
    await end_before(31, run)
    number = await events_of(run)
    assert await pruned() == {"events": number}
    assert await pruned() == {}


@in_process
async def test_the_changes_of_a_pruned_run_cannot_be_undone(
    session: ChatSession, alice: User, settings: Settings
) -> None:
    settings.SAMURAI_KEEP_EVENTS_DAYS = 30
    (run,) = await carried_out(session, alice, "Create a task to sweep")
    (seq,) = await sync_to_async(undo.change_seqs)(session.pk, run.pk)
    await end_before(31, run)
    await pruned()
    with pytest.raises(Refused, match="were deleted") as refused:
        await undo.undo(session.pk, alice, [seq])
    assert refused.value.code == "pruned"
    (asked,) = await carried_out(session, alice, "Undo message 1")
    assert asked.status in ("succeeded", "failed")
    assert await Task.objects.filter(title__icontains="sweep").aexists()
    with pytest.raises(NoCapsule, match="deleted"):
        await sync_to_async(capsule_of)(run)


@in_process
async def test_a_pruned_run_that_failed_can_be_retried(
    session: ChatSession, alice: User, settings: Settings
) -> None:
    settings.SAMURAI_KEEP_EVENTS_DAYS = 30
    (run,) = await carried_out(session, alice, "Create a task to sweep")
    await Run.objects.filter(pk=run.pk).aupdate(status="failed")
    await run.phases.filter(phase__in=["memory", "completion"]).adelete()
    await end_before(31, run)
    await pruned()
    again = await rerun.retry(session.pk, run.pk, alice)
    async with local.executing(sessions={session.pk}):
        assert (await ended(again)).status == "succeeded"


@pytest.mark.django_db
def test_deleted_tasks_and_memories_go_with_their_history(
    project: Project, settings: Settings
) -> None:
    settings.SAMURAI_KEEP_DELETED_DAYS = 7
    kept, old, late = tasks.create_tasks(
        project_id=project.pk, items=[tasks.NewTask(name) for name in ("Kept", "Old", "Late")]
    )[0]
    kept.depends_on.add(old)
    memory, _ = memories.remember(project_id=project.pk, title="M", content="Old", kind="fact")
    tasks.delete_tasks(tasks=[old, late])
    memories.forget(memory=memory)
    then = timezone.now() - DAY * 8
    Task.all_objects.filter(pk=old.pk).update(deleted_at=then)
    Memory.all_objects.filter(pk=memory.pk).update(deleted_at=then)
    assert pruning.due() == {"deleted tasks": 1, "deleted memories": 1}
    assert pruning.prune(pause=0) == {"deleted tasks": 1, "deleted memories": 1}
    assert set(Task.all_objects.values_list("title", flat=True)) == {"Kept", "Late"}
    assert not kept.depends_on.exists()
    assert not MemoryRevision.objects.exists()


@pytest.mark.django_db
def test_ended_tokens_and_links_go(session: ChatSession, alice: User, settings: Settings) -> None:
    settings.SAMURAI_KEEP_EXPIRED_DAYS = 7
    then, now = timezone.now() - DAY * 8, timezone.now()
    for name, revoked in (("old", then), ("late", now), ("used", None)):
        ApiToken.objects.create(user=alice, name=name, digest=name, revoked_at=revoked)
        SharedLink.objects.create(
            session=session,
            created_by=alice,
            digest=name,
            expires_at=now + DAY,
            revoked_at=revoked,
        )
    assert pruning.prune(pause=0) == {"ended access tokens": 1, "shared links": 1}
    assert set(ApiToken.objects.values_list("name", flat=True)) == {"late", "used"}
    assert set(SharedLink.objects.values_list("digest", flat=True)) == {"late", "used"}


@pytest.mark.django_db
def test_what_is_restored_while_it_is_about_to_go_stays(
    project: Project, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SAMURAI_KEEP_DELETED_DAYS = 7
    then = timezone.now() - DAY * 8
    for number, title in enumerate(("Kept", "Gone"), 1):
        Task.objects.create(project=project, number=number, title=title, deleted_at=then)
    atomic = transaction.atomic

    def restoring(*args: Any, **options: Any) -> Any:
        Task.all_objects.filter(title="Kept").update(deleted_at=None)
        return atomic(*args, **options)

    monkeypatch.setattr(pruning.transaction, "atomic", restoring)
    assert pruning.prune(pause=0) == {"deleted tasks": 1}
    monkeypatch.undo()
    assert [task.title for task in Task.all_objects.all()] == ["Kept"]


@pytest.mark.django_db
def test_a_session_that_is_deleted_meanwhile_is_passed_over(session: ChatSession) -> None:
    key = session.pk
    session.delete()
    assert pruning._delete_events_of(key, timezone.now()) == 0


@in_process
async def test_old_batches_go_with_the_sessions_that_they_opened(
    session: ChatSession,
    project: Project,
    alice: User,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.SAMURAI_KEEP_BATCHES_DAYS = 7
    monkeypatch.setattr(pruning, "SLICE", 4)
    then = timezone.now() - DAY * 8
    old = await Batch.objects.acreate(project=project, name="old", updated_at=then)
    busy = await Batch.objects.acreate(project=project, name="busy", updated_at=then)
    opened = await ChatSession.objects.acreate(project=project, batch=old)
    waiting = await ChatSession.objects.acreate(project=project, batch=busy)
    used = await Batch.objects.acreate(project=project, name="used", updated_at=then)
    talked = await ChatSession.objects.acreate(project=project, batch=used)  # just now
    await carried_out(opened, alice, "Create a task to sweep")
    await runs.start(waiting.pk, alice, MessageRequest("Create a task to mop"))
    await ChatSession.objects.filter(pk__in=[opened.pk, waiting.pk]).aupdate(updated_at=then)
    assert await pruned() == {"rows of batches": 2}
    kept = {session.pk, waiting.pk, talked.pk}
    assert {one.pk async for one in ChatSession.objects.all()} == kept
    assert {one.name async for one in Batch.objects.all()} == {"busy", "used"}
    assert await Task.objects.acount() == 1


@in_process
async def test_the_sweep_prunes_and_says_so(
    session: ChatSession,
    alice: User,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.SAMURAI_KEEP_EVENTS_DAYS = 30
    monkeypatch.setattr(sweep, "_next_deletion", 0.0)
    monkeypatch.setattr(pruning.logger, "propagate", True)
    monkeypatch.setattr(pruning.logger.parent, "propagate", True)
    (run,) = await carried_out(session, alice, "Create a task to sweep")
    await end_before(31, run)
    number = await events_of(run)
    with caplog.at_level("INFO"):
        await sweep.delete_old()
    assert await events_of(run) == 0
    assert f"Pruned {number} events" in caplog.text


@in_process
async def test_the_command_counts_and_deletes(
    session: ChatSession, alice: User, settings: Settings, capsys: Any
) -> None:
    (run,) = await carried_out(session, alice, "Create a task to sweep")
    await end_before(31, run)
    number = await events_of(run)

    async def said(*options: str) -> str:
        await sync_to_async(call_command)("prune", *options)
        return str(capsys.readouterr().out)

    assert await said() == f"{pruning.OFF}\n"
    settings.SAMURAI_KEEP_EVENTS_DAYS = 30
    assert await said("--dry-run") == f"{number} events would be deleted\n"
    assert await events_of(run) == number
    assert await said() == f"{number} events deleted\n"
    assert await said() == "Nothing to prune.\n"
