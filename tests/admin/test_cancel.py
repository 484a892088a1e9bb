"""Runs are cancelled in the admin as everywhere else: for good, and told in the log."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from agent.models import ChatSession, Event, Message, Run
from tests.support.admin_site import act

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waiting(session: ChatSession) -> list[Run]:
    message = Message.objects.create(session=session, role="user", content="Go")
    return [
        Run.objects.create(session=session, number=number, message=message, status=status)
        for number, status in enumerate(("succeeded", "running", "queued"), 1)
    ]


def test_selected_runs_are_cancelled_and_those_that_are_over_stay(
    waiting: list[Run], client: Client, boss: User
) -> None:
    assert "2 of 3 runs cancelled." in act(client, Run, "cancel_selected", *waiting)
    statuses = list(Run.objects.order_by("number").values_list("status", flat=True))
    assert statuses == ["succeeded", "cancelled", "cancelled"]
    last = json.loads(Event.objects.filter(type="cancelled").latest("seq").body)
    assert (last["by"], last["reason"]) == ("boss", "In the admin")


def test_staff_who_may_only_view_runs_cancel_none(
    waiting: list[Run], client: Client, bob: User
) -> None:
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    bob.user_permissions.set(Permission.objects.filter(codename="view_run"))
    client.force_login(bob)
    act(client, Run, "cancel_selected", *waiting)
    assert Run.objects.filter(status="cancelled").count() == 0
