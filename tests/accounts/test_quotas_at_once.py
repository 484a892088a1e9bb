"""Of two who take the last place of a quota at the same time, one gets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.databases import run_on_postgresql

AT_ONCE = """
import threading

import django
django.setup()
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from agent.accounts import members
from agent.accounts.tokens import create_token
from agent.board import projects
from agent.exceptions import QuotaReached
from agent.models import ApiToken, ChatSession, Invitation, Project

alice = User.objects.create(username="alice")
project = Project.objects.create(name="Clinic booking", owner=alice)
settings.SAMURAI_USER_TOKENS = settings.SAMURAI_PROJECT_SESSIONS = members.MAX_OPEN = 1
settings.SAMURAI_USER_PROJECTS = 2


def second(make, done):
    try:
        make(2)
    except (QuotaReached, ValidationError):
        pass
    done.set()
    connection.close()


for model, most, make in (
    (ApiToken, 1, lambda number: create_token(alice)),
    (Project, 2, lambda number: projects.create_project(owner=alice, name="Another")),
    (ChatSession, 1, lambda number: projects.open_session(project, alice)),
    (Invitation, 1, lambda number: members.invite(project, f"bob{number}", "viewer", alice)),
):
    done = threading.Event()
    other = threading.Thread(target=second, args=(make, done))
    with transaction.atomic():
        make(1)
        other.start()
        done.wait(1)  # for ever, since it waits for this transaction
    other.join()
    print(model.__name__, model.objects.count() - most)
"""


@pytest.mark.postgresql
def test_two_that_are_made_at_the_same_time_do_not_both_get_the_last_place(tmp_path: Path) -> None:
    told = run_on_postgresql(AT_ONCE, tmp_path)
    assert told.stdout.decode().split() == [
        "ApiToken",
        "0",
        "Project",
        "0",
        "ChatSession",
        "0",
        "Invitation",
        "0",
    ]
