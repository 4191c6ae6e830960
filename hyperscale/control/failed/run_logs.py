"""The logs that a run has: those of its steps, and the rows whose prints are worth a look."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from hyperscale import blobs
from hyperscale.control.failed.failure_lines import row_name
from hyperscale.control.failed.failures_of import FailuresOfRun
from hyperscale.control.failed.logs_of import experiment_of
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.terminal_text import in_one_line
from hyperscale.figures import counted, size_text

#: So many rows are named, each of another failure group.
SHOWN_ROWS = 10
_KEPT = {
    "failed": "attempts that failed (output.logs: failed; all keeps those of the others, too)",
    "all": "every row that printed anything (output.logs: all)",
    "none": "no row (output.logs: none)",
}


@dataclass(frozen=True)
class RunLogs:
    """What logs a run has.

    Attributes:
        steps: name, file and size in bytes of the log of each step on this machine.
        studio_url: where those of the steps on Azure ML are; empty for a run of this machine.
        parts: how many files `logs/` has.
        kept: what `output.logs` says: failed, all or none.
    """

    steps: tuple[tuple[str, str, int], ...]
    studio_url: str
    parts: int
    kept: str


def run_logs(found: FoundRun) -> RunLogs:
    """Return what logs a run has.

    Raises:
        RunStateError: when nothing of the run is there yet.
        AzureError: when it cannot be looked at.
    """
    files = sorted((found.folder.path / "steps").glob("*.log"))
    with closing(found.folder.store()) as store:
        parts = len(store.names(blobs.LOGS))
    job = found.session.workspace.job(found.azure.jobs[0]) if found.session and found.azure else None
    return RunLogs(
        steps=tuple((file.stem, str(file), file.stat().st_size) for file in files),
        studio_url=job.studio_url if job else "",
        parts=parts,
        kept=str(experiment_of(found).output.logs),
    )


def run_log_lines(logs: RunLogs, failures: FailuresOfRun, run: str, program: str) -> list[str]:
    """Return what `logs RUN` prints: where the logs are, and the command that shows those of failed rows.

    Args:
        logs: of the run.
        failures: of the same.
        run: how a command names it, quoted for a shell.
        program: how this program is called.
    """
    lines = [f"step {name}: {file} ({size_text(size)})" for name, file, size in logs.steps]
    if logs.studio_url:
        lines.append(f"steps: {logs.studio_url}")
    lines.append(f"rows: kept is what was printed by {_KEPT[logs.kept]}; {counted(logs.parts, 'file')} in {blobs.LOGS}")
    groups = failures.groups.groups[:SHOWN_ROWS]
    lines += [failures.missing] if failures.missing else []
    if not groups:
        return [*lines, f"no row has failed; any row: {program} logs {run} --row N"]
    lines.append(f"the first row of each of the {counted(len(groups), 'largest failure group')}:")
    for found in groups:
        reason = f"{found.group.type}: {found.group.message}" if found.group.message else found.group.type
        lines.append(f"  {row_name(found.samples[0])}  {found.group.signature}  {in_one_line(reason, 100)}")
        lines.append(f"    {program} logs {run} --row {found.samples[0].row_index}")
    return lines
