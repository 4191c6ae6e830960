"""The door to argcomplete: what the shell proposes when somebody presses Tab, worked out by this program itself."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import argcomplete
from argcomplete.lexers import split_line
from argcomplete.shell_integration import shellcode

from hyperscale.control.run_folder import LAUNCH
from hyperscale.control.run_list import runs_of

#: The program that shells complete.
PROGRAM = "hyperscale"


def shell_code(shell: str) -> str:
    """Return what `shell` (bash, zsh or fish) has to run once, so that it asks this program what to propose."""
    return f"{shellcode([PROGRAM], shell=shell).strip()}\n"


def typed_words(environ: Mapping[str, str]) -> list[str]:
    """Return the words behind the program's name that are typed already, all but the one that is being typed."""
    line, point = environ.get("COMP_LINE", ""), environ.get("COMP_POINT", "0")
    return list(split_line(line, int(point))[3])[1:]


def complete(parser: argparse.ArgumentParser) -> None:
    """Tell the shell what to propose, and end this process."""
    argcomplete.autocomplete(parser, always_complete_options=False)


def run_ids(file: Path) -> list[str]:
    """Return the ids of the runs of the experiment in `file`, the newest first."""
    return sorted((path.parent.name for path in runs_of(file).glob(f"*/{LAUNCH}")), reverse=True)
