"""`manage.py remove_second_factor USERNAME`: for a user who has lost phone, keys and recovery codes."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agent.support.counts import count


class Command(BaseCommand):
    help = "Removes the second factors, passkeys and recovery codes of a user."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        removed, _ = Authenticator.objects.filter(user__username=username).delete()
        if not removed:
            raise CommandError(f"{username!r} is no user with a second factor.")
        self.stdout.write(f"Removed {count(removed, 'entry', 'entries')} of {username}.")
