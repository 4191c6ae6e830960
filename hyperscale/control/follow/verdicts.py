"""What a command that follows a run ends with: the exit code that its rows earn, or what has become of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.look import Look
from hyperscale.control.follow.watching import look_once
from hyperscale.control.run_list import name_of
from hyperscale.control.summary import exit_code, resume_command
from hyperscale.errors import RunStateError, TeardownError


def verdict_of(found: FoundRun, look: Look, results: Mapping[str, Any] | None, program: str) -> int:
    """Return the exit code of a run that is over.

    Args:
        found: the run.
        look: the last one at it.
        results: run_results.json; None when it has left none.
        program: how this program is called.

    Raises:
        TeardownError: when clusters of it still hold quota.
        RunStateError: when it has left no results.
    """
    run = name_in_commands(found)
    if look.left:
        raise TeardownError(
            f"run {found.run_id} is over ({look.phase}), and still holds quota: {', '.join(look.left)}",
            hint=f"{program} teardown {run}",
        )
    if results is None:
        raise _lost(found, look, program)
    return exit_code(results)


def without_results(found: FoundRun, program: str) -> RunStateError:
    """Return the error of who asks for results that are not there.

    Raises:
        AzureError: when Azure cannot be asked how far the run is.
    """
    look = look_once(found)
    if look.is_over:
        return _lost(found, look, program)
    return RunStateError(
        f"run {found.run_id} is still running ({look.phase}): its results are collected at its end",
        hint=f"{program} watch {name_in_commands(found)}",
    )


def _lost(found: FoundRun, look: Look, program: str) -> RunStateError:
    run = name_in_commands(found)
    said = f": {look.bottleneck}" if look.bottleneck else ""
    if look.phase == "submitting":
        hint = f"{program} submit  (it goes on with that one)"
    else:
        hint = f"{program} teardown {run}  (it collects what is there)" if found.azure else resume_command(run, program)
    return RunStateError(f"run {found.run_id} has no results{said}", hint=hint)


def next_lines(found: FoundRun, results: Mapping[str, Any], program: str) -> list[str]:
    """Return the commands that get the rows done which a run has not; none when every row succeeded."""
    run, rows, lines = name_in_commands(found), results["rows"], []
    if results.get("cause") == "broken" and not rows["succeeded"]:
        # The same again would fail in the same way.
        if not found.azure:
            return ["correct the code and start a new run: a resume executes the copy of it that this run has"]
        return [
            f"continue: correct the cause; then {program} retry {run} runs all rows, and trial --azure a few of them"
        ]
    if rows["missing"] and not found.azure:
        lines.append(f"continue: {resume_command(run, program)}")
    if rows["failed"]:
        lines.append(f"failures: {program} failures {run}")
        lines.append(f"retry:    {program} retry {run}  (once the code is corrected)")
    elif rows["missing"] and found.azure:
        lines.append(f"continue: {program} retry {run}")
    return lines


def name_in_commands(found: FoundRun) -> str:
    """Return how a command that is given here names the run."""
    return shlex.quote(name_of(found.folder) if found.folder.is_launched else found.run_id)
