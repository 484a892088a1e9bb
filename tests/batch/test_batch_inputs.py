"""Every line of a batch's file is an input or is named with the reason, in any encoding and format."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from agent.batch import inputs
from agent.batch.items import Item, Notice, Unread
from agent.batch.lines import Lines, Unreadable
from agent.models import ChatSession, Project
from tests.support.batch import Command, by_id

Read = list[Item | Unread | Notice]


def read(folder: Path, name: str, content: str | bytes, encoding: str = "") -> Read:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    file = os.open(path, os.O_RDONLY)
    try:
        lines = Lines(file, threading.Event(), encoding, guess=inputs.may_guess(name))
        return list(inputs.read(name, lines))
    finally:
        os.close(file)


def told(read: Read) -> list[tuple[int, str | None]]:
    """Returns the number and the message of each line; None for a line that is named with a reason."""
    return [
        (one.line, one.message if isinstance(one, Item) else None)
        for one in read
        if not isinstance(one, Notice)
    ]


def notices(read: Read) -> list[str]:
    return [one.text for one in read if isinstance(one, Notice)]


def reasons(read: Read) -> dict[int, str]:
    return {one.line: one.reason for one in read if isinstance(one, Unread)}


# -- quotes of a CSV -------------------------------------------------------------------------------

HEAD = "id,message\n"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ('1,a\n2,"open\n3,b\n4,"c"\n5,d\n', [(2, "a"), (3, None), (4, "b"), (5, "c"), (6, "d")]),
        # No other quote, to the end of the file.
        ('1,a\n2,"open\n3,b\n4,c', [(2, "a"), (3, None), (4, "b"), (5, "c")]),
        # Two of them.
        ('1,"a\n2,"b\n3,c\n4,"d\n5,e\n', [(2, None), (3, None), (4, "c"), (5, None), (6, "e")]),
        # A quote in the middle of a cell that began without one is a sign like others.
        ('1,Say "hi" twice\n2,A 5" pipe\n', [(2, 'Say "hi" twice'), (3, 'A 5" pipe')]),
        ('1,"Say "hi" twice"\n2,b\n', [(2, None), (3, "b")]),
        # A message of several lines whose quotes are wrong: its rest is no message.
        (
            '1,"Sweep\nthe "big" yard\nnow, please"\n2,b\n',
            [(2, None), (3, None), (4, None), (5, "b")],
        ),
        ('1,"Sweep\nthe yard"\n\n2,b\n', [(2, "Sweep\nthe yard"), (5, "b")]),
        ('1,"a ""b"""\n2,\n3,c,d\n,\n', [(2, 'a "b"'), (3, None), (4, None)]),
    ],
)
def test_a_quote_that_is_not_closed_is_named_and_takes_no_other_row_with_it(
    tmp_path: Path, rows: str, expected: list[tuple[int, str | None]]
) -> None:
    assert told(read(tmp_path, "wishes.csv", HEAD + rows)) == expected


def test_a_message_that_swallows_more_than_a_message_may_have_gives_the_rows_back(
    tmp_path: Path,
) -> None:
    rows = [f"{number},{'x' * 1000}" for number in range(2, 300)]
    content = HEAD + "\n".join(['1,"open', *rows, '300,"c"'])
    lines = told(read(tmp_path, "wishes.csv", content))
    assert lines[0] == (2, None)
    assert [line for line, _ in lines] == list(range(2, 302))
    assert [message for _, message in lines].count(None) == 1


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "sep=;\r\nid;message\r\n1;a, b\r\n", [(3, "a, b")]),
        ("a.csv", "\ufeffsep=,\nmessage\nb\n", [(3, "b")]),
        ("-", '"SEP=|"\n\nid|message\n1|a; b\n', [(4, "a; b")]),
        ("-", "sep=\t\nid\tmessage\n1\ta\n", [(3, "a")]),
        ("a.csv", "id\tmessage\n1\ta, b\n", [(2, "a, b")]),
        ("a.txt", "sep=;\n", [(1, "sep=;")]),
    ],
)
def test_the_delimiter_that_excel_names_is_taken(
    tmp_path: Path, name: str, content: str, expected: list[tuple[int, str | None]]
) -> None:
    assert told(read(tmp_path, name, content)) == expected


# -- encodings and ends of lines -------------------------------------------------------------------

WISHES = "id,message\n1,Küche 予約\n2,上\n"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-8"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_unicode_is_read_with_and_without_a_mark_and_with_any_end_of_line(
    tmp_path: Path, mark: str, codec: str, end: str
) -> None:
    content = (mark + WISHES).replace("\n", end).encode(codec)
    for name in ("wishes.csv", "-"):
        lines = read(tmp_path, name, content)
        assert told(lines) == [(2, "Küche 予約"), (3, "上")]
        assert bool(notices(lines)) is (codec != "utf-8")


def test_ends_of_lines_may_be_mixed(tmp_path: Path) -> None:
    content = "a\rb\r\nc\n\rd"
    expected = [(1, "a"), (2, "b"), (3, "c"), (5, "d")]
    assert told(read(tmp_path, "wishes.txt", content)) == expected
    assert told(read(tmp_path, "wishes.txt", content.encode("utf-16"))) == expected


def test_a_character_at_the_border_of_what_is_read_at_once_is_whole(tmp_path: Path) -> None:
    line = "é🧹" * 7 + "\n"
    content = line * (2_500_000 // len(line.encode()))
    for codec in ("utf-8", "utf-16", "utf-16-le"):
        lines = told(read(tmp_path, "wishes.txt", content.encode(codec)))
        assert {message for _, message in lines} == {line.strip()}
        assert len(lines) == content.count("\n")


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [
        ("Créer une tâche pour le café\n", "cp1252", "Windows-1252"),
        ("Create a task to “sweep” – today\n", "cp1252", "Windows-1252"),
        ("Create a task to buy 5 € stamps", "cp1252", "Windows-1252"),
        ("タスクを作成してください\n予約の確認\n", "cp932", "Shift-JIS"),
        ("掃除する\n", "cp932", "Shift-JIS"),
        ("Создать задачу на завтра\nПодмести двор\n", "cp1251", "Windows-1251"),
        ("予約\n", "iso2022_jp", "ISO-2022-JP"),
    ],
)
def test_an_encoding_that_is_not_unicode_is_found_and_told(
    tmp_path: Path, text: str, codec: str, name: str
) -> None:
    for file in ("wishes.txt", "-"):
        lines = read(tmp_path, file, ("Sweep\n" * 3 + text).encode(codec))
        assert [message for _, message in told(lines)][3:] == text.splitlines()
        (notice,) = notices(lines)
        assert f"is read as {name}." in notice
        assert "--encoding" in notice


def test_the_encoding_that_is_given_counts(tmp_path: Path) -> None:
    content = "Подмести\n".encode("koi8-r")
    lines = read(tmp_path, "wishes.txt", content, "koi8-r")
    assert (told(lines), notices(lines)) == ([(1, "Подмести")], [])
    # A line of other bytes is named, the rest is read.
    mixed = read(tmp_path, "wishes.txt", "Mop\n掃除\n".encode("cp932") + b"\x81\x39\n", "cp932")
    assert told(mixed) == [(1, "Mop"), (2, "掃除"), (3, None)]
    assert "--encoding" in reasons(mixed)[3]
    assert told(read(tmp_path, "a.jsonl", '{"message": "é"}'.encode("cp1252"), "cp1252")) == [
        (1, "é")
    ]


def test_a_line_of_other_bytes_among_utf_8_and_a_zero_byte_are_named(tmp_path: Path) -> None:
    content = "Küche\n".encode() + b"K\xfcche\n" + b"a\x00b\n" + b"Mop\n"
    lines = read(tmp_path, "wishes.txt", content)
    assert told(lines) == [(1, "Küche"), (2, None), (3, None), (4, "Mop")]
    assert told(read(tmp_path, "a.txt", b"a\x00b\nc\n")) == [(1, None), (2, "c")]


# -- JSON ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("between", "line", "where"), [("", 1, "the same line"), ("\n", 2, "line 1")]
)
def test_a_duplicate_id_is_named_with_the_place_of_the_first(
    tmp_path: Path, between: str, line: int, where: str
) -> None:
    array = f'[{{"id": 1, "message": "a"}},{between}{{"id": 1, "message": "b"}}]'
    found = reasons(read(tmp_path, "wishes.json", array))
    assert found == {line: f"duplicate id 1, first in {where}"}


@pytest.mark.parametrize("name", ["wishes.json", "-"])
def test_an_array_of_objects_is_read_and_what_is_none_in_it_is_named(
    tmp_path: Path, name: str
) -> None:
    content = '[{"id": "x", "message": "a"},\n {"message": "b"}, {"message":\n"c"},\n"d", {}, 5]\n'
    lines = read(tmp_path, name, content)
    assert told(lines) == [(1, "a"), (2, "b"), (2, "c"), (4, None), (4, None), (4, None)]
    assert [one.id for one in lines if isinstance(one, Item)] == ["x", "2", "3"]
    assert [one.reason[:9] for one in lines if isinstance(one, Unread)] == [
        "element 4",
        "element 5",
        "element 6",
    ]


def test_two_elements_with_one_id_on_one_line_are_not_both_read(tmp_path: Path) -> None:
    content = '[{"id": 1, "message": "a"}, {"id": 1, "message": "b"}]'
    lines = read(tmp_path, "wishes.json", content)
    assert told(lines) == [(1, "a"), (1, None)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{\n "message": "a"\n}\n', [(1, "a")]),
        ('{"message": "a"}\n{"message":\n{"message": "c"}\n', [(1, "a"), (2, None), (3, "c")]),
        ('{"message"\n{"message": "b"}\n', [(1, None), (2, "b")]),
        ('\n\n[\n{"message": "a"}\n]', [(4, "a")]),
        ("[]", []),
        ("7\n", [(1, None)]),
    ],
)
def test_a_json_file_may_hold_one_object_or_lines(
    tmp_path: Path, content: str, expected: list[tuple[int, str | None]]
) -> None:
    assert told(read(tmp_path, "wishes.json", content)) == expected


def test_a_text_in_brackets_is_a_message(tmp_path: Path) -> None:
    assert told(read(tmp_path, "-", "[urgent] Sweep\n[]\n")) == [(1, "[urgent] Sweep"), (2, "[]")]


# -- what cannot be read as a whole ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.xlsx", b"PK\x03\x04", "Save a spreadsheet as CSV"),
        ("-", b"PK\x03\x04\x14\x00\x06\x00", "Save a spreadsheet as CSV"),
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Save a spreadsheet as CSV"),
        ("a.ods", b"message\na\n", "Save a spreadsheet as CSV"),
        ("-", bytes(range(256)) * 20, "binary"),
        ("a.json", b'[{"message": "a"},\n{"message" "b"}]', "line 2, column 12"),
        ("a.json", b'[{"message": "a"}', "line 1"),
        ("a.json", b"[" * 100_000, "Invalid JSON"),
        ("a.csv", b"sep=;\n", "no column “message”"),
        ("a.csv", b"id,message,Message\n1,a,b\n", "several columns “message”"),
        ("a.csv", b"x" * 200_000, "no column “message”"),
    ],
)
def test_what_is_no_text_or_document_is_refused_before_its_first_line(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    with pytest.raises(Unreadable, match=why):
        read(tmp_path, name, content)


def test_an_unknown_encoding_and_a_spreadsheet_end_the_command_before_anything_is_started(
    project: Project, tmp_path: Path
) -> None:
    book, good, broken = (tmp_path / name for name in ("book.xlsx", "good.txt", "broken.json"))
    book.write_bytes(b"PK\x03\x04")
    good.write_text("What is open?\n")
    broken.write_text("[{]")
    for arguments, why in (
        ([book], "Save a spreadsheet as CSV"),
        ([broken], "line 1, column 3"),
        *([[good, "--encoding", name], "is unknown"] for name in ("utf-9", "rot13", "undefined")),
        (["/proc/self/mem"], "Cannot read the input"),
    ):
        with pytest.raises(CommandError, match=str(why)) as raised:
            call_command("run_batch", *map(str, arguments), "--project", str(project.pk))
        assert raised.value.returncode == 2
    assert not ChatSession.objects.exists()


# -- the command -----------------------------------------------------------------------------------


def test_the_command_names_each_line_that_is_not_carried_out_and_ends_with_1(
    command: Command,
) -> None:
    content = 'id,message\n1,Add a task A1\n2,"open\n3,Add a task B2\n4,"Add a task C3"\n'
    done = command.run(command.file("wishes.csv", content))
    assert done.returncode == 1
    assert set(by_id(done.stdout)) == {"1", "3", "4"}
    assert "Line 3 skipped: a quoted text is not closed" in done.stderr
    assert "1 line skipped" in done.stderr


@pytest.mark.parametrize("piped", [False, True])
def test_the_command_tells_the_encoding_that_it_found(command: Command, piped: bool) -> None:
    content = "What is open?\nWhat is done, café?\n".encode("cp1252")
    name = "-" if piped else command.file("wishes.txt", content)
    done = command.run(name, given=content)
    assert by_id(done.stdout)["2"]["message"] == "What is done, café?"
    assert done.stderr.count("The input is read as Windows-1252.") == 1
    given = command.run("-", "--encoding", "cp1251", "--json-events", given=content)
    assert "cafй?" in given.stdout
    assert "is read as" not in given.stderr


def test_a_closed_standard_input_is_told(command: Command) -> None:
    done = command.run("-", "--encoding", "utf-16", given="What is open?\n".encode("utf-16"))
    assert done.returncode == 0
    with command.started("-", stderr=-1, preexec_fn=lambda: os.close(0)) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"the standard input is closed" in err
