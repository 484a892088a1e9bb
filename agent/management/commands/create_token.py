"""`manage.py create_token USER`: creates an access token and prints its key."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agent.accounts.access import projects_of
from agent.accounts.tokens import MAX_DAYS, create_token
from agent.exceptions import QuotaReached
from agent.models import ApiToken


class Command(BaseCommand):
    help = (
        "Creates an access token for USER. The last word of the output is the key, shown only once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER", help="the username")
        parser.add_argument("--name", default="", help="a label, to tell tokens apart")
        parser.add_argument(
            "--scope",
            choices=ApiToken.Scope.values,
            default=ApiToken.Scope.WRITE,
            help="read: read only; write: everything the user may do (default: write)",
        )

        parser.add_argument(
            "--days", type=int, help="days after which the token expires (default: never)"
        )
        parser.add_argument(
            "--project",
            type=UUID,
            metavar="ID",
            help="the only project that the token opens (default: all of the user's)",
        )

    def handle(
        self,
        *args: Any,
        user: str,
        name: str,
        scope: str,
        days: int | None,
        project: UUID | None,
        **options: Any,
    ) -> None:
        owner = User.objects.filter(username=user, is_active=True).first()
        if owner is None:
            raise CommandError(f"There is no active user {user!r}.")
        if len(name) > 100:
            raise CommandError("--name must have at most 100 characters.")
        if days is not None and not 1 <= days <= MAX_DAYS:
            raise CommandError(f"--days must be from 1 to {MAX_DAYS}.")
        only = projects_of(owner).filter(pk=project).first() if project is not None else None
        if project is not None and only is None:
            raise CommandError(f"{user} has no project {project}.")
        try:
            _, key = create_token(owner, name, scope, days=days, project=only)
        except QuotaReached as reached:
            raise CommandError(str(reached)) from None
        self.stdout.write(f"Token of {user} (scope: {scope}), shown only once: {key}")
