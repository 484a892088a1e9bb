"""Reads the lines of a file or a pipe and finds its encoding. Knows nothing of formats."""

from __future__ import annotations

import codecs
import io
import os
import re
import select
import threading
from collections.abc import Iterator

from charset_normalizer import from_bytes

POLL_INTERVAL = 0.2  # seconds between checks whether to stop, while a pipe has no data
CHUNK = 1_048_576  # bytes
MAX_SAMPLE = 65_536  # bytes from which an encoding is guessed
# Stands for bytes that the encoding does not allow. A lone surrogate, which no message may contain.
UNDECODED = "\udcff"

SPREADSHEET = (
    "The input is a spreadsheet or another binary file, not text. Save a spreadsheet as CSV first "
    "(in Excel: File, Save As, “CSV UTF-8”; in LibreOffice: File, Save As, “Text CSV”)."
)
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # the first bytes of .xlsx and .ods, of .xls
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
# The 32-bit marks are first: one of them begins with a 16-bit mark.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)
_JIS = re.compile(rb"\x1b\$[@B]")  # the switch to Japanese characters in seven bits
# The encodings that may be guessed, and their usual names.
_NAMES = {
    "cp1252": "Windows-1252",
    "cp932": "Shift-JIS",
    "cp1250": "Windows-1250",
    "cp1251": "Windows-1251",
    "cp1253": "Windows-1253",
    "cp1254": "Windows-1254",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
    "euc_jp": "EUC-JP",
    "gb18030": "GB 18030",
    "big5": "Big5",
    "cp949": "EUC-KR",
    "koi8_r": "KOI8-R",
}


class Unreadable(Exception):
    """The input as a whole is invalid. The text is for the user."""


class Lines:
    """The lines of an open file, without their ends: LF, CRLF or CR, also mixed.

    Iteration ends with the file, or when `stopped` is set. It raises `Unreadable` for a binary file.
    """

    def __init__(
        self, file: int, stopped: threading.Event, encoding: str = "", *, guess: bool = True
    ) -> None:
        """`encoding`: its name; "" to find it. `guess`: whether it may be other than Unicode.

        Raises `Unreadable` for an unknown encoding.
        """
        self._file, self._stopped = file, stopped
        self._decoder = Decoder(encoding, guess=guess)

    @property
    def notice(self) -> str:
        """A sentence about the encoding that was found; "" for UTF-8."""
        return self._decoder.notice

    def __iter__(self) -> Iterator[str]:
        rest = ""
        for text in self._texts():
            *complete, rest = (rest + text).split("\n")
            yield from complete
        if rest and not self._stopped.is_set():
            yield rest

    def _texts(self) -> Iterator[str]:
        newlines = io.IncrementalNewlineDecoder(None, translate=True)
        data = b" "
        while data and not self._stopped.is_set():
            if not select.select([self._file], [], [], POLL_INTERVAL)[0]:
                continue
            data = os.read(self._file, CHUNK)
            yield newlines.decode(self._decoder.decode(data, final=not data), final=not data)


class Decoder:
    """Decodes a text whose encoding is found in its first bytes, or in the first ones beyond ASCII."""

    def __init__(self, encoding: str = "", *, guess: bool = True) -> None:
        self.notice = ""
        self._guess = guess
        self._kept = b""  # until the encoding or the end of the line is known
        self._is_begun = False
        self._decoder = _incremental(_checked(encoding)) if encoding else None

    def decode(self, data: bytes, *, final: bool) -> str:
        data = self._kept + data
        if not self._is_begun:
            if not (final or len(data) > 3 or b"\n" in data or b"\r" in data):
                self._kept = data
                return ""
            self._begin(data)
        self._kept = b""
        if self._decoder is None:
            data = self._undecided(data, final=final)
        return data.decode("ascii") if self._decoder is None else self._decoder.decode(data, final)

    def _begin(self, data: bytes) -> None:
        self._is_begun = True
        if data.startswith(_SPREADSHEETS):
            raise Unreadable(SPREADSHEET)
        if self._decoder is None and (name := _unicode(data)):
            self._found(name, name.upper())
        elif self._decoder is None and _is_binary(data):
            raise Unreadable(SPREADSHEET)

    def _undecided(self, data: bytes, *, final: bool) -> bytes:
        """Returns the complete lines of `data`; keeps the rest. Decides when they are beyond ASCII."""
        end = len(data) if final else max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        lines, self._kept = data[:end], data[end:]
        if self._guess and _JIS.search(lines):
            self._found("iso2022_jp", "ISO-2022-JP")
        elif not lines.isascii():
            name = guessed(lines) if self._guess else "utf-8"
            self._found(name, _NAMES.get(name, "UTF-8"))
        if self._decoder is not None:
            lines, self._kept = data, b""
        return lines

    def _found(self, codec: str, name: str) -> None:
        self._decoder = _incremental(codec)
        if codec != "utf-8":
            self.notice = f"The input is read as {name}. If that is wrong, use --encoding."


def guessed(lines: bytes) -> str:
    """Returns the codec of lines that are not all ASCII: UTF-8 when most of them are valid."""
    beyond = [line for line in lines.splitlines() if not line.isascii()]
    valid = sum(_is_valid(line, "utf-8") for line in beyond)
    sample = b"\n".join(beyond)[:MAX_SAMPLE]
    if 2 * valid >= len(beyond) or _CONTROL.search(sample):
        return "utf-8"
    best = from_bytes(sample, cp_isolation=list(_NAMES)).best()
    if best is None:
        return "utf-8"
    # Encodings that give the same text are equally likely: the first of the list is the most common.
    return next(name for name in _NAMES if name in best.could_be_from_charset)


def _unicode(data: bytes) -> str:
    """Returns the codec of a text with a byte order mark, or of UTF-16 without one; else ""."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    zeros = data[0::2].count(0), data[1::2].count(0)
    # UTF-16 has a zero byte for each character of ASCII, always on the same side.
    if 8 * min(zeros) >= max(zeros):
        return ""
    name = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    text = codecs.getincrementaldecoder(name)("replace").decode(data)
    is_mostly_ascii = 4 * sum(zeros) >= len(data)
    has_lines = ("\n" in text or "\r" in text) and not _is_valid(data, "utf-8")
    return name if "\ufffd" not in text and (is_mostly_ascii or has_lines) else ""


def _is_binary(data: bytes) -> bool:
    control = len(_CONTROL.findall(data[:MAX_SAMPLE]))
    return control > 16 and 50 * control > min(len(data), MAX_SAMPLE)


def _is_valid(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeError:
        return False
    return True


def _checked(encoding: str) -> str:
    """Raises `Unreadable` for a name that is not an encoding of text."""
    try:
        b"ab".decode(encoding, "replace")
        _incremental(encoding)
    except (LookupError, ValueError, TypeError):
        raise Unreadable(
            f"--encoding {encoding!r} is unknown. Examples: utf-16, cp1252, shift_jis."
        ) from None
    return encoding


def _incremental(codec: str) -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(codec)("samurai.undecoded")


def _undecoded(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return UNDECODED, error.end


codecs.register_error("samurai.undecoded", _undecoded)
