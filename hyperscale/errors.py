"""Every error that hyperscale raises on purpose, and the exit code that each one ends a command with.

HyperscaleError          1   base
├── ExperimentError      2   experiment.yaml or the input is wrong; carries every problem
├── PlanError            3   valid, but cannot be placed (quota, budget, limits)
├── RunStateError        4   unknown run, already torn down, rows or code changed since the plan
├── AzureError           5   Azure refused or did not answer
├── IncompleteRunError   6   rows failed or are missing; the results that exist were written
└── TeardownError        7   names every resource that is still alive
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from dataclasses import dataclass

EXIT_SUCCESS = 0
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
#: A write that fails for these does not name its file.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_about_a_file(error: OSError) -> bool:
    """Return whether `error` is about a file of this machine, or a disk that takes no more."""
    return error.filename is not None or error.errno in _FULL


class HyperscaleError(Exception):
    """What went wrong, in one sentence, with a `hint` that says what to do."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        """Keep `message` (where, what is, what was expected) and `hint` (what to do)."""
        super().__init__(message)
        self.hint = hint
        if hint:
            self._note(f"hint: {hint}")

    def _note(self, text: str) -> None:
        """Have a traceback say `text`, too: in a notebook nobody else does."""
        if sys.version_info >= (3, 11):
            self.add_note(text)


def in_words(error: BaseException) -> str:
    """Return an error as a part of a sentence, with what to do about it."""
    hint = error.hint if isinstance(error, HyperscaleError) else None
    return f"{str(error) or type(error).__name__}" + (f" ({hint})" if hint else "")


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong in a file; sorts in the order of the file.

    Attributes:
        file: path as the user wrote it.
        line: from 1; 0 when the problem concerns the whole file.
        column: from 1; 0 when the problem concerns the whole line.
        path: dotted path of the value, such as `compute.tier`; empty when there is none.
        message: what is, and what was expected.
    """

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        """Return `file:line:column: path: message`, leaving out what is not known."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return ": ".join(part for part in (place, self.path, self.message) if part)


class ExperimentError(HyperscaleError):
    """The experiment file or its input is wrong; every problem is named, in file order."""

    exit_code = 2

    def __init__(self, message: str, *, problems: Sequence[Problem] = (), hint: str | None = None) -> None:
        """Keep `problems` beside the message; they are printed one a line, before it."""
        super().__init__(message)
        self.problems = tuple(problems)
        for problem in self.problems:
            self._note(str(problem))
        self.hint = hint
        if hint:
            self._note(f"hint: {hint}")


class PlanError(HyperscaleError):
    """The experiment is valid, but cannot be placed: quota, budget, limits."""

    exit_code = 3


class RunStateError(HyperscaleError):
    """The run is unknown or over, or its rows or code have changed since the plan."""

    exit_code = 4


class AzureError(HyperscaleError):
    """Azure refused or did not answer."""

    exit_code = 5


class IncompleteRunError(HyperscaleError):
    """Rows failed or are missing; the results that exist were written."""

    exit_code = 6


class TeardownError(HyperscaleError):
    """Resources of the run are still alive; the message names each one."""

    exit_code = 7
