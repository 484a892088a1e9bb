"""The pages with the analytics: who sees what, what they say, and the CSV file."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from agent.analytics import report
from agent.models import ChatSession, Feedback, Membership, Project, Run
from tests.support.past_runs import make_run, make_steps

pytestmark = pytest.mark.django_db

ALL = "/analytics/"
ADDRESSES = (
    "/projects/{}/analytics/",
    "/projects/{}/analytics/csv/",
    "/api/projects/{}/analytics/",
)
OF_ALL = (ALL, "/analytics/csv/", "/api/analytics/")


@pytest.fixture
def run(session: ChatSession, alice: User) -> Run:
    """A run of twelve seconds, a minute ago, which failed."""
    at = timezone.now() - timedelta(minutes=1)
    run = make_run(
        session,
        at,
        took=12_000,
        phases={"planning": 8000, "execution": 2000},
        band=(5000, 9000),
        created_by=alice,
        silence_ms=7000,
        updates=31,
        usage={"calls": 2, "input_tokens": 1200, "output_tokens": 300},
    )
    make_steps(run, ("create_task", 900, "succeeded"))
    make_run(session, at, status="failed", error_code="model_timeout", created_by=alice)
    Feedback.objects.create(run=run, user=alice, target="answer", value=1)
    return run


def staff(name: str, *, may_view: bool) -> User:
    user = User.objects.create_user(name, is_staff=True)
    if may_view:
        user.user_permissions.add(Permission.objects.get(codename="view_run"))
    return user


def statuses(client: Client, user: User, addresses: tuple[str, ...], project: Project) -> set[int]:
    client.force_login(user)
    return {client.get(address.format(project.pk)).status_code for address in addresses}


def test_a_project_s_analytics_are_for_its_owner(
    client: Client, project: Project, alice: User, bob: User
) -> None:
    assert statuses(client, alice, ADDRESSES, project) == {200}
    assert statuses(client, bob, ADDRESSES, project) == {404}
    Membership.objects.create(project=project, user=bob, role="editor")
    assert statuses(client, bob, ADDRESSES, project) == {403}


def test_those_of_all_projects_are_for_the_staff_who_may_view_runs(
    client: Client, project: Project, alice: User
) -> None:
    assert statuses(client, alice, OF_ALL, project) == {403}
    assert statuses(client, staff("pat", may_view=False), OF_ALL, project) == {403}
    may_view = staff("kim", may_view=True)
    assert statuses(client, may_view, OF_ALL + ADDRESSES, project) == {200}
    may_view.is_active = False
    may_view.save()
    assert statuses(client, may_view, (ALL,), project) == {302}


def test_who_is_signed_out_signs_in_first(client: Client, project: Project) -> None:
    for address in (ALL, ADDRESSES[0].format(project.pk)):
        assert "/accounts/sign-in/" in client.get(address).headers["Location"]


def page(client: Client, user: User, address: str) -> str:
    client.force_login(user)
    return client.get(address).content.decode()


def test_the_page_says_where_the_time_went_and_leads_to_the_runs(
    client: Client, run: Run, alice: User
) -> None:
    text = page(client, alice, f"/projects/{run.session.project_id}/analytics/")
    for said in (
        *("Making a plan", "8.0 s", "create_task", "900 ms", "model_timeout", "unknown"),
        *("100 % of 1", "Longest silence of a run", "7.0 s", "100 % helpful, of 1 rating"),
        f'href="/runs/{run.pk}/"',
    ):
        assert said in text, said


def test_a_few_failures_are_not_none(
    client: Client, run: Run, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(run.session, run.created_at, took=1000, created_by=alice)
    text = page(client, alice, f"/projects/{run.session.project_id}/analytics/")
    assert "<dt>Failed</dt><dd>33.3 %" in text
    monkeypatch.setattr(report, "percent", lambda part, whole: 0.0)  # of thousands
    text = page(client, alice, f"/projects/{run.session.project_id}/analytics/")
    assert "<dt>Failed</dt><dd>under 0.1 %" in text


def test_a_run_that_one_may_not_open_leads_to_the_admin(client: Client, run: Run) -> None:
    text = page(client, staff("kim", may_view=True), ALL)
    assert f'href="/admin/agent/run/{run.pk}/change/"' in text
    assert f'href="/runs/{run.pk}/"' not in text
    assert "Clinic booking" in text


def test_a_period_without_runs_says_so(client: Client, project: Project, alice: User) -> None:
    text = page(
        client, alice, f"/projects/{project.pk}/analytics/?first=2026-01-01&last=2026-01-07"
    )
    assert "No messages were sent in this period" in text
    assert "Where the time goes" not in text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("first=2026-02-30", "Give the days as"),
        ("first=2026-03-02&last=2026-03-01", "after the last one"),
        ("first=2020-01-01&last=2026-03-01", "at most 366 days"),
        ("days=0", "Give the days as"),
        ("first=0001-01-01&last=0001-01-02", "between 2000 and 2099"),
    ],
)
def test_a_period_that_cannot_be_is_refused_in_words(
    client: Client, project: Project, alice: User, query: str, said: str
) -> None:
    client.force_login(alice)
    shown = client.get(f"/projects/{project.pk}/analytics/?{query}")
    assert shown.status_code == 400
    assert said in shown.content.decode()
    table = client.get(f"/projects/{project.pk}/analytics/csv/?{query}")
    assert (table.status_code, said in table.content.decode()) == (400, True)


def test_the_days_are_those_of_the_browser_s_time_zone(
    client: Client, project: Project, alice: User
) -> None:
    address = f"/projects/{project.pk}/analytics/"
    client.cookies["samurai_zone"] = "Asia/Tokyo"
    assert "Asia/Tokyo" in page(client, alice, address)
    client.cookies["samurai_zone"] = "<script>"
    assert "The days are those of UTC" in page(client, alice, address)


def test_names_are_escaped(client: Client, run: Run, alice: User) -> None:
    ChatSession.objects.update(title="<script>alert(1)</script>")
    Run.objects.update(model="<script>alert(2)</script>", error_code="<script>")
    text = page(client, alice, f"/projects/{run.session.project_id}/analytics/")
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;alert(2)") > 2


def test_the_file_has_the_same_figures_and_nothing_that_a_spreadsheet_calculates(
    client: Client, run: Run, alice: User
) -> None:
    ChatSession.objects.update(title="=1+1")
    client.force_login(alice)
    response = client.get(f"/projects/{run.session.project_id}/analytics/csv/")
    assert response.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in response.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(response.content.decode())))
    assert rows[0] == ["table", "row", "figure", "value"]
    assert ["phases", "planning", "p50_ms", "8000"] in rows
    assert ["failures", "model_timeout", "number", "1"] in rows
    assert ["slowest", "1", "title", "'=1+1"] in rows
    assert ["total", "", "cost", ""] in rows


def test_the_api_has_the_same_figures(client: Client, run: Run, alice: User) -> None:
    client.force_login(alice)
    address = f"/api/projects/{run.session.project_id}/analytics/"
    found = client.get(address, {"zone": "Europe/Berlin"}).json()
    assert found["zone"] == "Europe/Berlin"
    assert found["project"] == str(run.session.project_id)
    assert found["runs"]["number"] == 2
    assert [(one["name"], one["p50_ms"]) for one in found["phases"]] == [
        ("planning", 8000),
        ("execution", 2000),
    ]
    assert found["slowest"][0]["run"] == str(run.pk)
    assert (found["total"]["cost"], found["total"]["is_whole"]) == (None, False)
    for query in (
        {"zone": "Nowhere"},
        {"first": "x"},
        {"first": "2026-03-02", "last": "2026-03-01"},
    ):
        refused = client.get(address, query)
        assert refused.status_code == 400, refused.content


def test_a_person_says_on_the_page_of_a_run_whether_its_progress_was_helpful(
    client: Client, run: Run, alice: User, bob: User
) -> None:
    client.force_login(alice)
    address = f"/runs/{run.pk}/progress-opinion/"
    assert client.post(address, {"value": "-1"}).status_code == 302
    assert client.post(address, {"value": "1"}).status_code == 302
    given = Feedback.objects.get(target="progress")
    assert (given.user, given.value, given.run) == (alice, 1, run)
    text = client.get(f"/runs/{run.pk}/").content.decode()
    assert 'value="1" aria-pressed="true"' in text
    assert 'value="-1" aria-pressed="false"' in text
    assert client.post(address, {"value": "7"}).status_code == 400
    client.force_login(bob)
    assert client.post(address, {"value": "1"}).status_code == 404


def test_the_analytics_are_linked_where_they_are_looked_for(
    client: Client, project: Project, alice: User, bob: User
) -> None:
    link = f'href="/projects/{project.pk}/analytics/"'
    assert link in page(client, alice, f"/projects/{project.pk}/")
    Membership.objects.create(project=project, user=bob, role="viewer")
    assert link not in page(client, bob, f"/projects/{project.pk}/")
    assert f'href="{ALL}"' in page(client, staff("kim", may_view=True), "/admin/")


def test_the_page_asks_the_database_a_bounded_number_of_times(
    client: Client, run: Run, alice: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        make_run(run.session, timezone.now(), phases={"planning": 1}, model=f"m{number}")
    client.force_login(alice)
    with django_assert_max_num_queries(24):
        client.get(f"/projects/{run.session.project_id}/analytics/")
