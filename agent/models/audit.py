"""The audit log: who did what to which object, from where. Rows are added, and deleted only by their age."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection, models


class Deed(models.TextChoices):
    """All that the audit log tells. Each member's comment says what is in `details`."""

    SIGNED_IN = "signed_in"
    # The object is the user, if there is one of this name. factor: the password was right
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"  # sign_ins: how many others were ended
    SIGN_IN_LINK_CREATED = "sign_in_link_created"
    PASSWORD_CHANGED = "password_changed"
    SECOND_FACTOR_ADDED = "second_factor_added"  # factor: totp, webauthn or recovery_codes
    SECOND_FACTOR_REMOVED = "second_factor_removed"  # factor
    EMAIL_ADDED = "email_added"
    EMAIL_REMOVED = "email_removed"
    PROVIDER_CONNECTED = "provider_connected"
    PROVIDER_DISCONNECTED = "provider_disconnected"
    USER_CREATED = "user_created"
    USER_EXPORTED = "user_exported"
    USER_DELETED = "user_deleted"  # from now on; what belongs to the user follows in parts
    TOKEN_CREATED = "token_created"  # user, scope
    TOKEN_REVOKED = "token_revoked"  # user
    LINK_CREATED = "link_created"  # session, run, shows_tasks, shows_memories
    LINK_REVOKED = "link_revoked"
    MEMBER_INVITED = "member_invited"  # role
    MEMBER_ADDED = "member_added"  # role: by the person, who accepts, or in the admin
    MEMBER_REMOVED = "member_removed"
    ROLE_CHANGED = "role_changed"  # role, before
    PROJECT_HANDED_OVER = "project_handed_over"  # to
    TOOL_SWITCHED_ON = "tool_switched_on"  # tool
    TOOL_SWITCHED_OFF = "tool_switched_off"  # tool
    APPROVAL_MODE_CHANGED = "approval_mode_changed"  # mode, before: of a session
    PLAN_APPROVED = "plan_approved"  # session, revision
    PLAN_REJECTED = "plan_rejected"  # session, revision: also when the run is cancelled
    PLAN_EDITED = "plan_edited"  # session, revision
    PROJECT_DELETED = "project_deleted"
    SESSION_DELETED = "session_deleted"
    TASK_DELETED = "task_deleted"
    MEMORY_DELETED = "memory_deleted"
    PROJECT_EXPORTED = "project_exported"
    SESSION_EXPORTED = "session_exported"  # done
    MEMORY_EXPORTED = "memory_exported"  # done
    RUN_EXPORTED = "run_exported"  # redacted
    ANALYTICS_EXPORTED = "analytics_exported"
    ADMIN_ADDED = "admin_added"
    ADMIN_CHANGED = "admin_changed"  # fields, or done
    ADMIN_DELETED = "admin_deleted"


class Unchangeable(TypeError):
    """The audit log is only added to."""


class AuditEntries(models.QuerySet["AuditEntry"]):
    """Refuses what would change or delete entries."""

    def update(self, **fields: Any) -> int:
        raise Unchangeable("Entries of the audit log are never changed.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise Unchangeable("Entries of the audit log are deleted only by their age.")

    def bulk_update(self, *args: Any, **options: Any) -> int:
        raise Unchangeable("Entries of the audit log are never changed.")


class AuditEntry(models.Model):
    """One deed. Written only by `agent.accounts.audit`.

    It refers to no row, so that it stays as it is when the user or the object is deleted. On every
    database a trigger refuses changes: a later migration that alters this table has to make it again.
    """

    at = models.DateTimeField("time", auto_now_add=True)
    # Without the choices, so that a new deed needs no migration.
    deed = models.CharField(max_length=30, help_text="A name in `Deed`.")
    actor_id = models.BigIntegerField(null=True, help_text="The id of the user who did it.")
    actor = models.CharField(max_length=150, blank=True, help_text="The user's name at that time.")
    kind = models.CharField(max_length=40, blank=True, help_text="Of the object.")
    object_id = models.CharField(max_length=64, blank=True)
    label = models.CharField(max_length=200, blank=True, help_text="The object's name, if any.")
    project = models.UUIDField(null=True, help_text="In which the object is.")
    details = models.JSONField(default=dict, blank=True)
    via = models.CharField(max_length=10, help_text="page, token, admin or command.")
    address = models.CharField(max_length=45, blank=True, help_text="Of the client.")
    request_id = models.CharField(max_length=64, blank=True)

    objects = AuditEntries.as_manager()

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["at"], name="audit_by_time"),
            models.Index(fields=["actor_id", "id"], name="audit_by_actor"),
            models.Index(fields=["kind", "object_id", "id"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.deed} by {self.actor or '-'}"

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise Unchangeable("Entries of the audit log are never changed.")
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        raise Unchangeable("Entries of the audit log are deleted only by their age.")

    @classmethod
    def prune(cls, before: datetime, most: int) -> int:
        """Deletes the oldest entries from `before`, at most so many; returns how many."""
        old = cls.objects.filter(at__lt=before).order_by("at", "id")
        keys = list(old.values_list("pk", flat=True)[:most])
        if not keys:
            return 0
        with connection.cursor() as cursor:
            marks = ",".join(["%s"] * len(keys))
            cursor.execute(f"DELETE FROM {cls._meta.db_table} WHERE id IN ({marks})", keys)
        return len(keys)
