"""Access tokens: shown once, found by their key, ended by revoking or by disabling the user."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from agent.accounts.tokens import active, create_token, find_token, revoke
from agent.exceptions import QuotaReached
from agent.models import ApiToken

KEY = re.compile(r"samurai_[A-Za-z0-9_-]{43}")


def test_a_key_finds_its_token_and_user(alice: User) -> None:
    token, key = create_token(alice, "laptop", ApiToken.Scope.READ)
    assert KEY.fullmatch(key)
    found = find_token(key)
    assert found == token
    assert (found.user, found.name, found.scope) == (alice, "laptop", "read")


def test_only_the_digest_and_the_keys_beginning_are_kept(alice: User) -> None:
    _, key = create_token(alice)
    row = ApiToken.objects.values().get()
    assert row["prefix"] == key[:12]
    assert not any(key[12:] in str(value) for value in row.values())


def test_two_keys_differ(alice: User) -> None:
    assert create_token(alice)[1] != create_token(alice)[1]


def test_an_unknown_key_finds_nothing(alice: User) -> None:
    _, key = create_token(alice)
    last = "a" if key[-1] != "a" else "b"
    for wrong in (
        key[:-1] + last,
        key + " ",
        key.removeprefix("samurai_"),
        key[:12],
        "",
        "samurai_",
    ):
        assert find_token(wrong) is None


def test_what_no_key_can_be_finds_nothing(alice: User) -> None:
    for wrong in ("samurai_\x00", "samurai_\ud800", "samurai_é", "samurai_" + "a" * 100_000):
        assert find_token(wrong) is None


def test_a_revoked_token_is_found_no_more_and_the_others_are(alice: User) -> None:
    token, key = create_token(alice)
    _, other = create_token(alice)
    assert revoke(ApiToken.objects.filter(pk=token.pk)) == 1
    assert find_token(key) is None
    assert find_token(other) is not None


def test_revoking_again_keeps_the_first_time(alice: User) -> None:
    create_token(alice)
    revoke(ApiToken.objects.all())
    first = ApiToken.objects.get().revoked_at
    assert revoke(ApiToken.objects.all()) == 0
    assert ApiToken.objects.get().revoked_at == first


def test_a_disabled_users_token_is_not_found_until_the_user_is_enabled(alice: User) -> None:
    _, key = create_token(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert find_token(key) is None
    User.objects.filter(pk=alice.pk).update(is_active=True)
    assert find_token(key) is not None


def test_the_last_use_is_noted_once_a_minute(alice: User) -> None:
    _, key = create_token(alice)
    find_token(key)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    find_token(key)
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    find_token(key)
    noted = ApiToken.objects.get().last_used_at
    assert noted is not None
    assert noted >= first


def output_of(*arguments: str) -> str:
    output = StringIO()
    call_command("create_token", *arguments, stdout=output)
    return output.getvalue()


def test_the_commands_last_word_is_a_key_that_works(alice: User) -> None:
    output = output_of("alice", "--name", "CI", "--scope", "read")
    assert output.count("\n") == 1
    found = find_token(output.split()[-1])
    assert found is not None
    assert (found.user, found.name, found.scope) == (alice, "CI", "read")


def test_without_options_the_command_makes_a_token_that_may_write(alice: User) -> None:
    found = find_token(output_of("alice").split()[-1])
    assert found is not None
    assert (found.name, found.scope) == ("", "write")


@pytest.mark.parametrize("arguments", [["carol"], ["alice", "--name", "x" * 101]])
def test_the_command_refuses_what_cannot_be_and_makes_nothing(
    alice: User, arguments: list[str]
) -> None:
    with pytest.raises(CommandError):
        output_of(*arguments)
    assert not ApiToken.objects.exists()


def test_the_command_refuses_a_disabled_user(alice: User) -> None:
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="no active user 'alice'"):
        output_of("alice")


def test_the_command_refuses_an_unknown_scope(alice: User) -> None:
    with pytest.raises(CommandError, match="scope"):
        output_of("alice", "--scope", "everything")


def test_a_token_is_found_until_it_expires(alice: User) -> None:
    token, key = create_token(alice, days=30)
    assert token.expires_at is not None
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
    assert find_token(key) == token
    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())
    assert find_token(key) is None
    assert not active().exists()


def test_a_token_that_a_token_creates_does_not_outlive_it(alice: User) -> None:
    parent, _ = create_token(alice, days=7)
    for days in (None, 365):
        child, _ = create_token(alice, days=days, by=parent)
        assert child.expires_at == parent.expires_at
    shorter, _ = create_token(alice, days=1, by=parent)
    assert shorter.expires_at < parent.expires_at
    lasting, _ = create_token(alice)
    child, _ = create_token(alice, by=lasting)
    assert child.expires_at is None


def test_a_user_has_a_limited_number_of_active_tokens(
    alice: User, bob: User, settings: Any
) -> None:
    settings.SAMURAI_USER_TOKENS = 3
    made = [create_token(alice)[0] for _ in range(3)]
    with pytest.raises(QuotaReached, match="may have 3 active access tokens"):
        create_token(alice)
    with pytest.raises(CommandError, match="Revoke one first"):
        call_command("create_token", "alice")
    create_token(bob)
    revoke(ApiToken.objects.filter(pk=made[0].pk))
    create_token(alice)
    settings.SAMURAI_USER_TOKENS = 0
    create_token(alice)


@pytest.mark.parametrize("days", ["0", "-1", "3651"])
def test_the_command_refuses_a_span_that_is_none(alice: User, days: str) -> None:
    with pytest.raises(CommandError, match="from 1 to 3650"):
        call_command("create_token", "alice", "--days", days)
