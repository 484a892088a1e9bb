"""Projects and their members."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from agent.models.base import UUIDModel
from agent.support.words import marked


class Role(models.TextChoices):
    OWNER = "owner"  # may do everything, including deletion and members
    EDITOR = "editor"  # may send messages, cancel, approve and undo
    VIEWER = "viewer"  # may only read


# The description of the project that the first start creates, until a person changes it.
SAMPLE_BRIEF = (
    "A web app for a small clinic: patients sign up, book and cancel appointments; doctors publish "
    "their free slots. Change this brief to your own project's, or start a new project beside it."
)


class Project(UUIDModel):
    """What the user is building. Sessions, tasks and memories belong to it."""

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, help_text="The agent reads it before every plan.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="owned_projects"
    )
    board_version = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="Incremented by each change of a task or memory."
    )
    last_task_number = models.PositiveIntegerField(
        default=0, editable=False, help_text="The number of the task that was created last."
    )
    # What `agent.accounts.quotas` compares with the quotas, so that nothing is counted then.
    stored_tasks = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="Tasks that are not deleted."
    )
    stored_memories = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="Memories that are not deleted."
    )
    stored_bytes = models.PositiveBigIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="Bytes of the event logs as of the latest messages, and of changes outside of them.",
    )
    runs_day = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="The day of the latest run, as a number."
    )
    runs_of_day = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="How many runs began on that day."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return marked(self.name)

    @property
    def is_sample(self) -> bool:
        """The description is the sample's, which says nothing about what the user builds."""
        return self.description == SAMPLE_BRIEF


class Membership(models.Model):
    """A user's role in another user's project. The owner needs no membership."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="one_membership_per_user")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.project_id} as {self.role}"


class Invitation(UUIDModel):
    """A role in a project that a person may accept. `user` is empty if nobody has the name, which the
    inviting person is not told: else names could be found out.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="invitations")
    username = models.CharField(max_length=150)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="invitations",
    )
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "username"], name="one_invitation_per_username"
            )
        ]

    def __str__(self) -> str:
        return f"{self.username} to {self.project_id} as {self.role}"


class SwitchedOffTool(models.Model):
    """A tool that plans of the project may not use. Every other tool is switched on."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="switched_off_tools"
    )
    tool = models.CharField(max_length=100)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["tool"]
        constraints = [
            models.UniqueConstraint(fields=["project", "tool"], name="one_switch_per_tool")
        ]

    def __str__(self) -> str:
        return f"{self.tool} in {self.project_id}"
