"""An app with codes as a second factor, recovery codes, and how a lost factor is removed."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from agent.accounts.sign_in import make_token

PASSWORD = {"username": "alice", "password": "alice's secret"}


def code_of(secret: str, steps: int = 0) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps)))


@pytest.fixture
def owner(alice: User) -> Client:
    client = Client()
    client.post(reverse("sign-in"), PASSWORD)
    return client


@pytest.fixture
def secret(owner: Client) -> str:
    """The secret of the app that Alice has set up."""
    page = reverse("mfa_activate_totp")
    proof = owner.get(page)["Location"]
    assert owner.post(proof, {"password": "alice's secret"})["Location"] == page
    shown = re.search(r'id="secret">([A-Z2-7]+)<', owner.get(page).content.decode())
    assert shown is not None
    done = owner.post(page, {"code": code_of(shown[1])})
    assert done["Location"] == reverse("mfa_view_recovery_codes")
    return shown[1]


def half_way() -> Client:
    """A browser whose password was right."""
    client = Client()
    response = client.post(f"{reverse('sign-in')}?next=/tokens/", PASSWORD)
    assert response["Location"] == reverse("mfa_authenticate")
    return client


def user_of(client: Client) -> str | None:
    return client.session.get("_auth_user_id")  # type: ignore[no-any-return]


def try_code(client: Client, code: str) -> Any:
    return client.post(reverse("mfa_authenticate"), {"code": code})


def test_a_password_alone_signs_nobody_in(alice: User, secret: str) -> None:
    client = half_way()
    assert user_of(client) is None
    assert client.get("/tokens/")["Location"].startswith(reverse("sign-in"))
    assert "Wrong code" in try_code(client, "000000").content.decode()
    assert try_code(client, code_of(secret, 1))["Location"] == "/tokens/"
    assert user_of(client) == str(alice.pk)


def test_codes_are_guessed_five_times(secret: str) -> None:
    client = half_way()
    for _ in range(5):
        try_code(client, "000000")
    text = try_code(client, code_of(secret, 1)).content.decode()
    assert "Too many attempts" in text
    assert user_of(client) is None


def test_a_recovery_code_works_once(alice: User, secret: str, owner: Client) -> None:
    page = owner.get(reverse("mfa_view_recovery_codes")).content.decode()
    codes = re.findall(r"^(?:.*>)?(\d{8})$", page, re.MULTILINE)
    assert len(codes) == 10
    for expected in (str(alice.pk), None):
        client = half_way()
        try_code(client, codes[0])
        assert user_of(client) == expected
    assert b"9 left" in owner.get(reverse("mfa_index")).content


@pytest.mark.parametrize("door", ["admin", "link"])
def test_the_other_doors_ask_for_it_too(alice: User, secret: str, door: str) -> None:
    client = Client()
    alice.refresh_from_db()
    if door == "admin":
        User.objects.filter(pk=alice.pk).update(is_staff=True)
        page = client.get(client.get(reverse("admin:index"))["Location"])["Location"]
        response = client.post(page, PASSWORD)
    else:
        response = client.post(reverse("sign-in-link", args=[make_token(alice)]))
    assert response["Location"] == reverse("mfa_authenticate")
    assert user_of(client) is None
    try_code(client, code_of(secret, 1))
    assert user_of(client) == str(alice.pk)


def test_it_is_turned_off_by_who_proves_to_be_its_owner(secret: str, owner: Client) -> None:
    elsewhere = half_way()
    try_code(elsewhere, code_of(secret, 1))
    page = reverse("mfa_deactivate_totp")
    assert elsewhere.post(page)["Location"].startswith(reverse("account_reauthenticate"))
    assert Authenticator.objects.exists()
    assert owner.post(page)["Location"] == reverse("mfa_index")  # has proved it a moment ago
    assert not Authenticator.objects.exists()
    assert user_of(owner) is not None


def test_who_came_by_a_link_and_has_no_password_sets_it_up(alice: User) -> None:
    alice.set_unusable_password()
    alice.save()
    client = Client()
    client.post(reverse("sign-in-link", args=[make_token(alice)]))
    assert client.get(reverse("mfa_activate_totp")).status_code == 200


def test_a_command_removes_what_was_lost(alice: User, secret: str) -> None:
    call_command("remove_second_factor", "alice", verbosity=0)
    client = Client()
    assert client.post(reverse("sign-in"), PASSWORD)["Location"] == "/"
    with pytest.raises(CommandError, match="no user with a second factor"):
        call_command("remove_second_factor", "alice")


def test_staff_without_it_are_led_to_set_it_up_where_the_site_asks_for_it(
    alice: User, bob: User, owner: Client, settings: Any
) -> None:
    User.objects.update(is_staff=True, is_superuser=True)
    admin = reverse("admin:index")
    assert owner.get(admin).status_code == 200
    settings.SAMURAI_STAFF_SECOND_FACTOR = True
    for page in (admin, reverse("admin:agent_run_changelist"), reverse("admin:settings")):
        shown = owner.get(page, follow=True)
        assert shown.redirect_chain[-1][0] == reverse("mfa_index")
        assert "The admin panel needs a second factor. Set one up first." in shown.content.decode()
    codes = Authenticator.objects.create(
        user=alice, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "x", "used_mask": 0}
    )
    Authenticator.objects.create(user=bob, type=Authenticator.Type.TOTP, data={"secret": "x"})
    assert owner.get(admin).status_code == 302
    codes.delete()
    Authenticator.objects.create(user=alice, type=Authenticator.Type.TOTP, data={"secret": "x"})
    assert owner.get(admin).status_code == 200


def test_the_admin_is_closed_to_others_however_many_factors_they_have(
    secret: str, owner: Client, settings: Any
) -> None:
    settings.SAMURAI_STAFF_SECOND_FACTOR = True
    assert owner.get(reverse("admin:index"), follow=True).status_code == 403


def test_another_user_neither_sees_nor_removes_a_key(alice: User, bob: User) -> None:
    key = Authenticator.objects.create(
        user=alice, type=Authenticator.Type.WEBAUTHN, data={"name": "Phone", "credential": {}}
    )
    client = Client()
    client.force_login(bob)
    bob.set_unusable_password()
    for name in ("mfa_edit_webauthn", "mfa_remove_webauthn"):
        response = client.post(reverse(name, args=[key.pk]), {"name": "Mine"})
        assert response.status_code in (302, 404)
    assert Authenticator.objects.get(pk=key.pk).data["name"] == "Phone"
