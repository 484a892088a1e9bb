"""The whole site below a path of SITE_URL, behind a real nginx with the site of the guide."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser
from websockets.asyncio.client import connect

from tests.support.browser import Visit, new_context
from tests.support.nginx import nginx
from tests.support.replay import Replay
from tests.support.server import PATIENCE, ROOT, ServerProcess, free_port, is_last, receive, say

pytestmark = pytest.mark.nginx

PATH = "/samurai"
CREATE = "Create a task to sweep"
SUCCEEDED = '.exchange[data-status="succeeded"]'


@dataclass(frozen=True)
class Site:
    server: ServerProcess
    url: str  # with the path

    def request(self, path: str, body: Any = None, name: str = "alice") -> tuple[int, Any, Any]:
        """Sends JSON with a token; returns status, headers and JSON. `path` begins with PATH or not."""
        place = self.url.removesuffix(PATH) + path if path.startswith(PATH) else self.url + path
        headers = {"Authorization": f"Token {self.server.cast[name]['token']}"}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        asked = urllib.request.Request(place, data, headers)
        with urllib.request.urlopen(asked, timeout=PATIENCE) as response:
            return response.status, response.headers, json.loads(response.read())


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, seeded_var: tuple[Path, dict[str, Any]]
) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    source, seed = seeded_var
    shutil.copytree(source, folder / "var")
    url = f"http://127.0.0.1:{port}{PATH}"
    server = ServerProcess(folder / "var", seed, SITE_URL=url)
    try:
        server.start()
        with nginx(folder, port, server.port):
            yield Site(server, url)
    finally:
        server.stop(signal.SIGKILL)


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    visit = Visit(browser, site.server, url=site.url)
    yield visit
    visit.context.close()
    assert visit.troubles == []
    assert visit.hosts == {urlsplit(site.url).netloc}


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True)
class Page:
    status: int
    location: str
    html: str


def get(url: str, *handlers: Any, data: dict[str, str] | None = None) -> Page:
    """Returns what is answered, also an error, without following a redirect."""
    opener = urllib.request.build_opener(NoRedirect, *handlers)
    body = None if data is None else urlencode(data).encode()
    asked = urllib.request.Request(url, body, {"Referer": url})
    try:
        response = opener.open(asked, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        text = response.read().decode()
        return Page(response.status, response.headers.get("Location", ""), text)


# -- requests --------------------------------------------------------------------------------------


def test_a_visitor_is_led_to_the_sign_in_page_and_back_below_the_path(site: Site) -> None:
    bare = get(site.url)
    assert (bare.status, urlsplit(bare.location).path) == (301, f"{PATH}/")
    first = get(f"{site.url}/")
    sign_in = f"{PATH}/accounts/sign-in/?next={PATH}/"
    assert (first.status, first.location) == (302, sign_in)
    cookies = CookieJar()
    jar = urllib.request.HTTPCookieProcessor(cookies)
    html = get(site.url.removesuffix(PATH) + sign_in, jar).html
    token, *_ = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', html)
    fields = {"username": "alice", "password": "alice's secret", "next": f"{PATH}/"}
    done = get(f"{site.url}/accounts/sign-in/", jar, data={**fields, "csrfmiddlewaretoken": token})
    assert (done.status, done.location) == (302, f"{PATH}/")
    # Not named as those of a site at the root of the host, which a browser sends, too.
    names = {
        (name, PATH)
        for name in ("sessionid_samurai", "csrftoken_samurai", "sessionid_samurai_known")
    }
    assert {(one.name, one.path) for one in cookies} == names
    home = get(f"{site.url}/", jar)
    assert home.location.startswith(f"{PATH}/sessions/")


def test_every_link_of_a_page_lies_below_the_path(site: Site) -> None:
    jar = urllib.request.HTTPCookieProcessor(CookieJar())
    pages = ["/accounts/sign-in/", "/api/docs/", "/accounts/sign-up/", "/sessions/nothing/"]
    for page in pages:
        html = get(site.url + page, jar).html
        links = re.findall(r'(?:href|src|action|data-schema)="(/[^"]*)"', html)
        assert links, page
        assert [link for link in links if not link.startswith(f"{PATH}/")] == [], page


@pytest.mark.parametrize(
    "path", ["/favicon.ico", "/static/chat/session.js", "/static/chat/base.css"]
)
def test_static_files_are_there(site: Site, path: str) -> None:
    response = get(site.url + path)
    if response.status == 302:
        assert re.fullmatch(f"{PATH}/static/\\w{{12}}/chat/favicon.svg", response.location)
        response = get(site.url.removesuffix(PATH) + response.location)
    assert response.status == 200


def test_the_api_names_addresses_below_the_path_that_work(site: Site) -> None:
    status, headers, project = site.request("/api/projects/", {"name": "Yard"})
    assert (status, headers["Location"]) == (201, f"{PATH}/api/projects/{project['id']}/")
    assert site.request(headers["Location"])[2]["name"] == "Yard"
    sessions = f"/api/projects/{project['id']}/sessions/"
    for _ in range(2):
        status, headers, session = site.request(sessions, {})
        assert headers["Location"] == f"{PATH}/api/sessions/{session['id']}/"
    following = site.request(f"{sessions}?limit=1")[2]["next"]
    assert following.startswith(f"{site.url}/api/")
    assert len(
        site.request(urlsplit(following).path + "?" + urlsplit(following).query)[2]["results"]
    )
    schema = site.request("/api/schema/")[2]
    assert schema["servers"] == [{"url": PATH}]
    assert "/api/projects/" in schema["paths"]


def test_a_request_that_waits_for_the_answer_and_a_stream_get_through(site: Site) -> None:
    chat = f"/api/projects/{site.server.project}/chat"
    status, _, answered = site.request(f"{chat}/", {"message": CREATE})
    assert (status, answered["status"]) == (200, "succeeded")
    headers = {
        "Authorization": f"Token {site.server.cast['alice']['token']}",
        "Content-Type": "application/json",
    }
    asked = urllib.request.Request(
        f"{site.url}{chat}-stream/", json.dumps({"message": CREATE}).encode(), headers
    )
    with urllib.request.urlopen(asked, timeout=PATIENCE) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert '"complete"' in response.read().decode()


async def test_a_websocket_gets_through(site: Site) -> None:
    address = site.url.replace("http:", "ws:") + f"/ws/sessions/{site.server.session}/"
    headers = {"Authorization": f"Token {site.server.cast['alice']['token']}"}
    async with connect(address, additional_headers=headers, max_size=None) as socket:
        assert (await receive(socket))["type"] == "hello"
        frames = await say(socket, CREATE)
        assert is_last(frames[-1])


def test_a_request_too_large_is_refused_as_json_below_the_path(site: Site) -> None:
    headers = {"Content-Length": "3000000", "Content-Type": "application/json"}
    asked = urllib.request.Request(f"{site.server.url}{PATH}/api/projects/", b"", headers)
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(asked, timeout=PATIENCE)
    assert (raised.value.status, json.loads(raised.value.read())["code"]) == (413, "too_large")


def test_beside_the_proxy_the_path_may_be_left_out_and_another_path_is_not_ours(site: Site) -> None:
    assert get(f"{site.server.url}/accounts/sign-in/").status == 200
    assert get(f"{site.server.url}{PATH}/accounts/sign-in/").status == 200
    assert get(f"{site.server.url}{PATH}").status == 302
    assert get(f"{site.server.url}{PATH}s/accounts/sign-in/").status == 404
    assert get(site.url.removesuffix(PATH) + "/accounts/sign-in/").status == 404


def test_the_first_line_of_the_start_names_the_address_with_the_path(site: Site) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "setup"],
        cwd=ROOT,
        env=site.server.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{site.url}/accounts/sign-in/" in done.stdout or f"{site.url}/sign-in/" in done.stdout


# -- the page --------------------------------------------------------------------------------------


@pytest.mark.browser
def test_a_shared_link_opens_and_is_live(site: Site, browser: Browser) -> None:
    links = f"/api/sessions/{site.server.session}/shared-links/"
    link = site.request(links, {})[2]
    assert link["url"].startswith(f"{site.url}/shared/{link['id']}/#")
    context = new_context(browser)
    page = context.new_page()
    page.goto(link["url"])
    page.locator('#connection[title="Connected over WebSocket"]').wait_for()
    context.close()


@pytest.mark.browser
def test_a_message_is_carried_out_and_shown_live_and_after_a_reload(visit: Visit) -> None:
    page = visit.live()
    before = page.locator(SUCCEEDED).count()
    visit.say(CREATE)
    visit.wait(lambda: page.locator(SUCCEEDED).count() > before)
    visit.wait_for_log()
    assert visit.shown() == visit.reloaded()


@pytest.mark.browser
def test_without_websockets_the_events_come_over_sse(visit: Visit) -> None:
    visit.page.route_web_socket("**/ws/**", lambda socket: socket.close(code=1011))
    page = visit.live()
    title = page.locator('#connection[data-state="live"]').get_attribute("title")
    assert title == "Connected over SSE"
    before = page.locator(SUCCEEDED).count()
    visit.say(CREATE)
    visit.wait(lambda: page.locator(SUCCEEDED).count() > before)


@pytest.mark.browser
def test_the_description_of_the_api_can_be_tried_out(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.url}/api/docs/")
    me = page.locator("#operations-account-get_me")
    me.click()
    me.get_by_role("button", name="Try it out").click()
    me.get_by_role("button", name="Execute").click()
    me.locator(".live-responses-table").get_by_text('"alice"').first.wait_for()


@pytest.mark.browser
def test_the_admin_panel_has_its_styles(visit: Visit) -> None:
    page = visit.page
    visit.server.change("UPDATE auth_user SET is_staff = true WHERE username = 'alice'")
    page.goto(f"{visit.url}/admin/")
    page.locator("#header").wait_for()
    background = "() => getComputedStyle(document.querySelector('#header')).backgroundColor"
    assert page.evaluate(background) != "rgba(0, 0, 0, 0)"


@pytest.mark.browser
def test_a_person_signs_in_and_out_below_the_path(visit: Visit) -> None:
    visit.context.clear_cookies()
    page = visit.page
    page.goto(f"{visit.url}/")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("alice's secret")
    page.get_by_role("button", name="Sign in").click()
    page.locator('#connection[data-state="live"]').wait_for()
    assert page.url.startswith(f"{visit.url}/sessions/")
    page.get_by_role("button", name="Sign out").first.click()
    page.wait_for_url(f"{visit.url}/accounts/sign-in/**")


@pytest.mark.browser
def test_a_replay_has_its_log_and_its_board_below_the_path(visit: Visit) -> None:
    visit.live()
    visit.say(CREATE)
    visit.page.locator(SUCCEEDED).first.wait_for()
    page = Replay(visit, at=3).page
    page.keyboard.press("End")
    page.locator(".task", has_text="Sweep").first.wait_for()
