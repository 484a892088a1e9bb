"""How much of a model one person and one project may use, in a day and in a month."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django import Settings

from agent.accounts import quotas
from agent.engine import local
from agent.exceptions import QuotaReached
from agent.models import ChatSession, ModelTokens, Project
from agent.runs import rerun, runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from tests.support.model_server import said, stream
from tests.support.model_talk import ANALYSIS, PLAN, connected
from tests.support.scripted_runs import ended, plan

TRANSACTIONS = pytest.mark.django_db(transaction=True)


def test_the_share_of_a_model_is_of_a_person_and_of_a_project_and_of_a_day_and_a_month(
    project: Project, alice: User, bob: User, settings: Settings
) -> None:
    quotas.add_model_tokens(alice.pk, project.pk, 60)
    quotas.add_model_tokens(alice.pk, project.pk, 40)
    quotas.check_model_tokens(alice.pk, project.pk)
    settings.SAMURAI_USER_MODEL_TOKENS_PER_DAY = 100
    with pytest.raises(
        QuotaReached, match="Your runs may use 100 tokens of the model a day"
    ) as error:
        quotas.check_model_tokens(alice.pk, project.pk)
    assert error.value.frees_at == quotas.end_of_day()
    quotas.check_model_tokens(bob.pk, project.pk)
    settings.SAMURAI_PROJECT_MODEL_TOKENS_PER_DAY = 100
    with pytest.raises(QuotaReached, match="The runs of this project may use 100 tokens"):
        quotas.check_model_tokens(bob.pk, project.pk)
    settings.SAMURAI_PROJECT_MODEL_TOKENS_PER_DAY = settings.SAMURAI_USER_MODEL_TOKENS_PER_DAY = 0
    settings.SAMURAI_USER_MODEL_TOKENS_PER_MONTH = 100
    with pytest.raises(QuotaReached, match="a month") as error:
        quotas.check_model_tokens(alice.pk, project.pk)
    assert error.value.frees_at == quotas.end_of_month() > quotas.start_of_day()
    ModelTokens.objects.update(day=quotas.today() - 40)
    quotas.check_model_tokens(alice.pk, project.pk)


def test_a_person_gets_no_new_share_by_deleting_the_project(
    project: Project, alice: User, settings: Settings
) -> None:
    settings.SAMURAI_USER_MODEL_TOKENS_PER_DAY = 100
    other = Project.objects.create(name="Another", owner=alice)
    for one in (project, other):
        quotas.add_model_tokens(alice.pk, one.pk, 50)
        one.delete()
    left = Project.objects.create(name="The last", owner=alice)
    with pytest.raises(QuotaReached, match="Your runs may use 100 tokens"):
        quotas.check_model_tokens(alice.pk, left.pk)


@pytest.mark.parametrize("column", ["user_id", "project_id"])
@pytest.mark.django_db
def test_the_check_of_a_share_reads_by_an_index(column: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {quotas._USED.format(column)}", [1, 1, 1])
        assert "SEARCH agent_modeltokens USING INDEX" in str(cursor.fetchall())


@TRANSACTIONS
async def test_the_runs_of_no_person_take_no_share(session: ChatSession, alice: User) -> None:
    async with local.executing(ScriptedModel(plans=[plan()])):
        run = await ended(await runs.start(session.pk, alice, MessageRequest("Go")))
    assert run.status == "succeeded"
    assert not await ModelTokens.objects.aexists()  # the scripted model has no server


@TRANSACTIONS
async def test_a_run_stops_before_the_next_call_when_the_share_of_the_model_is_used_up(
    session: ChatSession, alice: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = {**ANALYSIS, "intent": "command", "needs_tools": True, "tells": False}
    with connected(settings, monkeypatch) as server:
        settings.SAMURAI_USER_MODEL_TOKENS_PER_DAY = 1
        server.script([said(work), said(PLAN), stream("Made", " it.")])
        async with local.executing():
            run = await ended(await runs.start(session.pk, alice, MessageRequest("Make a task")))
            assert (run.status, run.error_code, run.retryable) == ("failed", "quota_reached", True)
            assert "Your runs may use 1 token of the model a day" in run.error
            assert len(server.requests) == 1
            row = await ModelTokens.objects.aget(user=alice, project=session.project_id)
            used = run.usage["input_tokens"] + run.usage["output_tokens"]
            assert row.tokens == used > 0
            settings.SAMURAI_USER_MODEL_TOKENS_PER_DAY = 1_000_000
            again = await ended(await rerun.retry(session.pk, run.pk, alice))
    assert again.status == "succeeded"
    await row.arefresh_from_db()
    assert row.tokens == used + again.usage["input_tokens"] + again.usage["output_tokens"]
