"""The page of what waits for a person: shown, decided there, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agent.engine import local
from agent.exceptions import ModelUnavailable
from agent.models import (
    Approval,
    ApprovalMode,
    ChatSession,
    Membership,
    Memory,
    Message,
    PlanRevision,
    PlanStep,
    Project,
    Run,
    Task,
)
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from chat.urls import urlpatterns
from tests.support import operations
from tests.support.scripted_runs import (
    create,
    ended,
    make_tasks,
    outcome,
    plan,
    process,
    status,
    use,
)

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = MessageRequest("Do <b>it</b>", approval=ApprovalMode.REQUIRED)
QUESTION = {"question": "Which provider?", "choices": ["Stripe", "<i>PayPal</i>"]}


@pytest.fixture
def browser(alice: User) -> AsyncClient:
    return signed_in(alice)


def signed_in(user: User) -> AsyncClient:
    client = AsyncClient()
    client.force_login(user)
    return client


async def shown(browser: AsyncClient) -> str:
    return (await browser.get("/waiting/")).content.decode()


async def decide(browser: AsyncClient, run: Run, **fields: Any) -> Any:
    return await browser.post(f"/waiting/{run.pk}/", fields)


async def count(browser: AsyncClient) -> int:
    return int((await browser.get("/waiting/count/")).json()["count"])


async def test_a_plan_is_shown_with_its_effects_and_approved_there(
    browser: AsyncClient, session: ChatSession, alice: User
) -> None:
    assert "Nothing waits for you" in await shown(browser)
    run = await outcome(session, alice, ASKED, create("s1", "Login"))
    text = await shown(browser)
    assert "Do &lt;b&gt;it&lt;/b&gt;" in text
    assert "Create task “Login”" in text
    assert "You asked to approve the plan first." in text
    assert await count(browser) == 1
    async with local.executing(ScriptedModel(plans=[])):
        response = await decide(browser, run, decision="approve", revision=1)
        assert (response.status_code, response.url) == (302, "/waiting/")
        assert (await ended(run)).status == "succeeded"
    assert await Task.objects.filter(title="Login").aexists()
    assert await count(browser) == 0


@pytest.mark.parametrize(
    ("summary", "is_shown"), [("Delete 2 tasks", False), ("Delete the old tasks", True)]
)
async def test_a_summary_that_says_what_the_reason_says_is_not_repeated(
    browser: AsyncClient, session: ChatSession, alice: User, summary: str, is_shown: bool
) -> None:
    await make_tasks(session.project, "Login", "Booking")
    steps = [use(f"s{n}", "delete_task", task=task) for n, task in enumerate(("Login", "Booking"))]
    async with local.executing(ScriptedModel(plans=[{"summary": summary, "steps": steps}])):
        run = await runs.start(session.pk, alice, MessageRequest("Delete them"))
        await status(run, "waiting")
    text = await shown(browser)
    assert "Deletes 2 tasks." in text
    assert (f">{summary}</p>" in text) is is_shown


async def test_a_rejection_without_a_reason_cancels_and_an_old_revision_decides_nothing(
    browser: AsyncClient, session: ChatSession, alice: User
) -> None:
    run = await outcome(session, alice, ASKED, create("s1", "Login"))
    late = await decide(browser, run, decision="approve", revision=2)
    assert late.status_code == 409
    assert "The plan has changed" in late.content.decode()
    assert (await Run.objects.aget(pk=run.pk)).status == "waiting"
    await decide(browser, run, decision="reject", revision=1)
    assert (await Run.objects.aget(pk=run.pk)).status == "cancelled"
    assert not await Task.objects.aexists()


async def test_enter_in_the_field_asks_for_another_plan_and_never_approves_or_cancels(
    browser: AsyncClient, session: ChatSession, alice: User
) -> None:
    run = await outcome(session, alice, ASKED, create("s1", "Login"))
    form = (await shown(browser)).partition(f'action="/waiting/{run.pk}/"')[2]
    assert form.index('value="change" hidden') < form.index('value="approve"')
    empty = await decide(browser, run, decision="change", revision=1, text=" ")
    assert "Say what should change" in empty.content.decode()
    assert (await Run.objects.aget(pk=run.pk)).status == "waiting"
    await decide(browser, run, decision="change", revision=1, text="Smaller")
    rejected = await Approval.objects.aget(run=run)
    assert (rejected.status, rejected.reason) == ("rejected", "Smaller")


async def test_a_refused_form_says_why_and_keeps_what_was_typed(
    browser: AsyncClient, project: Project, session: ChatSession, alice: User
) -> None:
    asks = {**plan(create("s1", "Payment")), "questions": [QUESTION]}
    await process(ScriptedModel(plans=[asks]), project, session)
    (question,) = [one async for one in Run.objects.all()]
    long = "<p>" + "a" * 100_000
    refused = (await decide(browser, question, decision="answer", text=long)).content.decode()
    assert f">&lt;p&gt;{'a' * 100_000}</textarea>" in refused
    assert f'id="why-{question.pk}" role="alert">The message' in refused
    other = await ChatSession.objects.acreate(project=project, created_by=alice)
    run = await outcome(other, alice, ASKED, create("s1", "Login"))
    fields = {"decision": "reject", "text": 'Only "two"'}
    late = (await decide(browser, run, **fields, revision=2)).content.decode()
    assert 'value="Only &quot;two&quot;"' in late
    assert late.count("The plan has changed") == late.count('role="alert"') == 1
    await decide(browser, run, decision="reject", revision=1)
    gone = (await decide(browser, run, **fields, revision=1)).content.decode()
    assert "readonly>Only &quot;two&quot;</textarea>" in gone
    assert gone.count('role="alert"') == 1


async def test_a_question_is_answered_by_a_choice_or_in_own_words(
    browser: AsyncClient, project: Project, session: ChatSession
) -> None:
    asks = {**plan(create("s1", "Payment")), "questions": [QUESTION]}
    await process(ScriptedModel(plans=[asks, asks]), project, session)
    text = await shown(browser)
    assert "A question for you" in text
    assert "&lt;i&gt;PayPal&lt;/i&gt;" in text
    (run,) = [one async for one in Run.objects.all()]
    empty = await decide(browser, run, decision="answer", text="  ")
    assert "The message is empty." in empty.content.decode()
    await decide(browser, run, choice="Which provider? Stripe", text="ignored")
    await decide(browser, run, choice="Which provider? Stripe")  # the button was pressed twice
    assert await Run.objects.acount() == 2
    latest = await Run.objects.select_related("message").alatest("number")
    assert latest.message.content == "Which provider? Stripe"
    assert await count(browser) == 0


async def test_a_failed_run_is_retried_or_dismissed(
    browser: AsyncClient, project: Project, session: ChatSession, bob: User
) -> None:
    await process(
        ScriptedModel(analyses=[ModelUnavailable("The model is away.")]), project, session
    )
    assert "The model is away." in await shown(browser)
    (run,) = [one async for one in Run.objects.all()]
    await decide(browser, run, decision="retry")
    assert await Run.objects.filter(retry_of=run).aexists()
    assert await count(browser) == 0
    await Run.objects.filter(retry_of=run).adelete()
    await ChatSession.objects.filter(pk=session.pk).aupdate(run_count=1)
    assert await count(browser) == 1
    await Membership.objects.acreate(project=project, user=bob, role="editor")
    other = await sync_to_async(signed_in)(bob)
    assert (await decide(other, run, decision="dismiss")).status_code == 409
    assert await count(browser) == 1
    await decide(browser, run, decision="dismiss")
    assert await count(browser) == 0


async def test_nobody_decides_on_what_is_somebody_elses(
    browser: AsyncClient, project: Project, session: ChatSession, alice: User, bob: User
) -> None:
    run = await outcome(session, alice, ASKED, create("s1", "Login"))
    other = await sync_to_async(signed_in)(bob)
    assert "Nothing waits for you" in await shown(other)
    assert (await decide(other, run, decision="approve", revision=1)).status_code == 404
    await Membership.objects.acreate(project=project, user=bob, role="viewer")
    assert "Nothing waits for you" in await shown(other)
    assert (await decide(other, run, decision="approve", revision=1)).status_code == 403
    anonymous = await AsyncClient().post(f"/waiting/{run.pk}/", {"decision": "approve"})
    assert anonymous.status_code == 302
    nonsense = await decide(browser, run, decision="explode", revision="9" * 40)
    assert nonsense.status_code == 409
    assert (await Run.objects.aget(pk=run.pk)).status == "waiting"


# Pages without a head: for guests, for whom nothing waits, for who has no project, and of Swagger.
# Cards, which have no head.
CARDS = {"account_signup", "account_inactive", "account_login", "account_reauthenticate"}
NO_HEAD = {None, "shared", "home", "sign-in", *CARDS}


def test_every_head_has_the_count(client: Client, session: ChatSession, alice: User) -> None:
    make_waiting(session.project, alice, "plan")
    run = Run.objects.get()
    other = Run.objects.create(session=session, number=1, message=run.message, created_by=alice)
    task = Task.objects.create(project=session.project, number=1, title="Paint")
    memory = Memory.objects.create(project=session.project, title="Blue", content="Blue")
    keys = {
        "project_id": session.project_id,
        "session_id": session.pk,
        "run_id": run.pk,
        "other_id": other.pk,
        "task_id": task.pk,
        "memory_id": memory.pk,
    }
    client.force_login(alice)
    checked = set()
    for pattern in operations.flat(urlpatterns):
        names = pattern.pattern.converters or pattern.pattern.regex.groupindex
        if pattern.name in NO_HEAD or not keys.keys() >= names.keys():
            continue
        response = client.get(
            reverse(str(pattern.name), kwargs={name: keys[name] for name in names})
        )
        text = "" if response.streaming else response.content.decode()
        if response.status_code == 200 and "<html" in text:
            assert text.count('data-waiting="1"') == 1, pattern.name
            checked.add(pattern.name)
    assert checked >= {"session", "project", "run", "compare-runs", "waiting", "model", "replay"}


def make_waiting(project: Project, alice: User, kind: str) -> None:
    """Makes a run that waits for alice in a session of its own. `kind`: as in `chat.waiting.Item`."""
    session = ChatSession.objects.create(project=project, title=kind, run_count=1)
    said = Message.objects.create(session=session, role="user", content=kind, author=alice)
    answer = Message.objects.create(session=session, role="assistant", content="Which one?")
    left = {"plan": "", "question": Run.LeftOpen.QUESTION, "failure": Run.LeftOpen.FAILURE}[kind]
    status = {"plan": "waiting", "question": "succeeded", "failure": "failed"}[kind]
    run = Run.objects.create(
        session=session,
        number=1,
        message=said,
        answer=answer,
        created_by=alice,
        status=status,
        left_open=left,
    )
    revision = PlanRevision.objects.create(run=run, revision=1, summary=kind, questions=[QUESTION])
    PlanStep.objects.create(plan=revision, key="s1", position=1, type="tool", tool="create_task")
    if kind == "plan":
        Approval.objects.create(run=run, plan=revision, reason="You asked to approve it.")


def test_the_page_takes_as_many_statements_for_many_as_for_few(
    project: Project, alice: User, client: Client
) -> None:
    client.force_login(alice)
    statements = []
    for number in (2, 10):
        for kind in ["plan", "question", "failure"] * number:
            make_waiting(project, alice, kind)
        client.get("/waiting/")  # what is cached is cached
        with CaptureQueriesContext(connection) as queries:
            text = client.get("/waiting/").content.decode()
        assert text.count("<article") == Run.objects.count()
        assert text.count("PayPal") == text.count("A question for you") * 2
        statements.append(len(queries))
    assert statements[0] == statements[1] < 25
