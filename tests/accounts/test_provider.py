"""Signing in with an OpenID Connect provider, a real one on this machine."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.oidc_provider import Visitor, oidc_provider
from tests.support.server import ROOT, ServerProcess, free_port

SECRET = "a secret of the test"


def press(visitor: Visitor, server: ServerProcess, **fields: str) -> str:
    """Presses the provider's button of the page that is shown, and follows where it leads."""
    page = visitor.send(f"{server.url}/accounts/provider/", **fields)
    link = re.search(r'href="(http://127.0.0.1:\d+/auth[^"]+)"', page)
    assert link is not None, page
    assert "code_challenge=" in link[1]
    assert f'content="0; url={link[1]}"' in page
    return visitor.open(link[1])


def come(server: ServerProcess) -> Visitor:
    """Returns somebody at the sign-in page."""
    visitor = Visitor()
    visitor.open(f"{server.url}/accounts/sign-in/")
    assert "Sign in with Example Ltd" in visitor.page
    return visitor


def name_of(visitor: Visitor, server: ServerProcess) -> str:
    """Returns the user who is signed in, or an empty text."""
    found = re.search(r"Signed in as <b>(\w+)</b>", visitor.open(f"{server.url}/accounts/"))
    return found[1] if found else ""


@pytest.mark.node
@pytest.mark.own_server
def test_people_sign_in_with_a_provider(make_server: Callable[..., ServerProcess]) -> None:
    """One story, because each server takes seconds."""
    port = free_port()
    server = make_server(
        SAMURAI_OIDC_URL=f"http://127.0.0.1:{port}",
        SAMURAI_OIDC_CLIENT_ID="samurai",
        SAMURAI_OIDC_CLIENT_SECRET=SECRET,
        SAMURAI_OIDC_NAME="Example Ltd",
    )
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env=server.env, check=True)
    server.change("UPDATE auth_user SET email = 'alice@example.com' WHERE username = 'alice'")

    away = come(server)
    away.send(f"{server.url}/accounts/provider/")
    assert away.status == 502
    assert "You were not signed in" in away.page

    with oidc_provider(port, server.url) as tell:
        # An address that the provider has not verified opens nothing.
        tell("alice?unverified")
        visitor = come(server)
        assert "No account here" in press(visitor, server)
        assert name_of(visitor, server) == ""

        # One that it has verified opens the account with this address.
        tell("alice")
        visitor = come(server)
        press(visitor, server)
        assert visitor.status == 200
        assert name_of(visitor, server) == "alice"

        # It stays connected when the address changes.
        server.change("UPDATE auth_user SET email = '' WHERE username = 'alice'")
        visitor = come(server)
        press(visitor, server)
        assert name_of(visitor, server) == "alice"

        # Somebody else, whom the provider knows, gets no account.
        tell("eve")
        visitor = come(server)
        assert "No account here" in press(visitor, server)
        assert server.rows("SELECT 1 FROM auth_user WHERE username = 'eve'") == []

        # A person connects an account that has another address, after a proof.
        visitor = Visitor()
        visitor.open(f"{server.url}/accounts/sign-in/?next=/accounts/")
        visitor.send(visitor.url, username="bob", password="bob's secret")
        tell("robert")
        press(visitor, server, process="connect")
        if "Confirm that it is you" in visitor.page:
            visitor.send(visitor.url, password="bob's secret")
        assert "Disconnect" in visitor.open(f"{server.url}/accounts/")
        visitor = come(server)
        press(visitor, server)
        assert name_of(visitor, server) == "bob"

        deeds = "SELECT actor, label FROM agent_auditentry WHERE deed = 'provider_connected' ORDER BY id"
        assert server.rows(deeds) == [("alice", "alice"), ("bob", "bob")]

        # A forged answer of a provider, without the state of this browser, signs nobody in.
        stranger = Visitor()
        stranger.open(f"{server.url}/accounts/provider/callback/?code=x&state=y")
        assert name_of(stranger, server) == ""
    assert SECRET not in server.log.read_text()
    assert "Traceback" not in server.log.read_text()


@pytest.mark.node
@pytest.mark.own_server
def test_whom_the_provider_knows_gets_an_account_and_chooses_a_name_if_it_is_taken(
    make_server: Callable[..., ServerProcess],
) -> None:
    port = free_port()
    server = make_server(
        SAMURAI_SIGN_UP="provider",
        SAMURAI_OIDC_URL=f"http://127.0.0.1:{port}",
        SAMURAI_OIDC_CLIENT_ID="samurai",
        SAMURAI_OIDC_CLIENT_SECRET=SECRET,
        SAMURAI_OIDC_NAME="Example Ltd",
    )
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env=server.env, check=True)
    typed = "SELECT id, 'kim@example.com', false, true FROM auth_user WHERE username = 'alice'"
    columns = 'user_id, email, verified, "primary"'
    server.change(f"INSERT INTO account_emailaddress ({columns}) {typed}")
    with oidc_provider(port, server.url) as tell:
        tell("eve")
        visitor = come(server)
        press(visitor, server)
        assert name_of(visitor, server) == "eve"

        # An address that somebody here has typed and not confirmed opens nothing.
        tell("kim")
        visitor = come(server)
        page = press(visitor, server)
        assert "Example Ltd has confirmed who you are." in page
        assert "connect Example Ltd on the page “Account”" in page
        assert "E-mail address" in page
        assert name_of(visitor, server) == ""
