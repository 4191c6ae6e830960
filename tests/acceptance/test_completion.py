"""Tab in a real bash completes commands, options, files and ids of runs."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Command

PROMPT = "ready> "
PATIENCE_SECONDS = 60


class Bash:
    """A bash at a terminal, in which completion was switched on."""

    def __init__(self, folder: Path) -> None:
        self._terminal, its = pty.openpty()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            cwd=folder,
            stdin=its,
            stdout=its,
            stderr=its,
            env={**os.environ, "PATH": path, "PS1": PROMPT, "TERM": "dumb", "HISTFILE": ""},
            start_new_session=True,
        )
        os.close(its)
        self._until_prompt()
        for line in (
            'bind "set enable-bracketed-paste off"; bind "set bell-style none"; stty cols 500',
            'eval "$(hyperscale completion bash)"',
        ):
            self._type(f"{line}\n")
            self._until_prompt()

    def completed(self, line: str) -> str:
        """Type `line` and Tab, and return what the line is then; it is not run, but shown."""
        self._type(f"{line}\t\x01echo '\x05'\n")
        return self._until_prompt().splitlines()[-2]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def _type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _until_prompt(self) -> str:
        shown = ""
        while not shown.endswith(f"\n{PROMPT}"):
            assert select.select([self._terminal], [], [], PATIENCE_SECONDS)[0], f"bash says no more after {shown!r}"
            shown += os.read(self._terminal, 4096).decode()
            if shown == PROMPT:
                break
        return shown


@pytest.fixture
def bash(tmp_path: Path) -> Iterator[Bash]:
    (tmp_path / "experiment.yaml").write_text("name: lines\n")
    run = tmp_path / ".hyperscale" / "runs" / "lines-20261128-120000-abcd"
    run.mkdir(parents=True)
    (run / "launch.json").write_text("{}")
    running = Bash(tmp_path)
    yield running
    running.close()


def test_tab_completes_what_may_come_next(bash: Bash) -> None:
    lines = {
        "hyperscale val": "hyperscale validate ",
        "hyperscale --qui": "hyperscale --quiet ",
        "hyperscale run --res": "hyperscale run --resume ",
        "hyperscale -q results li": "hyperscale -q results lines-20261128-120000-abcd ",
        "hyperscale run --resume li": "hyperscale run --resume lines-20261128-120000-abcd ",
        "hyperscale init d --example man": "hyperscale init d --example many-models ",
        "hyperscale validate exp": "hyperscale validate experiment.yaml ",
        "hyperscale completion f": "hyperscale completion fish ",
    }

    assert {line: bash.completed(line) for line in lines} == lines


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_code(hyperscale: Command, tmp_path: Path, shell: str) -> None:
    printed = hyperscale("completion", shell, folder=tmp_path)

    assert printed.returncode == 0
    assert "_ARGCOMPLETE" in printed.stdout


def test_another_shell_is_refused(hyperscale: Command, tmp_path: Path) -> None:
    printed = hyperscale("completion", "csh", folder=tmp_path)

    assert printed.returncode == 2
    assert "invalid choice: 'csh' (choose from" in printed.stderr
