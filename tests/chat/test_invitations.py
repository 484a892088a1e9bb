"""Nobody is in a project unasked: who is invited joins or declines."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from agent.accounts import members
from agent.models import ChatSession, Invitation, Membership, Project
from agent.models.projects import Role
from chat import access

SECRET = "a secret of the newcomer"
pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def invited(bob: User) -> Client:
    client = Client()
    client.force_login(bob)
    return client


def invite(owner: Client, project: Project, user: str, role: str = "editor") -> str:
    """Returns what the page tells then."""
    address = reverse("invite", args=[project.pk])
    return owner.post(address, {"user": user, "role": role}, follow=True).content.decode()


def test_a_person_joins_by_the_address_of_the_invitation(
    owner: Client, invited: Client, project: Project, session: ChatSession, bob: User
) -> None:
    told = invite(owner, project, "bob")
    invitation = Invitation.objects.get()
    address = reverse("invitation", args=[invitation.pk])
    assert f"<code>http://testserver{address}</code>" in told
    assert not Membership.objects.exists()
    assert invited.get(reverse("session", args=[session.pk])).status_code == 404
    assert "alice invites you as editor." in invited.get(address).content.decode()
    joined = invited.post(reverse("accept-invitation", args=[invitation.pk]), follow=True)
    assert "You have joined the project." in joined.content.decode()
    member = Membership.objects.get()
    assert (member.user, member.role) == (bob, "editor")
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("page", ["/", "/waiting/"])
def test_an_invitation_is_listed_and_declined(
    owner: Client, invited: Client, project: Project, page: str
) -> None:
    invite(owner, project, "bob")
    decline = reverse("decline-invitation", args=[Invitation.objects.get().pk])
    assert decline in invited.get(page).content.decode()
    invited.post(decline)
    assert "invites you" not in invited.get(page).content.decode()
    assert not Membership.objects.exists()


def test_names_cannot_be_found_out(owner: Client, project: Project, bob: User) -> None:
    User.objects.create_user("gone", is_active=False)
    told = {}
    for name in ("bob", "nobody", "gone"):
        text = invite(owner, project, name)
        (one,) = Invitation.objects.all()
        told[name] = text.replace(str(one.pk), "").replace(name, "NAME")
        one.delete()
    # Apart from what is new with each request.
    assert len({_without_tokens(text) for text in told.values()}) == 1


def _without_tokens(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if "csrfmiddlewaretoken" not in line)


def test_an_invitation_of_a_name_is_not_listed_for_who_gets_the_name_later(
    owner: Client, project: Project
) -> None:
    invite(owner, project, "nobody")
    late = User.objects.create_user("nobody")
    assert not access.invitations(late).exists()


def test_who_gets_an_account_later_joins_by_the_address_under_that_name_alone(
    owner: Client, invited: Client, project: Project, settings: Settings
) -> None:
    settings.SAMURAI_SIGN_UP = "open"
    invite(owner, project, "newcomer")
    address = reverse("invitation", args=[Invitation.objects.get().pk])
    newcomer = Client()
    sign_in = newcomer.get(address)["Location"]
    sign_up = f"{reverse('account_signup')}?next={address}"
    assert f'href="{sign_up}"' in newcomer.get(sign_in).content.decode()
    names = {"username": "newcomer", "email": "n@example.com", "next": address}
    made = newcomer.post(sign_up, {**names, "password1": SECRET, "password2": SECRET})
    assert made["Location"] == address
    for other in (invited, owner):
        assert other.post(f"{address}accept/").status_code == 404
    assert "alice invites you" in newcomer.get(address).content.decode()
    newcomer.post(f"{address}accept/")
    assert Membership.objects.get().user.username == "newcomer"


def test_who_cannot_accept_an_invitation_reads_why_that_may_be(invited: Client) -> None:
    for address in ("", "accept/", "decline/"):
        path = f"{reverse('invitation', args=[uuid4()])}{address}"
        refused = invited.post(path) if address else invited.get(path)
        assert refused.status_code == 404
        assert "it is for another username than yours" in refused.content.decode()


def test_what_can_be_no_username_is_not_invited(owner: Client, project: Project) -> None:
    for name in ("Ana Smith", "<b>", "a\nb", "\u202eana"):
        assert "letters, numbers" in invite(owner, project, name)
    assert not Invitation.objects.exists()


def test_an_invitation_is_withdrawn(owner: Client, invited: Client, project: Project) -> None:
    invite(owner, project, "bob")
    invitation = Invitation.objects.get()
    owner.post(reverse("withdraw-invitation", args=[project.pk, invitation.pk]))
    for name in ("accept-invitation", "decline-invitation"):
        assert invited.post(reverse(name, args=[invitation.pk])).status_code == 404
    assert invited.get(reverse("invitation", args=[invitation.pk])).status_code == 404


def test_an_invitation_is_for_its_person_alone(owner: Client, project: Project, bob: User) -> None:
    invite(owner, project, "bob")
    address = reverse("accept-invitation", args=[Invitation.objects.get().pk])
    assert owner.post(address).status_code == 404
    assert Client().post(address).status_code == 302
    assert not Membership.objects.exists()


def test_a_second_invitation_of_a_name_replaces_the_first_and_their_number_is_limited(
    project: Project, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "MAX_OPEN", 2)
    for name, role in (("a", Role.VIEWER), ("b", Role.VIEWER), ("b", Role.EDITOR)):
        members.invite(project, name, role, by=alice)
    assert list(Invitation.objects.values_list("username", "role").order_by("username")) == [
        ("a", "viewer"),
        ("b", "editor"),
    ]
    with pytest.raises(ValidationError, match="2 invitations are open"):
        members.invite(project, "c", Role.VIEWER, by=alice)


def test_without_a_project_of_ones_own_nothing_goes_to_others(
    invited: Client, project: Project, session: ChatSession, bob: User
) -> None:
    Membership.objects.create(project=project, user=bob, role=Role.EDITOR)
    assert not access.own_projects(bob).exists()
    home = invited.get("/")
    assert home.status_code == 200
    assert reverse("project", args=[project.pk]) in home.content.decode()
