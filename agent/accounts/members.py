"""Invites people to projects. `agent.edits.manual_changes` removes members, with their tasks.

Nobody gets into a project unasked: its texts would appear among the person's own.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from agent.accounts.audit import Deed, Subject, record
from agent.models import Invitation, Membership, Project
from agent.models.projects import Role
from agent.support import raw_sql

MAX_OPEN = 100  # invitations of a project


def invite(project: Project, username: str, role: Role, by: User) -> Invitation:
    """Invites a person by the user name, also one whom nobody has. Another invitation of the same name is
    replaced. Raises ValidationError, about the user name, with the reason.
    """
    person = User.objects.filter(username=username, is_active=True).first()
    with transaction.atomic():
        raw_sql.lock("agent_project", project.pk)
        _check_invitation(project, username)
        invitation, _ = Invitation.objects.update_or_create(
            project=project,
            username=username,
            defaults={"user": person, "role": role, "invited_by": by},
        )
        invited = Subject("user", str(person.pk) if person else "", username)
        record(Deed.MEMBER_INVITED, invited, by=by, project=project.pk, role=str(role))
    return invitation


def _check_invitation(project: Project, username: str) -> None:
    User.username_validator(username)
    if username == project.owner.get_username():
        raise ValidationError("This user is the owner.")
    if project.memberships.filter(user__username=username).exists():
        raise ValidationError("This user is already a member.")
    others = project.invitations.exclude(username=username)
    if others.count() >= MAX_OPEN:
        raise ValidationError(f"{MAX_OPEN} invitations are open. Withdraw some of them first.")


def accept(invitation: Invitation, by: User) -> Membership:
    """Makes the invited person a member. Raises `Invitation.DoesNotExist` if it was withdrawn meanwhile."""
    with transaction.atomic():
        now = Invitation.objects.select_for_update().get(pk=invitation.pk)
        member, is_new = Membership.objects.get_or_create(
            project_id=now.project_id, user=by, defaults={"role": now.role}
        )
        if is_new:
            record_added(member, by=by)
        now.delete()
    return member


def change_role(member: Membership, role: str, *, by: User) -> None:
    """Gives the member another role, in the transaction that the caller has opened."""
    before, member.role = member.role, role
    member.save(update_fields=["role"])
    record_role(member, before, by=by)


def record_added(member: Membership, *, by: User | None) -> None:
    project, role = member.project_id, str(member.role)
    record(Deed.MEMBER_ADDED, member.user, by=by, project=project, role=role)


def record_role(member: Membership, before: str, *, by: User | None) -> None:
    """Records another role, if it is another one."""
    if before != member.role:
        roles = {"role": str(member.role), "before": str(before)}
        record(Deed.ROLE_CHANGED, member.user, by=by, project=member.project_id, **roles)
