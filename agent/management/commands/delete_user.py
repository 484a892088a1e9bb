"""`manage.py delete_user USER`: deletes an account with everything that belongs to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agent.engine import account_deletion
from agent.engine.account_deletion import Undecided
from agent.exceptions import Refused
from agent.models import Project


class Command(BaseCommand):
    help = (
        "Deletes the account of USER for good, with the user's projects, in small parts, also while the "
        "server runs. A project that others are members of is deleted only if --delete names it; --hand-over "
        "gives it to a member. What the user wrote in projects of others stays, as of a deleted person. "
        "`export_user` writes everything into a file first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER", help="the username")
        parser.add_argument(
            "--hand-over",
            metavar="PROJECT=MEMBER",
            action="append",
            default=[],
            help="the id of a project and the username of the member who owns it from now on",
        )
        parser.add_argument(
            "--delete",
            metavar="PROJECT",
            action="append",
            default=[],
            help="the id of a project that is deleted although it has members",
        )
        parser.add_argument("--no-input", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        heirs: dict[UUID, User | None] = {_project(text).pk: None for text in options["delete"]}
        for text in options["hand_over"]:
            project, _, name = text.partition("=")
            heirs[_project(project).pk] = _user(name)
        if not options["no_input"] and not self._is_sure(user, heirs):
            raise CommandError("Nothing was deleted.")
        try:
            account_deletion.begin(user, heirs, by=None)
        except Undecided as error:
            raise CommandError(_question(error)) from None
        except Refused as error:
            raise CommandError(str(error)) from None
        async_to_sync(account_deletion.go_on)(user.pk)
        self.stdout.write(f"Deleted {options['user']}.")

    def _is_sure(self, user: User, heirs: dict[UUID, User | None]) -> bool:
        kept = [project for project, heir in heirs.items() if heir is not None]
        owned = Project.objects.filter(owner=user).exclude(pk__in=kept)
        self.stdout.write(f"The account {user} is deleted for good, with these projects:")
        for project in owned.iterator():
            self.stdout.write(f"  {project.pk} {project.name}")
        try:
            return input("Type the username to confirm: ") == user.get_username()
        except EOFError:  # nobody is there to ask
            raise CommandError("Nothing was deleted. Say --no-input to be asked nothing.") from None


def _project(text: str) -> Project:
    try:
        return Project.objects.get(pk=UUID(text))
    except (ValueError, Project.DoesNotExist):
        raise CommandError(f"There is no project {text!r}. Give its id.") from None


def _user(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no user {name!r}. --hand-over has the form PROJECT=MEMBER.")
    return user


def _question(error: Undecided) -> str:
    lines = [
        "These projects have members. Name each with --hand-over PROJECT=MEMBER or --delete PROJECT:"
    ]
    for project in error.projects:
        members = ", ".join(heir.get_username() for heir in account_deletion.heirs_of(project))
        lines.append(f"  {project.pk} {project.name} (members: {members or 'none is active'})")
    return "\n".join(lines)
