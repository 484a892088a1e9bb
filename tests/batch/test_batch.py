"""`manage.py run_batch`: what it reads, what it does with plans and failures, what it tells."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from agent.models import ChatSession, Project
from tests.support.batch import Command, by_id, change, results
from tests.support.distributed import Model
from tests.support.model_server import said

# -- what it reads ---------------------------------------------------------------------------------


def test_each_line_of_a_text_is_a_message_and_what_came_of_it_a_line_of_json(
    command: Command,
) -> None:
    file = command.file("wishes.txt", "Create a task to sweep\n\nWhat is open?\r\n")
    done = command.run(file, "--session", "one")
    assert done.returncode == 0
    first, second = results(done.stdout)
    assert (first["id"], first["message"]) == ("1", "Create a task to sweep")
    assert (first["status"], first["ok"], first["error"]) == ("succeeded", True, None)
    assert first["plan"]["steps"][0]["tool"] == "create_task"
    assert first["changes"][0]["after"]["title"] == "Sweep"
    assert set(first["durations"]) >= {"analyzing", "execution"}
    assert first["duration_ms"] > 0
    assert set(first["usage"]) == {"input_tokens", "output_tokens", "calls"}
    assert second["id"] == "3"
    assert "Sweep" in second["response"]
    assert second["session"] == first["session"]
    assert command.titles() == ["Sweep"]


def test_a_line_that_cannot_be_read_is_told_by_its_number_and_the_rest_goes_on(
    command: Command,
) -> None:
    lines = [
        '{"id": "a", "message": "Create a task to sweep"}',
        '{"id": "b", "message": "Create a task to',
        '["Create a task to weep"]',
        '{"id": "c", "message": ""}',
        '{"id": "d"}',
        '{"id": true, "message": "Create a task to weep"}',
        '{"id": "e", "message": "Create a task to weep", "session": "mine"}',
        '{"id": "a", "message": "Create a task to weep"}',
        '{"id": "f", "message": "Create a task to weep \\ud800"}',
        "[" * 100_000,
        '{"id": "g", "message": "Create a task to \xe9"}'.encode("latin-1"),
        '{"id": 7, "message": "Create a task to mop", "more": "is ignored"}',
    ]
    raw = b"\n".join(x if isinstance(x, bytes) else x.encode() for x in lines)
    done = command.run(command.file("wishes.jsonl", raw))
    assert done.returncode == 1
    told = [line.split(" ")[1] for line in done.stderr.splitlines() if line.startswith("Line ")]
    assert told == ["2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]
    assert set(by_id(done.stdout)) == {"a", 7}
    assert command.titles() == ["Mop", "Sweep"]


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_csv_with_a_header_has_messages_of_several_lines(command: Command, sign: str) -> None:
    rows = [
        sign.join(["\ufeffid", "Message", "note"]),
        sign.join(["x", '"Create a task to sweep\r\nthe yard"', "seen"]),
        sign.join(["", "", ""]),
        sign.join(["y", '"Create a task "to"" weep"', ""]),
        sign.join(["z", "Create a task to mop", "one", "too many"]),
        sign.join(["w", "Create a task to dust"]),
    ]
    done = command.run(command.file("wishes.csv", "\r\n".join(rows)))
    assert done.returncode == 1
    assert set(by_id(done.stdout)) == {"x", "w"}
    assert by_id(done.stdout)["x"]["message"] == "Create a task to sweep\nthe yard"
    assert [line[:7] for line in done.stderr.splitlines() if "skipped:" in line] == [
        "Line 5 ",
        "Line 6 ",
    ]


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ('{"id": "j", "message": "What is open?"}\n', {"j"}),
        ("message,id\nWhat is open?,c\n", {"c"}),
        ("What is open?\n", {"1"}),
        ("", set()),
    ],
)
def test_the_standard_input_shows_its_format(command: Command, given: str, ids: set[str]) -> None:
    done = command.run("-", given=given)
    assert done.returncode == 0
    assert set(by_id(done.stdout)) == ids


def test_what_a_pipe_has_said_is_carried_out_before_it_says_more(command: Command) -> None:
    here, there = socket.socketpair()
    with here, there, command.started("-", stdin=there, stdout=-1, stderr=-1) as process:
        there.close()
        assert process.stdout is not None
        here.sendall(b"What is open?\nAnd what")
        assert json.loads(process.stdout.readline())["message"] == "What is open?"
        here.sendall(b" is done?")
        here.close()
        assert json.loads(process.stdout.readline())["message"] == "And what is done?"
        assert process.wait(30) == 0


def test_an_input_goes_on_with_the_session_that_it_names_but_not_in_another_project(
    command: Command,
) -> None:
    lines = [
        {"id": 1, "message": "Create a task to sweep", "session": command.place.session},
        {"id": 2, "message": "Create a task to mop", "session": command.place.session},
        {"id": 3, "message": "Create a task to dust", "session": str(uuid.uuid4())},
    ]
    done = command.run("-", given="\n".join(map(json.dumps, lines)))
    assert done.returncode == 1
    told = by_id(done.stdout)
    assert [told[id]["session"] for id in (1, 2)] == [command.place.session] * 2
    assert (told[3]["status"], told[3]["code"], told[3]["run"]) == ("failed", "not_found", None)
    # Asked for at once, they are carried out in their order.
    query = "SELECT m.content FROM agent_run r JOIN agent_message m ON m.id = r.message_id"
    asked = command.place.rows(query + " ORDER BY r.number")
    assert asked == [("Create a task to sweep",), ("Create a task to mop",)]


# -- wrong use -------------------------------------------------------------------------------------


def test_wrong_use_ends_with_2_says_why_and_starts_nothing(command: Command) -> None:
    good = command.file("good.txt", "What is open?\n")
    foreign = command.file("foreign.jsonl", '{"id": "a", "message": "What is open?"}\n')
    before = Path(foreign).read_bytes()
    for arguments, said_so in (
        ((good, "--project", "Nothing like it"), "There is no project"),
        ((good, "--output", foreign), "line 1, is not a result"),
        ((good, "--quiet", "--json-events"), "not allowed with"),
    ):
        done = command.run(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert said_so in done.stderr, arguments
    assert command.statuses() == []
    assert Path(foreign).read_bytes() == before


def test_what_is_wrong_is_said_before_anything_is_started(project: Project, tmp_path: Path) -> None:
    good, columns = tmp_path / "good.txt", tmp_path / "no.csv"
    good.write_text("What is open?\n")
    columns.write_text("id,text\n1,Hi\n")
    for arguments, said_so in (
        ([good, "--project", uuid.uuid4()], "There is no project"),
        ([tmp_path / "none", "--project", project.pk], "Cannot read the input"),
        ([tmp_path, "--project", project.pk], "is a directory"),
        ([columns, "--project", project.pk], "no column “message”"),
        (
            [good, "--project", project.pk, "--output", tmp_path / "no" / "out"],
            "Cannot write the output",
        ),
        ([good, "--project", project.pk, "--concurrency", 0], "must be at least 1"),
        ([good, "--project", project.pk, "--timeout", "nan"], "greater than 0"),
    ):
        with pytest.raises(CommandError, match=said_so):
            call_command("run_batch", *map(str, arguments))
    assert not ChatSession.objects.exists()


def test_a_project_is_named_by_its_name_unless_several_have_it(command: Command) -> None:
    file = command.file("wishes.txt", "What is open?\n")
    assert command.run(file, "--project", "Clinic booking").returncode == 0
    again = uuid.uuid4()
    copy = (
        "INSERT INTO agent_project"
        " (id, name, description, owner_id, board_version, last_task_number, created_at) "
        f"SELECT '{again.hex}', name, description, owner_id, 0, 0, created_at FROM agent_project"
    )
    change(command.place, copy)
    done = command.run(file, "--project", "Clinic booking")
    assert done.returncode == 2
    assert str(again) in done.stderr
    assert command.run(file, "--project", str(again)).returncode == 0


# -- plans -----------------------------------------------------------------------------------------

DELETE = "Create a task to sweep\nCreate a task to mop\nDelete the tasks Sweep and Mop\n"


@pytest.mark.parametrize(
    ("approve", "code", "status", "left"),
    [("never", 1, "cancelled", ["Mop", "Sweep"]), ("always", 0, "succeeded", [])],
)
def test_a_plan_that_needs_approval_is_approved_or_its_run_is_cancelled(
    command: Command, approve: str, code: int, status: str, left: list[str]
) -> None:
    done = command.run("-", "--session", "one", "--approve", approve, given=DELETE)
    assert done.returncode == code
    last = by_id(done.stdout)["3"]
    assert last["status"] == status
    assert command.titles_there() == left
    assert ("Approval is needed" in (last["error"] or "")) is (approve == "never")


def test_a_dry_run_plans_and_changes_nothing(modelled: Command, model: Model) -> None:
    def remembering(request: Any) -> Any:
        note = {"title": "Broom", "content": "Use a broom", "kind": "fact", "category": ""}
        if request.asked == "memory":
            return said({"notes": [{**note, "memory_id": None}]})
        return Model.handle(model, request)

    model.handle = remembering  # type: ignore[method-assign]
    out = modelled.folder / "out.jsonl"
    file = modelled.file("wishes.txt", "Sweep\nMop\n")
    done = modelled.run(file, "--dry-run", "--output", str(out))
    assert done.returncode == 0
    for result in results(out):
        assert (result["status"], result["ok"], result["dry_run"]) == ("cancelled", True, True)
        assert [step["tool"] for step in result["plan"]["steps"]] == ["create_task"] * 2
        assert result["changes"] == []
        foreseen = [change["after"]["title"] for e in result["effects"] for change in e["changes"]]
        assert foreseen == [f"{result['message']}, {step}" for step in "ab"]
    for table in ("task", "memory"):
        assert modelled.place.rows(f"SELECT * FROM agent_{table}") == []
    assert modelled.statuses() == ["cancelled"] * 2
    # What is planned is not done: a real batch has to have a file of its own.
    assert modelled.run(file, "--output", str(out)).returncode == 2


# -- what does not go well -------------------------------------------------------------------------


def test_after_a_failure_fail_fast_begins_nothing_more(command: Command) -> None:
    out = command.folder / "out.jsonl"
    how = ("--session", "one", "--fail-fast", "--output", str(out))
    given = DELETE + "Create a task to dust\n"
    assert command.run("-", *how, given=given).returncode == 1
    assert [result["id"] for result in results(out)] == ["1", "2", "3"]
    assert command.titles() == ["Mop", "Sweep"]
    # Another start goes on behind it.
    assert command.run("-", *how, given=given).returncode == 1
    assert command.titles() == ["Dust", "Mop", "Sweep"]


def test_what_takes_too_long_is_cancelled_and_the_rest_goes_on(
    modelled: Command, model: Model
) -> None:
    model.gate("analysis", "Slow")
    done = modelled.run("-", "--timeout", "10", given="Slow\nQuick\n")
    assert done.returncode == 1
    told = by_id(done.stdout)
    assert (told["1"]["status"], told["1"]["error"]) == (
        "cancelled",
        "The run took longer than 10 s.",
    )
    assert told["2"]["status"] == "succeeded"
    assert sorted(modelled.statuses()) == ["cancelled", "succeeded"]


def test_a_failed_run_is_told_with_its_error_and_code(make_command: Callable[..., Command]) -> None:
    # Nobody listens on this port.
    command = make_command(OPENAI_API_KEY="key", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    done = command.run("-", given="Sweep\n")
    assert done.returncode == 1
    (result,) = results(done.stdout)
    assert (result["status"], result["ok"]) == ("failed", False)
    assert result["code"] == "model_unavailable"
    assert result["error"] in done.stderr


def test_the_limit_of_messages_a_minute_is_not_the_operators(
    make_command: Callable[..., Command],
) -> None:
    command = make_command(SAMURAI_USER_RUNS_PER_MINUTE="1")
    done = command.run("-", given="What is open?\n" * 30)
    assert done.returncode == 0
    assert len(results(done.stdout)) == 30


# -- what it tells ---------------------------------------------------------------------------------


def test_without_a_terminal_each_end_is_a_line_and_the_last_one_sums_up(command: Command) -> None:
    done = command.run(
        command.file("wishes.txt", "Create a task to sweep\nDelete everything\x1b[2J\n")
    )
    lines = done.stderr.splitlines()
    assert lines[0].startswith("[1/2] ")
    assert lines[1].startswith("[2/2] ")
    assert lines[-1].startswith("Finished after ")
    assert "succeeded" in lines[-1]
    assert "\x1b" not in done.stderr


def test_quiet_says_nothing_when_all_goes_well(command: Command) -> None:
    done = command.run("-", "--quiet", given="What is open?\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(results(done.stdout)) == 1


def test_every_event_is_told_as_json_once_and_in_order(command: Command) -> None:
    given = '{"id": "a", "message": "Create a task to sweep"}\nnonsense\n'
    given += '{"id": "b", "message": "What is open?"}\n'
    done = command.run("-", "--json-events", given=given)
    lines = results(done.stderr)
    assert {"unread", "summary"} == {key for line in lines for key in line} - {"id", "event"}
    for id, result in by_id(done.stdout).items():
        told = [line["event"] for line in lines if line.get("id") == id]
        session = uuid.UUID(result["session"]).hex
        log = command.place.rows(
            f"SELECT body FROM agent_event WHERE session_id = '{session}' ORDER BY seq"
        )
        assert told == [json.loads(body) for (body,) in log]


def test_a_reader_that_leaves_ends_it_without_a_fuss(command: Command) -> None:
    here, there = socket.socketpair()
    file = command.file("wishes.txt", "What is open?\n" * 50)
    with here, there, command.started(file, stdout=there, stderr=-1) as process:
        there.close()
        here.recv(10)
        here.close()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"Traceback" not in err
