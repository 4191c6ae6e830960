"""A line of a log is a sentence for people and fields for machines, and several processes may write the same file."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hyperscale.log_lines import LogFile, LogLines, fields

LINE = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (?P<level>[A-Z]+) +"
    r"(?P<speaker>\S+) +(?P<sentence>.*?)  (?P<data>\{.*\})"
)


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[logging.Logger]:
    """A logger that writes to `run.log`, and hides a word."""
    found = logging.Logger("hyperscale.node.consuming.custody")
    file = LogFile(tmp_path / "run.log", LogLines("seed", lambda line: line.replace("hush", "***")))
    found.addHandler(file)
    yield found
    file.close()


def written(folder: Path) -> list[dict[str, str]]:
    matches = [LINE.fullmatch(line) for line in (folder / "run.log").read_text("utf-8").splitlines()]
    assert None not in matches
    return [found.groupdict() for found in matches if found]


def test_a_line_has_time_level_speaker_sentence_and_fields(logger: logging.Logger, tmp_path: Path) -> None:
    logger.info("%d rows are in the queue", 264, extra=fields("seeded", rows=264))

    (line,) = written(tmp_path)
    assert (line["level"], line["speaker"], line["sentence"]) == ("INFO", "seed", "264 rows are in the queue")
    assert json.loads(line["data"]) == {"event": "seeded", "rows": 264}


def test_what_names_no_event_is_named_after_its_module(logger: logging.Logger, tmp_path: Path) -> None:
    logger.warning("lost a lease")

    assert json.loads(written(tmp_path)[0]["data"]) == {"event": "custody"}


def test_lines_in_a_message_stay_one_line_and_a_traceback_is_a_field(logger: logging.Logger, tmp_path: Path) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError as error:
        logger.error("failed: %s", error, exc_info=True)

    (line,) = written(tmp_path)
    assert line["sentence"] == "failed: first second"
    assert "ValueError: first\nsecond" in json.loads(line["data"])["traceback"]


def test_secrets_are_hidden_in_sentence_and_fields(logger: logging.Logger, tmp_path: Path) -> None:
    logger.info("it is hush", extra=fields("told", value="hush"))

    assert "hush" not in (tmp_path / "run.log").read_text()


def test_processes_that_write_at_the_same_time_do_not_cut_each_others_lines(tmp_path: Path) -> None:
    code = (
        "import logging, sys, pathlib\nfrom hyperscale.log_lines import LogFile, LogLines\n"
        "logger = logging.Logger('x')\n"
        "logger.addHandler(LogFile(pathlib.Path(sys.argv[1]), LogLines(sys.argv[2], str)))\n"
        "for number in range(200): logger.info('%s', sys.argv[2] * 500)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run.log")]

    writers = [subprocess.Popen([*command, letter]) for letter in "abc"]

    assert [writer.wait() for writer in writers] == [0, 0, 0]
    lines = written(tmp_path)
    assert len(lines) == 600
    assert {line["sentence"] for line in lines} == {letter * 500 for letter in "abc"}
