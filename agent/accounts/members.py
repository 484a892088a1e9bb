"""Adds members to projects, and changes their roles. `agent.edits.manual_changes` removes them with their
tasks.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from agent.accounts.audit import Deed, record
from agent.models import Membership, Project
from agent.models.projects import Role


def add_member(project: Project, username: str, role: Role, *, by: User) -> Membership:
    """Makes the active user a member. Raises ValidationError, about the user name, with the reason."""
    person = User.objects.filter(username=username, is_active=True).first()
    if person is None:
        raise ValidationError("User not found.")
    if person.pk == project.owner_id:
        raise ValidationError("This user is the owner.")
    with transaction.atomic():
        member, is_new = Membership.objects.get_or_create(
            project=project, user=person, defaults={"role": role}
        )
        if not is_new:
            raise ValidationError("This user is already a member.")
        record_added(member, by=by)
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
