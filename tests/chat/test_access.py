"""The rules of access, written as a query of objects, as one statement, and for many pairs, are one rule."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from agent.models import ChatSession, Membership, Project
from agent.models.projects import Role
from chat import access

pytestmark = pytest.mark.django_db


def test_owners_and_members_of_every_role_view_a_session_and_nobody_else(
    alice: User, bob: User, session: ChatSession
) -> None:
    elsewhere = ChatSession.objects.create(
        project=Project.objects.create(name="Bob's own", owner=bob)
    )
    members = [User.objects.create_user(role) for role in (Role.VIEWER, Role.EDITOR)]
    for member in members:
        Membership.objects.create(project=session.project, user=member, role=member.username)
    for user in (alice, bob, *members):
        for one in (session, elsewhere):
            is_seen = access.sessions(user).filter(pk=one.pk).exists()
            assert is_seen == ((user == bob) == (one == elsewhere))
            project = one.project_id if is_seen else None
            assert access.project_of_session(user.pk, one.pk) == project
            assert access.viewable([(user.pk, one.pk)]) == (
                {(user.pk, one.pk)} if is_seen else set()
            )
    assert access.project_of_session(alice.pk, uuid4()) is None
