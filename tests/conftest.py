"""What every test has: a blocked network, and a fixed cast. Alice owns the project, Bob is a stranger."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import override_settings

from agent.models import ChatSession, Project
from agent.plans import past_durations
from chat import shared_store
from chat.static_files import StaticFilesMiddleware

pytest_plugins = [
    "tests.support.held_loop",
    "tests.support.services",
    "tests.support.server",
    "tests.support.databases",
    "tests.support.shared_server",
    "tests.support.browser",
    "tests.support.firefox",
    "tests.support.batch",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins long tests first, in each of the workers, so that none of them is left at the end."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    modules: dict[Path, list[pytest.Item]] = {}  # whose tests share what they start
    others = []
    for item in items:
        is_long = item.get_closest_marker("long") is not None
        (modules.setdefault(item.path, []) if is_long else others).append(item)
    size = -(-len(items) // workers)  # so many of the list each worker begins with
    items.clear()
    for number in range(workers):
        own = [*chain.from_iterable([*modules.values()][number::workers])]
        items += [*own, *others[: size - len(own)]]
        del others[: size - len(own)]
    items += others


_connect = socket.socket.connect


def _is_local(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    host = address[0]
    return host == "localhost" or ipaddress.ip_address(host.split("%")[0]).is_loopback


@pytest.fixture(autouse=True, scope="session")
def only_this_machine() -> Iterator[None]:
    """Makes every connection to another machine fail."""

    def connect(self: socket.socket, address: Any) -> None:
        if not _is_local(address):
            raise AssertionError(f"a test tried to reach {address!r}")
        _connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """A password's slow digest is Django's to test."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True, scope="session")
def no_throttles() -> Iterator[None]:
    """The requests of all tests together, in which Alice has the same id, are more than a person's."""
    with override_settings(SAMURAI_PAGE_REQUESTS_PER_MINUTE=0, SAMURAI_API_REQUESTS_PER_MINUTE=0):
        yield


@pytest.fixture(autouse=True)
def no_history() -> None:
    """What a process knows of earlier runs is of another test's rows."""
    past_durations.clear_cache()


@pytest.fixture(autouse=True, scope="session")
def own_counts() -> None:
    """Workers of one run count apart from each other."""
    shared_store.NAME = f"shared-{os.environ.get('PYTEST_XDIST_WORKER', 'one')}.sqlite3"


@pytest.fixture(autouse=True, scope="session")
def static_files_listed_once() -> Iterator[None]:
    """The first request of each client makes new middleware, which would list all static files again."""
    listed: dict[str, dict[str, Any]] = {}
    list_files = StaticFilesMiddleware.add_files_from_finders

    def add_files(self: StaticFilesMiddleware) -> None:
        if self.static_prefix not in listed:
            list_files(self)
            listed[self.static_prefix] = self.files
        self.files = listed[self.static_prefix]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StaticFilesMiddleware, "add_files_from_finders", add_files)
        yield


@pytest.fixture(autouse=True)
def no_attempts() -> None:
    """How often somebody tried to sign in is of another test."""
    cache.clear()


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
