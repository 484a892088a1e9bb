"""What every test has: a blocked network, and a fixed cast. Alice owns the project, Bob is a stranger."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest
from django.contrib.auth.models import User

from agent.models import ChatSession, Project
from agent.plans import estimates

pytest_plugins = [
    "tests.support.services",
    "tests.support.server",
    "tests.support.browser",
    "tests.support.firefox",
    "tests.support.batch",
]

_connect = socket.socket.connect


def _is_local(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    host = address[0]
    return host == "localhost" or ipaddress.ip_address(host.split("%")[0]).is_loopback


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every connection to another machine fail."""

    def connect(self: socket.socket, address: Any) -> None:
        if not _is_local(address):
            raise AssertionError(f"a test tried to reach {address!r}")
        _connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """A password's slow digest is Django's to test."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def no_history() -> None:
    """What a process knows of earlier runs is of another test's rows."""
    estimates.clear_cache()


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password="alice's secret")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob", password="bob's secret")


@pytest.fixture
def project(alice: User) -> Project:
    return Project.objects.create(name="Clinic booking", owner=alice)


@pytest.fixture
def session(project: Project) -> ChatSession:
    return ChatSession.objects.create(project=project, created_by=project.owner)
