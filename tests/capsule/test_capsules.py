"""The file of a run: what is in it, who gets it, and what is refused."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from agent.capsule import form, recording, replaying
from agent.capsule.comparing import first_difference
from agent.capsule.form import NoCapsule
from agent.models import AuditEntry, ChatSession, Event, Membership, ModelCall, Project, Run
from agent.pipeline.reports import AFTER_RESTART
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.tools import switches
from tests.support.capsules import MESSAGE, TITLE, assert_replays, capsule

pytestmark = pytest.mark.django_db(transaction=True)

BOTH = ("completion", "memory")


# -- what is in it ---------------------------------------------------------------------------------


async def test_a_capsule_has_the_run_and_what_it_used(run: Run) -> None:
    made = await capsule(run)
    assert made.run.content == MESSAGE
    assert made.run.model == "small-model"
    assert made.state is not None
    assert {task.title for task in made.state.tasks} == {"Sign-up", "Pay the bill of the Bakery"}
    assert [call.verb for call in made.calls].count("plan") == 2
    assert all(call.turns for call in made.calls)
    assert re.fullmatch(r"[0-9a-f]{64}", made.tools["create_task"].digest)
    assert (made.product, made.redacted, made.cannot_be_replayed) == ("0.1.0", False, "")
    assert [event["seq"] for event in made.events] == sorted(event["seq"] for event in made.events)
    await assert_replays(made)


async def test_later_changes_are_not_in_the_state(run: Run, session: ChatSession) -> None:
    made = await capsule(run)
    assert made.state is not None
    (task,) = [one for one in made.state.tasks if one.title == "Sign-up"]
    assert task.status == "pending"  # the run changed it
    assert made.state.last_task_number == 2


async def test_the_project_and_its_members_are_those_of_the_time_of_the_run(
    run: Run, project: Project, alice: User, bob: User
) -> None:
    before = await capsule(run)
    await Membership.objects.acreate(project=project, user=bob, role="editor")
    await Project.objects.filter(pk=project.pk).aupdate(name="Renamed", description="Another one")
    made = await capsule(run)
    assert made.state is not None
    assert before.state is not None
    for name in ("project", "description", "people"):
        assert getattr(made.state, name) == getattr(before.state, name)
        assert name not in made.state.at_export
    assert [one.name for one in made.state.people] == ["alice"]
    assert "people.role" in made.state.at_export


async def test_switched_off_tools_are_those_of_the_time_of_the_run_if_the_audit_log_tells(
    run: Run, project: Project, alice: User
) -> None:
    switch = sync_to_async(switches.switch)
    await sync_to_async(AuditEntry.prune)(timezone.now(), 10_000)
    await switch(project.pk, "delete_task", on=False, by=alice)
    made = await capsule(run)
    assert made.state is not None
    assert made.state.off == ["delete_task"]
    assert "off" in made.state.at_export  # the log begins after the run
    await Run.objects.filter(pk=run.pk).aupdate(started_at=timezone.now())
    await switch(project.pk, "delete_task", on=True, by=alice)
    await switch(project.pk, "create_memory", on=False, by=alice)
    made = await capsule(run)
    assert made.state is not None
    assert made.state.off == ["delete_task"]
    assert "off" not in made.state.at_export


async def test_an_older_file_tells_all_of_this_as_it_was_when_it_was_made(run: Run) -> None:
    values = json.loads(form.to_bytes(await capsule(run), compressed=False))
    del values["state"]["at_export"]
    read = form.from_bytes(json.dumps(values).encode())
    assert read.state is not None
    assert {"project", "people", "off", "session_title"} <= set(read.state.at_export)


async def test_a_run_whose_calls_are_gone_says_that_it_cannot_be_replayed(run: Run) -> None:
    await ModelCall.objects.all().adelete()
    made = await capsule(run)
    assert "SAMURAI_KEEP_PROMPTS_DAYS" in made.cannot_be_replayed
    with pytest.raises(NoCapsule, match=r"cannot be carried out again.*no longer kept"):
        await replaying.replay(made)


async def test_a_run_that_is_not_over_has_no_capsule(session: ChatSession, alice: User) -> None:
    run = await runs.start(session.pk, alice, MessageRequest("Wait"))
    with pytest.raises(NoCapsule, match="not over"):
        await sync_to_async(recording.capsule_of)(run)


async def test_a_run_with_more_than_a_capsule_can_have_says_so(run: Run, alice: User) -> None:
    call = await ModelCall.objects.filter(run=run).afirst()
    assert call is not None
    names = [field.attname for field in ModelCall._meta.concrete_fields if field.attname != "id"]
    values = {name: getattr(call, name) for name in names}
    await ModelCall.objects.abulk_create(ModelCall(**values) for _ in range(form.MAX_CALLS))
    response = await sync_to_async(downloaded)(Client(), alice, run)
    assert response.status_code == 409
    assert "more than a capsule can have: calls" in response.content.decode()


async def test_a_capsule_that_could_not_be_read_is_not_written(
    run: Run, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "MAX_BYTES", 10_000)
    response = await sync_to_async(downloaded)(Client(), alice, run)
    assert response.status_code == 409
    assert "larger than" in response.content.decode()


async def test_a_retry_that_a_restart_interrupted_says_that_it_cannot_be_replayed(
    run: Run, session: ChatSession, alice: User
) -> None:
    former = await Run.objects.acreate(
        session=session, message_id=run.message_id, number=99, status="failed", created_by=alice
    )
    await Run.objects.filter(pk=run.pk).aupdate(retry_of=former)
    event = await Event.objects.filter(run=run, type="progress").afirst()
    assert event is not None
    body = json.loads(event.body)
    body["progress"] |= {"step": "resumed", "message": AFTER_RESTART}
    await Event.objects.filter(pk=event.pk).aupdate(body=json.dumps(body))
    assert "not recorded" in (await capsule(run)).cannot_be_replayed


# -- differences -----------------------------------------------------------------------------------


async def test_another_answer_of_the_model_is_the_first_difference(run: Run) -> None:
    made = await capsule(run)
    for call in made.calls:
        call.text = call.text.replace(TITLE, "Bakery pretzels")
    again = await replaying.replay(made)
    assert again.differences[0] == (
        "event 13, plan.steps[0].description: recorded 'Create “Bakery croissants”', "
        "now 'Create “Bakery pretzels”'"
    )


async def test_another_prompt_is_told_and_the_recorded_answer_is_used(run: Run) -> None:
    made = await capsule(run)
    turns = made.calls[0].turns
    assert turns is not None
    turns[0]["content"] = "Other instructions"
    (difference,) = (await replaying.replay(made)).differences
    assert difference.startswith("The prompt of “analyze” differs: recorded 'Other instr")


async def test_an_event_that_was_altered_is_found(run: Run) -> None:
    made = await capsule(run)
    (last,) = [event for event in made.events if event["type"] == "complete"]
    last["usage"]["calls"] += 1
    (difference,) = (await replaying.replay(made)).differences
    assert "usage.calls: recorded 6, now 5" in difference


async def test_another_schema_of_a_tool_is_noted(run: Run) -> None:
    made = await capsule(run)
    made.tools["create_task"].digest = "0" * 64
    again = await replaying.replay(made)
    assert again.notes == ["The tool create_task has another description or schema than recorded."]


def test_the_last_two_phases_may_begin_in_any_order() -> None:
    def started(step: str) -> dict[str, Any]:
        return {"type": "progress", "progress": {"step": step, "metadata": {"phase": "started"}}}

    one, other = ([started(step) for step in steps] for steps in (BOTH, BOTH[::-1]))
    assert first_difference(one, other) is None
    assert first_difference(other, one) is None
    assert first_difference(one, [started("memory"), started("planning")]) is not None
    assert first_difference([*one, started("planning")], other) is not None


# -- hostile files ---------------------------------------------------------------------------------


def written(**values: Any) -> bytes:
    return json.dumps({"format": "samurai-capsule", "version": 1, **values}).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b'{"format": NaN}', "not JSON"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "not JSON"),
        (b"[]", "no capsule"),
        (b'{"format": "samurai-agent-project"}', "no capsule"),
        (written(version=2), "has the version 2, not 1"),
        (written(), "not valid"),
        (written(more=1), "not valid"),
        (gzip.compress(b"{}", mtime=0)[:-4], "ends too early"),
        (b"\x1f\x8bnonsense", "damaged"),
        (gzip.compress(b" " * (form.MAX_BYTES + 1), mtime=0), "larger than 64 MiB"),
        (b" " * (form.MAX_BYTES + 1), "larger than 64 MiB"),
    ],
)
def test_a_file_that_is_no_capsule_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(NoCapsule, match=reason):
        form.from_bytes(content)


async def test_fields_of_other_types_are_refused(run: Run) -> None:
    values = json.loads(form.to_bytes(await capsule(run), compressed=False))
    for path, wrong in (
        (("run", "number"), "1"),
        (("state", "tasks"), {}),
        (("calls", 0, "verb"), "delete"),
        (("settings", "approval_hours"), 0),
        (("settings", "approval_hours"), 10**12),
        (("settings", "time_zone"), "Nowhere/At_all"),
        (("settings", "time_zone"), "../../etc/passwd"),
        (("settings", "model_context"), 5),
        (("events",), []),
        (("tools", "create_task", "timeout"), -1),
    ):
        altered = json.loads(json.dumps(values))
        place = altered
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = wrong
        with pytest.raises(NoCapsule, match=f"not valid: {'.'.join(map(str, path))}"):
            form.from_bytes(json.dumps(altered).encode())


# -- the download ----------------------------------------------------------------------------------


def downloaded(client: Client, user: User, run: Run, query: str = "") -> Any:
    client.force_login(user)
    return client.get(f"/runs/{run.pk}/capsule/{query}")


async def test_the_owner_downloads_a_capsule(run: Run, alice: User) -> None:
    response = await sync_to_async(downloaded)(Client(), alice, run)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/gzip"
    assert f'filename="run-{run.pk}.json.gz"' in response.headers["Content-Disposition"]
    assert form.from_bytes(response.content).run.content == MESSAGE
    response = await sync_to_async(downloaded)(Client(), alice, run, "?redacted=1")
    assert form.from_bytes(response.content).redacted


async def test_others_do_not_download_it(run: Run, project: Project, bob: User) -> None:
    get = sync_to_async(downloaded)
    assert (await get(Client(), bob, run)).status_code == 404
    nobody = await sync_to_async(Client().get)(f"/runs/{run.pk}/capsule/")
    assert nobody.status_code == 302
    member = await Membership.objects.acreate(project=project, user=bob, role="editor")
    assert (await get(Client(), bob, run)).status_code == 403
    bob.is_staff = True
    await bob.asave()
    assert (await get(Client(), bob, run)).status_code == 200
    await member.adelete()
    assert (await get(Client(), bob, run)).status_code == 404
    unknown = Run(pk=uuid4())
    assert (await get(Client(), bob, unknown)).status_code == 404


async def test_no_capsule_is_sent_while_prompts_are_not_shown(
    run: Run, alice: User, settings: Settings
) -> None:
    settings.SAMURAI_SHOW_PROMPTS = False
    assert (await sync_to_async(downloaded)(Client(), alice, run)).status_code == 403


async def test_the_page_of_the_run_leads_to_it_unless_it_is_switched_off(
    run: Run, alice: User, settings: Settings
) -> None:
    def page() -> str:
        client = Client()
        client.force_login(alice)
        return client.get(f"/runs/{run.pk}/").content.decode()

    assert f'href="/runs/{run.pk}/capsule/"' in await sync_to_async(page)()
    settings.SAMURAI_CAPSULES = False
    assert "capsule" not in await sync_to_async(page)()
    assert (await sync_to_async(downloaded)(Client(), alice, run)).status_code == 404


async def test_a_run_that_is_not_over_is_answered_with_the_reason(
    session: ChatSession, alice: User
) -> None:
    run = await runs.start(session.pk, alice, MessageRequest("Wait"))
    response = await sync_to_async(downloaded)(Client(), alice, run)
    assert response.status_code == 409
    assert "not over yet" in response.content.decode()
