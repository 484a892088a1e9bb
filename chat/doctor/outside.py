"""Checks of the site through its public address. They sign nobody in and change nothing."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import ssl
from collections.abc import Iterator
from http.cookies import Morsel, SimpleCookie
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from chat.doctor.findings import Check, Finding, error, ok, unknown, warning
from chat.doctor.site import Reply, Site
from chat.doctor.streams import websocket

GUIDE = "docs/deploy/nginx.conf has a site that works."
_NOT_READY = {
    "unreachable": "Start the database, and compare DATABASE_URL with its address.",
    "not_migrated": "Run manage.py migrate.",
    "no_answer": "Find out what holds it up, for example a full disk or a lock.",
    "starting": "Read the log of the server for what keeps it from starting.",
    "silent": "Read the log of the server, and restart it if the database works.",
    "no_worker": "Start a worker: manage.py procrastinate worker.",
}


def checks(site: Site) -> list[Check]:
    return [
        Check("host", lambda: host(site)),
        Check("https", lambda: https(site)),
        Check("cookies", lambda: cookies(site)),
        Check("forms", lambda: forms(site)),
        Check("websocket", lambda: websocket(site)),
        Check("ready", lambda: ready(site)),
    ]


def reach(site: Site) -> Finding:
    """Tells whether Samurai Agent answers at the address: without it, nothing else can be checked."""
    name = "address"
    try:
        reply = site.get("/healthz")
    except ssl.SSLCertVerificationError as failure:
        text = f"The certificate of {site.host} is not valid: {failure.verify_message}."
        return error(name, text, "Install a certificate that browsers trust for this name.")
    except (OSError, http.client.HTTPException) as failure:
        text = f"{site.address} does not answer ({type(failure).__name__}: {failure})."
        return error(name, text, "Start the server and the proxy, and open the port.")
    if reply.status == 200 and '"part": "process"' in reply.body:
        return ok(name, f"Samurai Agent answers at {site.address}.")
    text = f"{site.address}/healthz answers {reply.status}, and not as Samurai Agent does."
    what = "The proxy reaches no process: start it, and compare the ports."
    return error(name, text, what if reply.status in (502, 503, 504) else GUIDE)


def host(site: Site) -> Iterator[Finding]:
    reply = _sign_in_page(site)
    if reply.status == 400:
        text = f"The server does not answer to the host name {site.host}."
        remedy = f"Set SITE_URL={site.address}, and have the proxy pass on the header Host."
        yield error("host", text, remedy)
    elif reply.status != 200:
        text = f"The sign-in page answers {reply.status}."
        yield error("host", text, "Read the log of the server for this request.")
    else:
        yield ok("host", f"The server answers to the host name {site.host}.")
    if settings.SITE_URL and settings.SITE_URL.rstrip("/") != site.address.rstrip("/"):
        text = f"SITE_URL is {settings.SITE_URL}, which is not this address."
        yield warning("host", text, "Set SITE_URL to the address that people type.")
    if "*" in settings.ALLOWED_HOSTS:
        text = "ALLOWED_HOSTS lets the server answer to every name."
        yield warning("host", text, "List the names that people type.")


def https(site: Site) -> Iterator[Finding]:
    if not site.is_https:
        if _is_local(site.host):
            yield ok("https", "The address is of this machine, so plain HTTP is enough.")
        else:
            text = "The address is plain HTTP: passwords and messages can be read on the way."
            yield warning("https", text, "Serve the site over HTTPS, with SITE_URL=https://….")
        return
    if "Strict-Transport-Security" not in _sign_in_page(site).headers:
        text = "The server does not know that people use HTTPS."
        remedy = "Set SITE_URL to the https address, and have the proxy set X-Forwarded-Proto."
        yield error("https", text, remedy)
        return
    yield ok("https", "The server knows from the proxy that people use HTTPS.")
    forged = _sign_in_page(site, {"X-Forwarded-Proto": "http"})
    if "Strict-Transport-Security" not in forged.headers:
        text = "The proxy passes on X-Forwarded-Proto as the client sends it."
        yield error("https", text, f"Have the proxy replace this header. {GUIDE}")


def cookies(site: Site) -> Iterator[Finding]:
    cookie = _csrf_cookie(_sign_in_page(site))
    if cookie is None:
        text = "The sign-in page sets no cookie, so nobody can sign in."
        yield error("cookies", text, "Have the proxy pass on Set-Cookie, and keep no pages.")
        return
    if site.is_https and not cookie["secure"]:
        text = "Cookies are also sent over plain HTTP, although the address is https."
        yield error("cookies", text, f"Set SITE_URL={site.address}.")
    elif cookie["secure"] and not site.is_https:
        text = "Cookies are sent over HTTPS only, but the address is http: nobody can sign in."
        yield error("cookies", text, "Use the https address, or set SITE_URL to this one.")
    elif cookie["samesite"] not in ("Lax", "Strict"):
        text = "Cookies are sent with requests of other sites: SameSite is missing."
        yield error("cookies", text, "Have the proxy leave Set-Cookie as it is.")
    elif not f"{site.path}/".startswith(cookie["path"]):
        text = f"Cookies are for the path {cookie['path']}, which is not that of the address."
        yield error("cookies", text, f"Set SITE_URL={site.address}.")
    else:
        secure = "Secure, " if cookie["secure"] else ""
        yield ok("cookies", f"Cookies are {secure}SameSite={cookie['samesite']}.")


def forms(site: Site) -> Iterator[Finding]:
    """Sends the sign-in form, empty: it is refused for that, or else for its origin."""
    page = _sign_in_page(site)
    cookie = _csrf_cookie(page)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.body)
    if cookie is None or token is None:
        text = "The sign-in page has no form that could be sent."
        yield unknown("forms", text, "Mend what the other findings name first.")
        return
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": f"{cookie.key}={cookie.value}",
        "Origin": site.origin,
        "Referer": f"{site.address}/",
    }
    body = urlencode({"csrfmiddlewaretoken": token[1], "username": "", "password": ""})
    reply = site.ask("POST", _below(reverse("sign-in")), headers, body)
    if reply.status == 403:
        text = f"Forms of pages at {site.origin} are refused, so nobody can sign in."
        remedy = f"Set SITE_URL={site.address}, or add {site.origin} to CSRF_TRUSTED_ORIGINS."
        yield error("forms", text, remedy)
    elif reply.status == 200:
        yield ok("forms", f"Forms of pages at {site.origin} are accepted.")
    else:
        text = f"The sign-in form is answered with {reply.status}."
        yield error("forms", text, "Have the proxy pass on POST requests.")


def ready(site: Site) -> Iterator[Finding]:
    """Tells what the server itself says of its parts."""
    reply = site.get("/readyz")
    try:
        parts = [json.loads(line) for line in reply.body.splitlines()]
        problems = {part["part"]: part.get("problem", "") for part in parts}
    except (ValueError, KeyError, TypeError):
        problems = {}
    if not problems:
        text = f"/readyz answers {reply.status} in an unknown form."
        yield error("ready", text, "Have the proxy pass on /readyz.")
    for part, problem in problems.items():
        if problem:
            text = f"The server reports a problem with its {part}: {problem}."
            yield error("ready", text, _NOT_READY.get(problem, "Read the log of the server."))
    if problems and not any(problems.values()):
        yield ok("ready", f"The server says that all is ready: {', '.join(problems)}.")


def _sign_in_page(site: Site, headers: dict[str, str] | None = None) -> Reply:
    return site.get(_below(reverse("sign-in")), {"Accept": "text/html", **(headers or {})})


def _below(path: str) -> str:
    """Returns the path of one of our pages below that of the site."""
    return path.removeprefix(settings.SITE_PATH)


def _csrf_cookie(reply: Reply) -> Morsel[str] | None:
    for text in reply.headers.get_all("Set-Cookie") or ():
        for name, cookie in SimpleCookie(text).items():
            if name.startswith("csrftoken"):
                return cookie
    return None


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
