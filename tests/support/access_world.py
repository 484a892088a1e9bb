"""One project with one of each object, and everybody who may try to get at it."""

from __future__ import annotations

import json
import re
import uuid
from http.cookies import SimpleCookie
from itertools import islice
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from agent.accounts import members
from agent.accounts.shared_links import create_link
from agent.accounts.tokens import create_token
from agent.board import tasks
from agent.memory import memories
from agent.models import (
    ApiToken,
    Approval,
    ChatSession,
    Event,
    Membership,
    Message,
    PlanRevision,
    Project,
    Run,
)
from agent.models.projects import Role
from chat import access, guest_cookie
from chat.models import Alias
from tests.support import story
from tests.support.access_table import PEOPLE, Row

# What a request needs to be more than a mistake: a form or a body that the address takes.
BODIES: dict[str, dict[str, Any]] = {
    "POST shared/<uuid:link_id>/": {"secret": "{secret}"},
    "POST sessions/<uuid:session_id>/undo/": {"seq": "1"},
    "POST sessions/<uuid:session_id>/retry/": {"run": "{run_id}"},
    "POST sessions/<uuid:session_id>/regenerate/": {"run": "{run_id}"},
    "POST waiting/<uuid:run_id>/": {"decision": "retry"},
}
# What an address has as a regular expression.
EXPRESSION = re.compile(r"\^(reset)/.*\$")
QUERIES = {
    "shared/<uuid:link_id>/entries/": "start=1&end=2",
    "sessions/<uuid:session_id>/entries/": "start=1&end=2",
    "api/search/": "q=Booking",
}


def people() -> dict[str, User]:
    """Makes everybody who has an account."""
    users = {
        name: User.objects.create_user(name, is_staff=name in ("staff", "analyst"))
        for name in sorted(PEOPLE)
    }
    users["member"] = User.objects.create_user("member")
    users["analyst"].user_permissions.add(Permission.objects.get(codename="view_run"))
    return users


def security_key(user: User) -> Authenticator:
    """Stores a security key that nobody has."""
    public = ES256({1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)})
    credential = AttestedCredentialData.create(bytes(16), b"key", public)
    flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.AT
    data = AuthenticatorData.create(bytes(32), flags, 0, credential)
    client = CollectedClientData.create("webauthn.create", b"x", "https://testserver")
    answer = {
        "id": websafe_encode(b"key"),
        "rawId": websafe_encode(b"key"),
        "type": "public-key",
        "response": {
            "clientDataJSON": websafe_encode(client),
            "attestationObject": websafe_encode(AttestationObject.create("none", data, {})),
        },
    }
    stored = {"name": "Key", "credential": answer}
    return Authenticator.objects.create(user=user, type="webauthn", data=stored)


class World:
    """Everything is the owner's. `ids`: what stands for each part of an address."""

    def __init__(self, users: dict[str, User]) -> None:
        self.users = users
        self.owner = owner = users["owner"]
        ApiToken.objects.filter(
            user=owner
        ).delete()  # of another world: a person may have only so many
        Authenticator.objects.filter(user=owner).delete()
        TOTP.activate(owner, generate_totp_secret())
        RecoveryCodes.activate(owner)
        self.project = project = Project.objects.create(name="Clinic booking", owner=owner)
        self.elsewhere = Project.objects.create(name="Elsewhere", owner=owner)
        for role in ("viewer", "editor"):
            Membership.objects.create(project=project, user=users[role], role=role)
        Membership.objects.create(project=project, user=users["member"], role="viewer")
        self.session = session = ChatSession.objects.create(project=project, created_by=owner)
        self.runs = [self._run(number) for number in (1, 2)]
        self._log(self.runs[0])
        task, _ = tasks.create_task(project_id=project.pk, title="Booking")
        memory, _ = memories.remember(
            project_id=project.pk, title="Database", content="PostgreSQL", kind="decision"
        )
        link, secret = create_link(session, owner, shows_tasks=True)
        name = uuid.uuid4().hex
        named = {"user": owner, "name": name, "session": session}
        Alias.objects.create(kind=Alias.Kind.THREAD, **named)
        Alias.objects.create(kind=Alias.Kind.RUN, run=self.runs[0], **named)
        self.ids = {
            "project_id": project.pk,
            "session_id": session.pk,
            "run_id": self.runs[0].pk,
            "other_id": self.runs[1].pk,
            "task_id": task.pk,
            "memory_id": memory.pk,
            "link_id": link.pk,
            "token_id": create_token(owner)[0].pk,
            "invitation_id": members.invite(project, "invited", Role.VIEWER, by=owner).pk,
            "pk": security_key(owner).pk,
            "key": "x",
            "number": 1,
            "secret": secret,
            "token": "x",
            "alias": name,
        }
        response = HttpResponse()
        guest_cookie.give(response, access.redeem_link(link.pk, secret))
        self.guest_cookie = response.cookies[guest_cookie.NAME].value
        self.keys = {
            "read": create_token(owner, scope=ApiToken.Scope.READ)[1],
            "write": create_token(owner)[1],
            "limited": create_token(owner, project=project)[1],
            "elsewhere": create_token(owner, project=self.elsewhere)[1],
        }

    def _run(self, number: int) -> Run:
        message = Message.objects.create(
            session=self.session, role="user", content="Do it", author=self.owner
        )
        run = Run.objects.create(
            session=self.session,
            number=number,
            message=message,
            created_by=self.owner,
            status="succeeded",
        )
        plan = PlanRevision.objects.create(run=run, revision=1, digest="d")
        Approval.objects.create(run=run, plan=plan, digest="d", status="approved")
        return run

    def _log(self, run: Run) -> None:
        for seq, kind, _, body in islice(story.rows(), 3):
            Event.objects.create(session=self.session, seq=seq, run=run, type=kind, body=body)
            self.session.last_seq = seq
        self.session.run_count = len(self.runs)
        self.session.save()

    def path(self, row: Row, *, random: bool = False) -> str:
        """Returns the address of the row. `random`: of objects that do not exist."""

        def value(match: re.Match[str]) -> str:
            kind, name = match.groups()
            if random and (kind == "uuid" or (name == "name" and "ag-ui" in row.route)):
                return str(uuid.uuid4())
            if random and kind == "int":
                return "999999"
            return str(self._named(row.route, name))

        path = re.sub(r"<(\w+):(\w+)>", value, EXPRESSION.sub(r"\1/1-x/", row.route))
        query = QUERIES.get(row.route, "")
        return f"/{path}?{query}"

    def _named(self, route: str, name: str) -> object:
        if name == "username":
            return "member"
        if name != "name":
            return self.ids[name]
        if "where" in route:
            return f"run-{self.runs[0].pk}"
        return self.ids["alias"] if "ag-ui" in route else "undo"

    def body(self, row: Row) -> dict[str, Any]:
        fields = BODIES.get(f"{row.method} {row.route}", {})
        return {name: str(value).format(**self.ids) for name, value in fields.items()}


class Visitors:
    """Everybody who tries, with one client for all of them: a new one would load the middleware anew."""

    def __init__(self, users: dict[str, User], *, checks_csrf: bool = False) -> None:
        self.users = users
        self.client = Client(enforce_csrf_checks=checks_csrf)
        self.cookies = {role: self._signed_in(role) for role in PEOPLE}

    def _signed_in(self, role: str) -> str:
        self.client.cookies.clear()
        self.client.force_login(self.users[role])
        return self.client.cookies[settings.SESSION_COOKIE_NAME].value

    def sign_in_again(self) -> None:
        self.cookies = {role: self._signed_in(role) for role in PEOPLE}

    def cookies_of(self, role: str, world: World) -> dict[str, str]:
        if role in self.cookies:
            return {settings.SESSION_COOKIE_NAME: self.cookies[role]}
        return {guest_cookie.NAME: world.guest_cookie} if role == "guest" else {}

    def ask(self, role: str, world: World, row: Row, *, random: bool = False) -> Any:
        """Sends the request of a row as the role; returns the response."""
        return self.send(role, world, row.method, world.path(row, random=random), world.body(row))

    def send(self, role: str, world: World, method: str, path: str, body: dict[str, Any]) -> Any:
        self.client.cookies = SimpleCookie(self.cookies_of(role, world))
        headers = {"Authorization": f"Token {world.keys[role]}"} if role in world.keys else {}
        send = getattr(self.client, method.lower())
        if method == "GET":
            return send(path, headers=headers)
        if path.startswith("/api/") or method != "POST":
            return send(path, json.dumps(body), content_type="application/json", headers=headers)
        return send(path, body, headers=headers)
