"""The rules of access, written as a query of objects, as one statement, and for many pairs, are one rule."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404

from agent.accounts import access as agent_access
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
            assert _role(user, one) == agent_access.role_in(user, one.project)
            assert access.viewable([(user.pk, one.pk)]) == (
                {(user.pk, one.pk)} if is_seen else set()
            )
    assert access.project_of_session(alice.pk, uuid4()) is None


def _role(user: User, session: ChatSession) -> Role | None:
    found = agent_access.access_to_session(user.pk, session.pk)
    return found.role if found else None


def test_a_client_may_change_a_session_as_its_role_and_account_allow(
    alice: User, session: ChatSession
) -> None:
    viewer, stranger = User.objects.create_user("viewer"), User.objects.create_user("stranger")
    gone = User.objects.create_user("gone", is_active=False)
    for member, role in ((viewer, Role.VIEWER), (gone, Role.EDITOR)):
        Membership.objects.create(project=session.project, user=member, role=role)

    def get_person(user: User, key: UUID, needed: Role) -> None:
        assert access.get_person(user.pk, key, needed) == user

    for check in (get_person, access.get_session):
        check(alice, session.pk, Role.EDITOR)
        with pytest.raises(PermissionDenied):
            check(viewer, session.pk, Role.EDITOR)
        for user, key in (
            (stranger, session.pk),
            (alice, uuid4()),
            (gone, session.pk),
        ):
            with pytest.raises(Http404):
                check(user, key, Role.EDITOR)
