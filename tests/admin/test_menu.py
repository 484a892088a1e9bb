"""The menu of the admin: groups by what people look for, the inside of runs folded at the end."""

from __future__ import annotations

import re

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from agent.models import Event, Run
from samurai_site import admin_menu
from tests.support.admin_site import MODELS, allow, page, text_of

# Entries of the menu that are no models of ours.
OTHERS = {"User", "Group", "analytics", "settings"}
GROUPS = ["Sessions", "Runs", "Projects", "People", "Site", "Stored details"]
MENU = re.compile(r'<nav id="menu".*?</nav>', re.DOTALL)


def menu(client: Client, address: str) -> str:
    found = MENU.search(text_of(client, address))
    assert found is not None
    return found[0]


def request_of(user: User) -> HttpRequest:
    request = RequestFactory().get(reverse("admin:index"))
    request.user = user
    return request


def test_every_model_has_its_place(boss: User) -> None:
    groups = admin.site.get_app_list(request_of(boss))
    assert [group["name"] for group in groups] == GROUPS
    placed = [model["object_name"] for group in groups for model in group["models"]]
    assert len(placed) == len(set(placed))
    assert {model.__name__ for model in MODELS} | OTHERS == set(placed)


def test_details_are_folded_except_on_their_own_pages(boss: User, client: Client) -> None:
    for address, is_open in (
        (reverse("admin:index"), False),
        (page(Run, "changelist"), False),
        (page(Event, "changelist"), True),
    ):
        text = menu(client, address)
        assert ("<details open>" in text) == is_open, address
        assert "Plan revisions" in text


def test_the_page_that_is_shown_is_marked(boss: User, client: Client) -> None:
    marked = re.compile(r'<a href="([^"]+)" aria-current="page">')
    for address in (reverse("admin:index"), page(Run, "changelist"), reverse("admin:settings")):
        assert marked.findall(menu(client, address)) == [address]


def test_models_of_other_packages_are_groups_of_their_own(boss: User) -> None:
    class Meta:
        label_lower = "shop.order"

    order = {"model": type("Order", (), {"_meta": Meta}), "name": "Orders", "admin_url": "/orders/"}
    app = {"name": "Shop", "app_label": "shop", "models": [order]}
    job = {**order, "model": type("Job", (), {"_meta": type("M", (), {"label_lower": "p.job"})})}
    queue = {"name": "Queue", "app_label": "procrastinate", "models": [job]}
    groups = admin_menu.grouped([app, queue], "/admin/")
    assert [(group["name"], group["models"]) for group in groups] == [
        ("Shop", [order]),
        ("Stored details", [job]),
    ]


def test_staff_see_what_they_may_view(bob: User, client: Client) -> None:
    allow(client, bob, "view_task")
    text = menu(client, reverse("admin:index"))
    assert re.findall(r"<h2>(.*?)</h2>", text) == ["Projects"]
    assert "Runs" not in text


def test_the_page_of_an_application_leads_to_the_first_page(boss: User, client: Client) -> None:
    response = client.get(reverse("admin:app_list", args=["agent"]))
    assert response.headers["Location"] == reverse("admin:index")
