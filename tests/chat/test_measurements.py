"""What the server takes of the reports that pages send about themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from prometheus_client import values
from pytest_django import Settings

from agent.support import metric_files, metrics
from chat import measurements

pytestmark = pytest.mark.django_db

ADDRESS = "/measurements/"
REPORT = {"paints": [4.1, 16], "tasks": [70.5], "silence": 2100, "sse": 1, "polling": 0}


@pytest.fixture
def measured(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.VAR_DIR = tmp_path
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setattr(measurements, "_reports", measurements._Reports())
    folder = metric_files.folder()
    metrics.start(folder, metric_files.Process(folder))
    yield
    metrics.stop()


@pytest.fixture
def page(client: Client, alice: User, measured: None) -> Client:
    client.force_login(alice)
    return client


def send(client: Client, report: Any) -> int:
    body = report if isinstance(report, str | bytes) else json.dumps(report)
    return client.post(ADDRESS, body, content_type="application/json").status_code


def numbers() -> dict[str, float]:
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for metric in metric_files.collect()
        for sample in metric.samples
        if not sample.name.endswith("_bucket") and sample.name.startswith("samurai_page")
    }


def test_a_report_is_counted(page: Client) -> None:
    assert send(page, REPORT) == 204
    assert send(page, {"silence": None}) == 204
    found = numbers()
    assert found["samurai_page_reports_total"] == 2
    assert found["samurai_page_paint_delay_seconds_count"] == 2
    assert found["samurai_page_paint_delay_seconds_sum"] == pytest.approx(0.0201)
    assert found["samurai_page_long_task_seconds_sum"] == pytest.approx(0.0705)
    assert found["samurai_page_silence_seconds_sum"] == pytest.approx(2.1)
    assert found["samurai_page_silence_seconds_count"] == 1
    assert found["samurai_page_fallbacks_totalsse"] == 1


@pytest.mark.parametrize(
    "report",
    [
        "",
        "[]",
        "null",
        "{",
        b"\xff",
        '{"silence": NaN}',
        '{"silence": 1e999}',
        '{"paints": ' + "[" * 900,
        {"paints": [-1]},
        {"paints": [600_001]},
        {"paints": ["1"]},
        {"paints": [True]},
        {"paints": [1] * 21},
        {"tasks": 3},
        {"sse": 1.5},
        {"sse": 1_001},
        {"text": "what the page shows"},
        {"paints": [1.123456789012345678] * 20, "tasks": [1] * 20, "pad": "x" * 3_000},
    ],
)
def test_what_is_no_report_is_refused_and_counts_nothing(page: Client, report: Any) -> None:
    assert send(page, report) == 400
    assert numbers() == {}


def test_a_user_cannot_flood_the_server(page: Client, bob: User) -> None:
    assert [send(page, REPORT) for _ in range(8)] == [204] * 5 + [429] * 3
    assert numbers()["samurai_page_reports_total"] == 5
    page.force_login(bob)
    assert send(page, REPORT) == 204


def test_many_users_cannot_flood_the_server() -> None:
    reports = measurements._Reports()
    taken = sum(reports.take(user) for user in range(3 * measurements.MAX_USERS))
    assert measurements.BURST_OF_ALL <= taken < 2 * measurements.BURST_OF_ALL
    assert len(reports._of_user) == measurements.MAX_USERS


def test_who_is_not_signed_in_and_other_methods_find_nothing(page: Client) -> None:
    assert page.get(ADDRESS).status_code == 404
    page.logout()
    assert send(page, REPORT) == 404
    assert numbers() == {}


@pytest.mark.usefixtures("measured")
def test_a_form_of_another_site_reports_nothing(alice: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert send(strict, REPORT) == 403


@pytest.mark.parametrize(("percent", "most", "least"), [(0, 0, 0), (100, 50, 50), (50, 45, 5)])
@pytest.mark.usefixtures("measured")
def test_a_part_of_the_pages_measures(
    settings: Settings, percent: int, most: int, least: int
) -> None:
    settings.SAMURAI_METRICS_PAGES = percent
    assert least <= sum(measurements.is_wanted() for _ in range(50)) <= most


def test_without_a_token_no_page_measures_and_none_may_report(
    client: Client, alice: User, settings: Settings
) -> None:
    settings.SAMURAI_METRICS_PAGES = 100
    client.force_login(alice)
    assert not measurements.is_wanted()
    assert send(client, REPORT) == 404
