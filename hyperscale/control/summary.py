"""What people read when a run has ended: failure groups, the countable last line, commands that help now."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from hyperscale import blobs
from hyperscale.control.local.deciding import SEED, TEARDOWN
from hyperscale.control.local.local_run import Ending
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.terminal_text import in_one_line
from hyperscale.cost import NOT_IN_COST
from hyperscale.errors import EXIT_SUCCESS, AzureError, ExperimentError, HyperscaleError, IncompleteRunError
from hyperscale.figures import counted, last_line, retried_lines, usd, usd_per_rows

MAX_MESSAGE = 160
#: Why a run ended is said once, and holds what to do.
MAX_REASON = 400

Results = Mapping[str, Any]


def exit_code(results: Results) -> int:
    """Return the exit code of a run: 0 when every row succeeded, else IncompleteRunError's."""
    rows = results["rows"]
    # Of a run that nobody has seeded, not even the number of rows may be known.
    is_whole = rows["total"] and not rows["failed"] and not rows["missing"]
    return EXIT_SUCCESS if is_whole else IncompleteRunError.exit_code


def failure_lines(results: Results) -> list[str]:
    """Return one or two lines for each failure group, largest first; an empty list when no row failed."""
    groups: Sequence[Mapping[str, Any]] = results.get("failure_groups") or ()
    if not groups:
        return []
    failed = results["rows"]["failed"]
    rest = failed - sum(group["rows"] for group in groups)
    count = len(groups)
    said = f"; the {counted(count, 'largest failure group')}:" if rest else f", in {counted(count, 'failure group')}:"
    lines = [f"{counted(failed, 'row')} failed{said}"]
    for group in groups:
        lines.append(f"  {group_text(group)}")
        if group.get("frame"):
            lines.append(f"           {in_one_line(group['frame'], MAX_MESSAGE)}")
    if rest:
        lines.append(f"  and {counted(rest, 'row')} for other reasons; `hyperscale failures` tells more")
    return lines


def group_text(group: Mapping[str, Any]) -> str:
    """Return how many rows a failure group has, why they failed, and the first of them."""
    # What an older version has summed up has no signatures.
    signature = f"{group['signature']}  " if group.get("signature") else ""
    return f"{group['rows']:>7,}  {signature}{_reason(group)}  (first: row {group['first_row_index']})"


def missing_lines(results: Results) -> list[str]:
    """Return why rows are missing; an empty list when none is."""
    missing = results["rows"]["missing"]
    if not missing:
        return []
    reason = results.get("reason") or results["outcome"]
    return [f"{counted(missing, 'row')} missing: {in_one_line(str(reason), MAX_REASON)}"]


def summary_lines(results: Results) -> list[str]:
    """Return the summary of a run; its last line is the countable one."""
    return [
        *failure_lines(results),
        *missing_lines(results),
        *cost_lines(results),
        *retried_lines(results),
        last_line(results),
    ]


def cost_lines(results: Results) -> list[str]:
    """Return what a run on Azure ML cost, and so many of its rows that people can compare it; else an empty list."""
    cost, rows = results.get("cost_usd"), results.get("retried") or results["rows"]
    done = rows["succeeded"] + rows["failed"]
    if cost is None or not done:
        return []
    return [f"cost: {usd(cost)}, {usd_per_rows(done, cost)} (list price of all nodes; {NOT_IN_COST})"]


def next_commands(ending: Ending, results: Results | None, run: str, program: str) -> list[str]:
    """Return the commands that help now, each with what it does.

    Args:
        ending: of the run's steps.
        results: of the run; None when it has none yet.
        run: how a command names the run: its id, or the path of its folder.
        program: how this program is called.
    """
    lines = []
    if results is not None:
        lines.append(f"results:  {program} results {shlex.quote(run)}")
    if ending.broken and results is not None and not results["rows"]["succeeded"]:
        lines.append("correct the code and start a new run: a resume executes the copy of it that this run has")
    elif results is None or results["rows"]["missing"]:
        lines.append(f"continue: {resume_command(run, program)}")
    if results is not None and results["rows"]["failed"]:
        lines.append(f"failures: {program} failures {shlex.quote(run)}")
        lines.append(f"retry:    {program} retry {shlex.quote(run)}  (the failed rows, once the code is corrected)")
    return lines


def resume_command(run: str, program: str) -> str:
    """Return the command that continues a run; `run` and `program` as for `next_commands`."""
    return f"{program} run --resume {shlex.quote(run)}"


def step_lines(ending: Ending, folder: RunFolder) -> list[str]:
    """Return one line for each step that failed, except what `verdict` speaks of or progress has said."""
    if ending.stop_requests:
        return []
    return [
        f"step {job} failed: {in_one_line(error, MAX_MESSAGE)} (see {folder.step_log(job)})"
        for job, error in ending.errors.items()
        if job not in (SEED, TEARDOWN) and not (ending.broken and ending.broken.startswith(error))
    ]


def verdict(ending: Ending, results: Results | None, folder: RunFolder) -> int:
    """Return the exit code of a run that nobody stopped.

    Raises:
        ExperimentError: when seed says that the experiment or its input is wrong.
        AzureError: when the storage account refused seed or teardown.
        HyperscaleError: when seed failed for another reason, or there are no results.
    """
    if SEED in ending.errors:  # not if it was asked to leave, because others had failed before it
        raise _kind(ending.exits[SEED])(ending.errors[SEED], hint=f"all that seed said is in {folder.step_log(SEED)}")
    if results is not None:
        return exit_code(results)
    if TEARDOWN in ending.errors:
        raise _kind(ending.exits[TEARDOWN])(
            f"teardown failed, the results are not collected: {ending.errors[TEARDOWN]}",
            hint=f"all that it said is in {folder.step_log(TEARDOWN)}; what was done is kept, resume the run",
        )
    raise HyperscaleError(f"the run left no {blobs.RUN_RESULTS}", hint=f"see the logs in {folder.path / 'steps'}")


def _kind(code: int) -> type[HyperscaleError]:
    """Return the error that a step's exit code stands for."""
    return {kind.exit_code: kind for kind in (ExperimentError, AzureError)}.get(code, HyperscaleError)


def _reason(group: Mapping[str, Any]) -> str:
    message = in_one_line(str(group.get("message") or ""), MAX_MESSAGE)
    return f"{group['type']}: {message}" if message else str(group["type"])
