"""What trials have measured, kept beside the experiment: how long rows take, and whether that still holds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from hyperscale.control.reading.checking import CheckedExperiment
from hyperscale.control.rendered.staging import code_hash
from hyperscale.control.whole_file import write_whole
from hyperscale.cost import RowTimes
from hyperscale.errors import HyperscaleError
from hyperscale.figures import counted

#: Beside the experiment file.
TRIALS = Path(".hyperscale") / "trials"


@dataclass(frozen=True)
class Trial:
    """The figures of a trial, as they are kept in `.hyperscale/trials/<experiment>.json`.

    Attributes:
        run_id: of its run.
        rows, rows_failed: how many it had, and how many of them failed or are missing.
        seconds_per_row_median, seconds_per_row_p95, slowest_row_seconds: of a row's last attempt, in one worker.
        set_up_seconds: from the start of a worker until it was ready for its first row; of the slowest one.
        worker_memory_mb: the most that a worker, or a process that it started, has had in memory.
        result_bytes: mean size of a result in the ledger.
        code_hash, input_hash, activity_hash: of the code folder, the input, and the file's section `activity` as they
            were.
        measured_on: the machine, for people.
        measured_at: Unix seconds.
    """

    run_id: str
    rows: int
    rows_failed: int
    seconds_per_row_median: float
    seconds_per_row_p95: float
    slowest_row_seconds: float
    set_up_seconds: float
    worker_memory_mb: float
    result_bytes: float
    code_hash: str | None
    input_hash: str | None
    activity_hash: str
    measured_on: str
    measured_at: float

    @property
    def times(self) -> RowTimes:
        """Return how long rows take, as an estimate takes it."""
        source = f"a trial of {counted(self.rows, 'row')} on {self.measured_on}"
        return RowTimes(self.seconds_per_row_median, self.seconds_per_row_p95, self.set_up_seconds, source)

    def to_document(self) -> dict[str, Any]:
        """Return what is kept, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class TrialState:
    """Whether an experiment was tried: `kind`, and a sentence for people that says so, and what helps."""

    kind: Literal["fresh", "stale", "failed", "none"]
    sentence: str


def keep_trial(checked: CheckedExperiment, trial: Trial) -> None:
    """Write the figures beside the experiment, in place of those of an earlier trial."""
    write_whole(trial_file(checked), json.dumps(trial.to_document(), indent=1) + "\n")


def read_trial(checked: CheckedExperiment) -> Trial | None:
    """Return the figures of the newest trial of the experiment, whatever has changed since; None without one.

    Raises:
        HyperscaleError: when the file does not hold them.
    """
    file = trial_file(checked)
    try:
        return Trial(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise HyperscaleError(
            f"{file} does not hold the figures of a trial: {error}", hint="run `hyperscale trial` again"
        ) from error


def trial_file(checked: CheckedExperiment) -> Path:
    """Return where the figures of the experiment's newest trial are."""
    loaded = checked.loaded
    return loaded.folder / TRIALS / f"{loaded.experiment.name}.json"


def trial_state(checked: CheckedExperiment) -> TrialState:
    """Return whether the experiment was tried as it is now, and all rows of the trial succeeded."""
    try:
        trial = read_trial(checked)
    except HyperscaleError as error:
        return TrialState("none", f"{error}: {error.hint}")
    if trial is None:
        return TrialState("none", "this experiment was never tried: `hyperscale trial` runs a few rows first")
    when = f"{datetime.fromtimestamp(trial.measured_at, timezone.utc):%Y-%m-%d %H:%M} UTC"
    changed = _changed(trial, checked)
    if changed:
        return TrialState("stale", f"{changed} changed since the trial of {when}: run `hyperscale trial` again")
    if trial.rows_failed:
        failed = f"{trial.rows_failed:,} of {counted(trial.rows, 'row')}"
        return TrialState("failed", f"{failed} failed in the trial of {when}: correct that, and try again")
    return TrialState("fresh", f"{counted(trial.rows, 'row')} succeeded in a trial on {trial.measured_on}, {when}")


def trial_times(checked: CheckedExperiment) -> tuple[RowTimes | None, str | None]:
    """Return what the newest trial measured, and what to say of that.

    Nothing is said of a trial that is fresh and good, nor where there was none. One that is stale has measured
    something else; of one with failed rows it is known how long the others took.
    """
    try:
        trial = read_trial(checked)
    except HyperscaleError as error:
        return None, f"{error}: {error.hint}"
    if trial is None:
        return None, None
    changed = _changed(trial, checked)
    if changed:
        return None, f"{changed} changed since the last trial: run `hyperscale trial` again"
    return trial.times, trial_state(checked).sentence if trial.rows_failed else None


def activity_hash(checked: CheckedExperiment) -> str:
    """Return a hash of what the file says of the activity: its arguments decide how long rows take, too."""
    text = json.dumps(checked.loaded.experiment.to_document()["activity"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _changed(trial: Trial, checked: CheckedExperiment) -> str:
    """Return what is not any more what it was in the trial; empty when nothing is.

    A trial reads its input; of one that was not read now (`input.rows`), nobody knows whether it is another.
    """
    loaded = checked.loaded
    now = {
        "code": code_hash(loaded.folder / loaded.experiment.activity.code, checked.staged),
        "input": checked.facts.input_hash,
        "activity": activity_hash(checked),
    }
    then = {what: getattr(trial, f"{what}_hash") for what in now}
    return " and ".join(what for what, found in now.items() if None not in (found, then[what]) and found != then[what])
