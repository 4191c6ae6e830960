"""Every example of the page about Python runs, in one program and in order, and prints what the page shows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Command
from pages import Block, blocks, same

#: Printed before each example, so that what each one prints is known.
MARK = "---- next example"


@pytest.fixture
def examples(repository: Path) -> list[tuple[Block, Block | None]]:
    """The examples of the page, each with what it prints."""
    page = list(blocks((repository / "docs" / "python.md").read_text("utf-8")))
    followers = [*page[1:], None]
    return [
        (block, after if after is not None and after.language == "text" else None)
        for block, after in zip(page, followers, strict=True)
        if block.language == "python"
    ]


def test_the_examples_print_what_the_page_shows(
    examples: list[tuple[Block, Block | None]], tmp_path: Path, hyperscale: Command
):
    hyperscale("init", "my-experiment", folder=tmp_path)
    program = tmp_path / "my-experiment" / "examples.py"
    program.write_text("".join(f"print({MARK!r})\n{block.text}\n" for block, _ in examples))

    answer = subprocess.run([sys.executable, program.name], cwd=program.parent, capture_output=True, text=True)

    assert answer.returncode == 0, answer.stderr
    printed = answer.stdout.split(f"{MARK}\n")[1:]
    assert len(printed) == len(examples) >= 5
    for (block, shown), said in zip(examples, printed, strict=True):
        expected = tuple(shown.text.rstrip("\n").splitlines()) if shown else ()
        assert same(expected, said), f"line {block.line}: {said}"
