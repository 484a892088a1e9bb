"""Adds members to projects. `agent.edits.manual_changes` removes them, with their tasks."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from agent.models import Membership, Project
from agent.models.projects import Role


def add_member(project: Project, username: str, role: Role) -> Membership:
    """Makes the active user a member. Raises ValidationError, about the user name, with the reason."""
    person = User.objects.filter(username=username, is_active=True).first()
    if person is None:
        raise ValidationError("User not found.")
    if person.pk == project.owner_id:
        raise ValidationError("This user is the owner.")
    member, is_new = Membership.objects.get_or_create(
        project=project, user=person, defaults={"role": role}
    )
    if not is_new:
        raise ValidationError("This user is already a member.")
    return member
