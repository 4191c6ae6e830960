"""Reads the experiment file's bytes as text, and says what is wrong with them if they are none."""

from __future__ import annotations

import codecs
from pathlib import Path

from hyperscale.errors import ExperimentError, Problem

#: An experiment is written by hand; a larger file is something else.
MAX_FILE_BYTES = 1024 * 1024
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def read_text(file: Path) -> str:
    """Return the text of `file`, without a byte-order mark.

    Raises:
        ExperimentError: when there is no such file, or it is too large, empty or not UTF-8.
    """
    content = _read_bytes(file)
    if content.startswith(_WIDE_MARKS) or b"\0" in content[:1024]:
        raise _error(file, "is not UTF-8 text (it looks like UTF-16, or is no text at all); save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        message = f"byte 0x{content[error.start]:02x} is not UTF-8 text (it may be Latin-1); save the file as UTF-8"
        raise _error(file, message, line, column) from None
    if not text.strip():
        raise _error(file, "the file is empty, expected an experiment with name, input and activity")
    return text


def _read_bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise ExperimentError(
            f"there is no file {file}",
            hint="name an experiment file, or make a new experiment with `hyperscale init DIR`",
        ) from None
    except OSError as error:
        raise ExperimentError(f"{file} cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise _error(file, f"is larger than {MAX_FILE_BYTES:,} bytes, which no experiment file is")
    return content


def _error(file: Path, message: str, line: int = 0, column: int = 0) -> ExperimentError:
    problem = Problem(str(file), line, column, "", message)
    return ExperimentError(f"{file} has 1 problem", problems=[problem])
