"""One step of a pipeline as a process of this machine: started without a shell, stopped politely or killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hyperscale.errors import ExperimentError
from hyperscale.node.step_log import LIFELINE

#: With less than this on its disk, a step that printed nothing probably could not.
FULL_DISK_BYTES = 64 * 1024
#: How much of a step's log is read for the message about its failure.
LOG_TAIL_BYTES = 16 * 1024


@dataclass(frozen=True)
class StepCommand:
    """How a step is started.

    Attributes:
        job: its name in the pipeline.
        arguments: program and arguments.
        folder: where it runs; the component's code.
        environment: all of its environment variables.
        log: file that takes what it prints, after what an earlier life of the run left there.
        outputs: its output folders; they are made before it starts.
    """

    job: str
    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    log: Path
    outputs: Sequence[Path]


class Step:
    """A running step. It has a session of its own, so that Ctrl-C reaches `run` alone."""

    def __init__(self, command: StepCommand, held_open: Sequence[int] = ()) -> None:
        """Start `command`; it inherits the descriptors `held_open`.

        Raises:
            ExperimentError: when the program or its folder does not exist.
        """
        self.job = command.job
        self._log = command.log
        for folder in (command.log.parent, *command.outputs):
            folder.mkdir(parents=True, exist_ok=True)
        with command.log.open("ab") as log:
            self._log_start = log.tell()
            try:
                # The step reads end-of-file from this pipe when we are gone, however we went: its lifeline.
                self._process = subprocess.Popen(
                    list(command.arguments),
                    cwd=command.folder,
                    env=dict(command.environment),
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=held_open,
                )
            except OSError as error:
                raise ExperimentError(
                    f"step {command.job} cannot be started: {error.strerror}: {error.filename}",
                    hint=f"its command is {command.arguments[0]!r} in {command.folder}",
                ) from error

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return how the step ended (negative: by that signal), or None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask the step to end in good order."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the step and all processes of its group at once; nothing happens when it has ended."""
        if self._process.poll() is not None:
            # Its number may belong to another process by now.
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Wait for the process and give back the pipe."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def error(self, exit_code: int) -> str:
        """Return why the step failed, as far as is known."""
        return error_of(self.log_tail(), exit_code, free_bytes=shutil.disk_usage(self._log.parent).free)

    def log_tail(self) -> str:
        """Return the end of what the step printed in this life of the run."""
        with self._log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, end - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")


def step_environment(inherited: Mapping[str, str], *given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a step: `inherited`, then each of `given`, then what every step gets."""
    environment = dict(inherited)
    for variables in given:
        environment.update(variables)
    return {**environment, LIFELINE: "stdin", "PYTHONUNBUFFERED": "1"}


def error_of(log_tail: str, exit_code: int, *, free_bytes: int) -> str:
    """Return the sentence of a failed step's log that says why, and what to do; how it ended, when it says nothing.

    Args:
        log_tail: end of the log.
        exit_code: negative: by that signal.
        free_bytes: left on the disk of the log.
    """
    lines = [line.strip() for line in log_tail.splitlines() if line.strip()]
    for line, next_line in pairwise([*lines, ""]):
        if line.startswith("error: "):
            hint = f"; {next_line.removeprefix('hint: ')}" if next_line.startswith("hint: ") else ""
            return line.removeprefix("error: ") + hint
    if exit_code < 0:
        known = {number.value: number.name for number in signal.Signals}
        return f"it was killed by {known.get(-exit_code, f'signal {-exit_code}')}"
    if lines:
        return lines[-1]
    why = ": the disk is full" if free_bytes < FULL_DISK_BYTES else ""
    return f"it ended with exit code {exit_code} and printed nothing{why}"
