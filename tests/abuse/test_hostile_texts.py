"""300 texts that try to run a script, stored past every check and shown by Chromium: none runs, and nothing
but the product's own elements and attributes is made of them. Many texts are on each page.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from allauth.account.adapter import get_adapter
from allauth.core import context
from django.contrib.auth.models import User
from django.test import RequestFactory
from playwright.sync_api import Page

from agent.support.markdown import render
from tests.support.browser import Visit
from tests.support.hostile_rows import events_of, parts
from tests.support.hostile_texts import ALL, CLASSES
from tests.support.live_page import Live

# What a script would leave; `securitypolicyviolation` also tells of one that only the policy has stopped.
WATCH = """
window.found = [];
for (const name of ["alert", "confirm", "prompt"]) window[name] = (text) => found.push(`${name} ${text}`);
document.addEventListener("securitypolicyviolation", (event) =>
  found.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
TAGS = """
html head body title meta link script template noscript main header footer nav aside section article div span
p h1 h2 h3 h4 h5 h6 ul ol li dl dt dd a button form fieldset legend label input textarea select option
optgroup output progress meter details summary dialog table caption thead tbody tfoot tr th td colgroup col
pre code kbd em strong b i s small sub sup mark ins del time blockquote hr br svg use path circle rect g line
symbol datalist menu img search text figure figcaption
"""
ATTRIBUTES = """
aria-[a-z]+ data-[a-z-]+ class id name value type href src rel role title lang dir for action method hidden
tabindex placeholder content charset media sizes crossorigin async defer disabled checked selected required
readonly multiple maxlength minlength min max step pattern autocomplete autofocus enterkeyhint inputmode
spellcheck rows cols list form formaction formmethod formnovalidate novalidate enctype open colspan rowspan
scope datetime target download accesskey start width height viewBox fill stroke stroke-[a-z]+ d cx cy r x y
x1 x2 y1 y2 rx ry transform alt style popover popovertarget popovertargetaction draggable nonce
preserveAspectRatio size xmlns autocapitalize
"""
# Returns what stands in the page and is not of the product, within templates too.
STRANGE = """([tags, attributes]) => {
  const found = [];
  const known = new RegExp(`^(${attributes.join("|")})$`);
  const tell = (element, why) => found.push(`${why}: ${element.outerHTML.slice(0, 160)}`);
  const address = (element, name, value) => {
    const { protocol, origin } = new URL(value, document.baseURI);
    const leads = name === "href" && element.localName === "a";
    const schemes = leads ? ["http:", "https:", "mailto:"] : ["http:", "https:", "data:"];
    if (!schemes.includes(protocol)) tell(element, name);
    else if (!leads && protocol !== "data:" && origin !== location.origin) tell(element, name);
  };
  const walk = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (!tags.includes(element.localName)) tell(element, "element");
      for (const { name, value } of element.attributes) {
        if (!known.test(name) || (name === "style" && /url|expression/i.test(value))) tell(element, name);
        if (["href", "src", "action", "formaction"].includes(name)) address(element, name, value);
      }
      if (element.localName === "script" && !element.src && element.type !== "application/json")
        tell(element, "script");
      if (element.localName === "template") walk(element.content);
    }
  };
  walk(document);
  return found;
}"""
OPEN = """async () => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  await new Promise(requestAnimationFrame);
  await new Promise((done) => setTimeout(done)); // after the listeners that fill what is opened
}"""


def check(page: Page, shown: int = 1) -> None:
    """Opens what is folded, and looks for what a text has made. `shown`: texts that have to be there."""
    page.evaluate(OPEN)
    page.wait_for_function("() => document.readyState === 'complete'")
    assert page.evaluate(STRANGE, [*map(str.split, (TAGS, ATTRIBUTES))]) == [], page.url
    assert page.evaluate("window.found") == [], page.url
    content = page.evaluate("() => document.documentElement.textContent")
    assert sum(text in content for text in ALL) >= shown, page.url


def test_there_are_300_texts_of_every_class() -> None:
    assert len(set(ALL)) == len(ALL) >= 300
    assert len(CLASSES) == 12


def test_markdown_makes_only_harmless_tags_of_each_text() -> None:
    for text in ALL:
        html = render(text, "x")
        assert not re.search(r"<(?!/?(?:[a-z][a-z0-9]*)\b)", html), text
        tags = re.findall(r"<(\w+)([^>]*)>", html)
        for tag, attributes in tags:
            assert tag not in ("script", "img", "svg", "math", "iframe", "style", "form"), text
            assert not re.search(r'(?i)\son\w+=|="\s*(?:java|vb)script:|="data:', attributes), text


@pytest.mark.browser
@pytest.mark.own_context
def test_no_text_runs_on_any_page(visit: Visit) -> None:
    server = visit.server
    made = server.fill("hostile_rows", server.session)
    server.change("UPDATE auth_user SET is_staff = 1, is_superuser = 1 WHERE username = 'alice'")
    page = visit.page
    page.add_init_script(WATCH)
    page.on("dialog", lambda dialog: visit.troubles.append(dialog.message))
    visit.live()
    check(page, 300)
    page.goto(f"{visit.address}?whole=1")
    check(page, 300)
    for path, shown in (
        (f"projects/{server.project}/", 100),
        (f"projects/{server.project}/tasks/new/", 1),
        (f"tasks/{made['task']}/", 1),
        (f"memories/{made['memory']}/", 1),
        (f"runs/{made['run']}/", 20),
        (f"runs/{made['run']}/compare/{made['other']}/", 60),
        (f"sessions/{server.session}/replay/", 1),
        (f"sessions/{server.session}/settings/", 1),
        (f"projects/{server.project}/analytics/", 1),
        ("waiting/", 1),
        ("admin/agent/task/?all=", 50),
        ("admin/agent/planstep/", 20),
        ("admin/agent/message/", 5),
        ("admin/agent/event/", 1),
        ("admin/auth/user/", 20),
        (f"admin/agent/run/{made['run']}/change/", 1),
    ):
        page.goto(f"{server.url}/{path}")
        if path.endswith("/replay/"):
            page.keyboard.press("End")
            page.get_by_text("End of the replay").wait_for()
        check(page, shown)
    page.goto(f"{server.url}/{made['shared']}")
    page.locator('#connection[data-state="live"]').wait_for()
    check(page, 300)


@pytest.mark.browser
@pytest.mark.own_context
def test_no_text_runs_that_a_search_has_found(visit: Visit) -> None:
    page = visit.page
    page.add_init_script(WATCH)
    kinds = ("project", "session", "task", "memory", "message")
    found = [
        {"kind": kinds[at % 5], "id": str(at), "title": text, "excerpt": text, "project": text}
        for at, text in enumerate(ALL)
    ]
    # As if it found everything at once: the real one has five results of each kind.
    results = [{**one, "url": "/waiting/"} for one in found]
    page.route("**/api/search/*", lambda route: route.fulfill(json={"results": results}))
    visit.live()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search").fill("x")
    page.get_by_role("option").nth(len(ALL) - 1).wait_for(state="attached")
    check(page, 280)  # the others have characters that nobody sees, which are marked


@pytest.mark.parametrize(
    "name",
    [
        *("password_reset_key", "email_confirmation", "email_confirmation_signup"),
        *("unknown_account", "password_changed"),
    ],
)
def test_no_text_runs_in_an_e_mail(name: str, rf: RequestFactory, mailoutbox: list[Any]) -> None:
    """Mails are plain text with a subject of our own."""
    person = User(username=" ".join(ALL), email="alice@example.com", first_name=ALL[0])
    url, told = "http://testserver/x", {"user": person, "username": person.username}
    with context.request_context(rf.get("/")):
        get_adapter().send_mail(
            f"account/email/{name}",
            person.email,
            {**told, "activate_url": url, "password_reset_url": url, "signup_url": url},
        )
    (message,) = mailoutbox
    sent = message.message()
    assert not sent.is_multipart()
    assert sent.get_content_type() == "text/plain"
    assert not any(text in message.subject for text in ALL)


@pytest.mark.browser
@pytest.mark.own_context
def test_no_text_runs_that_a_script_shows_live(visit: Visit) -> None:
    visit.page.add_init_script(WATCH)
    live = Live(visit)
    for number, texts in enumerate(parts()):
        live.tell(*events_of(UUID(int=number + 1), texts, uuid4(), uuid4()))
    check(live.page, 300)
