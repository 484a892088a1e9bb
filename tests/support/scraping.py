"""Reads `/metrics` as Prometheus does."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from tests.support.server import ServerProcess

TOKEN = "a-token-of-the-tests"
SETTINGS = {"SAMURAI_METRICS_TOKEN": TOKEN}

# A sample: its name and its labels, each as name and value, in order.
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def respond(
    server: ServerProcess, headers: dict[str, str], method: str = "GET", path: str = "/metrics"
) -> tuple[int, str]:
    """Returns the status and the body of a response."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def text(server: ServerProcess) -> str:
    status, body = respond(server, {"Authorization": f"Bearer {TOKEN}"})
    assert status == 200, body
    return body


def scrape(server: ServerProcess) -> Samples:
    families = text_string_to_metric_families(text(server))
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in families
        for one in family.samples
    }


def added(machines: Iterable[Samples]) -> Samples:
    total: Samples = {}
    for samples in machines:
        for key, value in samples.items():
            total[key] = total.get(key, 0) + value
    return total


def by(samples: Samples, name: str, label: str) -> dict[str, float]:
    """Returns what is not 0, added up by the values of a label."""
    found: dict[str, float] = {}
    for (sample, labels), value in samples.items():
        if sample == name and value:
            key = dict(labels)[label]
            found[key] = found.get(key, 0) + value
    return found


def total(samples: Samples, name: str) -> float:
    return sum(value for (sample, _), value in samples.items() if sample == name)


def metrics_in(expression: str) -> set[str]:
    """Returns the names of our metrics in a text, without what Prometheus adds to those of histograms."""
    names = re.findall(r"\bsamurai_[a-z_]+", expression)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
