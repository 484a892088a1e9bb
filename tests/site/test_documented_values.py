"""The documents tell every code, limit, setting and command of the code, and no other."""

from __future__ import annotations

import re

from agent import exceptions
from agent.plan import MAX_STEPS
from agent.plans import composition
from agent.runs import approvals, runs, steering
from chat import consumers, feed, flow_control, frames, panels, snapshot, strict_json, viewer
from tests.support.documents import (
    DOCS,
    agent_errors,
    close_codes,
    code_spans,
    commands,
    first_cells,
    makefile_reads,
    refusals,
    rows,
    section,
    settings_read,
    targets,
)
from tests.support.server import ROOT

README, PROTOCOL = DOCS["README.md"], DOCS["docs/protocol.md"]
SETTINGS = DOCS["docs/settings.md"]


# -- codes and limits ------------------------------------------------------------------------------


def test_every_refusal_code_is_told() -> None:
    assert set(first_cells(section(PROTOCOL, "Refusal codes", 3))) == refusals()


def test_every_error_code_is_told_with_whether_to_try_again() -> None:
    told = {row[0].strip("`"): row[1] == "yes" for row in rows(section(PROTOCOL, "Error codes", 3))}
    assert told == {error.code: error.retryable for error in agent_errors()}


def test_every_code_of_the_model_is_told_with_the_models() -> None:
    text = section(DOCS["docs/models.md"], "Errors")
    told = {row[0].strip("`"): row[1] == "yes" for row in rows(text)}
    errors = {error for error in agent_errors() if issubclass(error, exceptions.ModelError)}
    assert told == {error.code: error.retryable for error in errors}


def test_every_close_code_is_told() -> None:
    told = {int(cell) for cell in first_cells(section(PROTOCOL, "Close codes", 3))}
    makefile = (ROOT / "Makefile").read_text()
    assert told - {1009, 1012} == close_codes()
    assert "--ws-max-size 1048576" in makefile  # 1009 is the server program's to say


def test_the_limits_are_those_of_the_code() -> None:
    told = [row[1].split(" ")[0].strip(",") for row in rows(section(PROTOCOL, "Limits"))]
    limits = [
        runs.MAX_CONTENT,
        frames.MAX_REASON,
        approvals.MAX_COMMENT,
        steering.MAX_CONTENT,
        steering.MAX_OPEN,
        runs.MAX_QUEUE,
        settings_read()["SAMURAI_USER_RUNS_PER_MINUTE"],
        MAX_STEPS,
        composition.MAX_COMPOSITIONS,
        composition.MAX_INPUTS,
        composition.MAX_TEXT,
        consumers.BURST,
        round(consumers.RATE),
        frames.MAX_BYTES,
        frames.MAX_LONG_BYTES,
        consumers.BURST_BYTES,
        round(consumers.RATE_BYTES),
        strict_json.MAX_VALUES,
        consumers.BURST_REFUSALS,
        round(consumers.RATE_REFUSALS),
        flow_control.MAX_EVENTS,
        flow_control.MAX_BYTES,
        round(flow_control.PATIENCE),
        feed.MAX_CONNECTIONS,
        15,
        snapshot.MESSAGES,
        panels.TASKS,
        panels.MEMORIES,
    ]
    assert told == [f"{limit:,}" for limit in limits]
    assert viewer.HEARTBEAT < 15


# -- settings and commands -------------------------------------------------------------------------


def test_every_setting_is_in_the_settings_page_once_with_its_default() -> None:
    assert len(first_cells(SETTINGS)) == len(rows(SETTINGS))
    told = {row[0].strip("`"): row[1].strip("`") for row in rows(SETTINGS)}
    read = settings_read()
    assert set(told) == {*read, *makefile_reads()}
    for name, default in {**read, **makefile_reads()}.items():
        if default not in (None, ""):
            assert told[name] == str(default).lower() or told[name] == str(default), name


def test_every_setting_is_in_the_example_file_and_no_other() -> None:
    example = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M)
    assert len(example) == len(set(example))
    assert set(example) == {*settings_read(), *makefile_reads()}


def test_every_command_is_told_and_every_told_one_is_there() -> None:
    text = "\n".join(DOCS.values())
    told = set(re.findall(r"manage\.py ([a-z_]+)", text))
    assert commands() <= told
    assert told <= {
        *commands(),
        "changepassword",
        "createsuperuser",
        "makemigrations",
        "migrate",
        "procrastinate",
        "check",
    }


def test_every_make_target_is_told_and_every_told_one_is_there() -> None:
    listed = re.findall(r"^make (\w+)", section(DOCS["CONTRIBUTING.md"], "Set up"), re.M)
    assert sorted(listed) == sorted(targets())
    spans = [span for text in DOCS.values() for span in code_spans(text)]
    told = {found[1] for span in spans if (found := re.match(r"make (?:\S+=\S+ )*([a-z]+)", span))}
    assert told <= targets()


def test_the_readme_is_short_and_starts_the_product_and_the_tests_with_one_command_each() -> None:
    assert len(README.split()) <= 900
    commands = [block.strip() for block in re.findall(r"^```\n(.*?)^```$", README, re.M | re.S)]
    assert {"make run", "make test"} <= set(commands)


def test_the_readme_leads_to_every_other_document() -> None:
    linked = set(re.findall(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)", README))
    assert linked == set(DOCS) - {"README.md"}
