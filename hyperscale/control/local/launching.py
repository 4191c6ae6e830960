"""Starts a run on this machine: checks, plans, renders into the run's folder, and writes its manifest."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import hyperscale
from hyperscale.control.planning import Planned
from hyperscale.control.reading.checking import CheckedExperiment, check_experiment
from hyperscale.control.reading.secret_variables import check_secrets
from hyperscale.control.rendered.data_inputs import DataPlace
from hyperscale.control.rendered.pipeline_files import Pipeline
from hyperscale.control.rendered.rendering import RunInputs, render
from hyperscale.control.rendered.staging import stage_code
from hyperscale.control.run_folder import Launch, RunFolder
from hyperscale.cores import cores
from hyperscale.errors import ExperimentError, RunStateError
from hyperscale.experiment import NodeExperiment
from hyperscale.figures import counted
from hyperscale.names import EXPERIMENT, new_run_id
from hyperscale.node.control import write_manifest, write_selected_rows
from hyperscale.node.storing.places import DEFAULT_CONTAINER, account_place, is_auto, is_remote, local_folder
from hyperscale.plan import plan_for_this_machine
from hyperscale.talk import Say, say, say_warnings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Places:
    """Where a run lies: the folder of runs, and queue and store if they are elsewhere."""

    runs: Path
    queue: str | None
    store: str | None

    @classmethod
    def of(cls, run: RunFolder) -> Places:
        """Return where `run` lies."""
        return cls(run.runs, run.queue_url, run.store_url)

    def new_run(self, name: str) -> RunFolder:
        """Return the folder of a new run of the experiment `name`.

        Raises:
            HyperscaleError: when queue or store is neither a folder of this machine nor in a storage account.
        """
        run_id = new_run_id(name, datetime.now(timezone.utc), secrets.token_hex(2))
        return RunFolder.under(
            self.runs, run_id, queue=_absolute(self.queue, "queue"), store=_absolute(self.store, "store")
        )

    def run_of(self, pipeline: Pipeline) -> RunFolder:
        """Return the folder of a run of `pipeline`: the one that the file names, or a new one where it says auto.

        Raises:
            ExperimentError: when the file is a component.
            RunStateError: when the file names a run that exists.
        """
        if pipeline.is_component:
            raise ExperimentError(
                f"{pipeline.file} is a component of a pipeline, and no pipeline: it has no rows of its own",
                hint="run the experiment with `hyperscale run`, or name the component in a pipeline for Azure ML",
            )
        given = {name: value.value for name, value in pipeline.inputs.items() if not is_auto(value.value)}
        name = pipeline.file.stem
        run = self.new_run(name if EXPERIMENT.problem(name) is None else "pipeline")
        run = RunFolder(
            run.runs,
            given.get("run_id", run.run_id),
            given.get("queue", run.queue_url),
            given.get("store", run.store_url),
        )
        if run.is_launched:
            raise RunStateError(
                f"{pipeline.file} belongs to run {run.run_id}, which exists",
                hint=f"continue it with --resume {run.run_id}, or set the file's input run_id to auto",
            )
        return run


def plan_run(
    file: Path, overrides: Sequence[str], *, workers: int | None, nodes: int, say: Say = lambda _: None
) -> Planned:
    """Return the plan of the experiment in `file` for this machine.

    Args:
        file: the experiment.
        overrides: `key=value` each.
        workers: of all consumers together; None is the experiment's, at most the cores of this machine.
        nodes: consumers.
        say: tells people how far a long fetch of remote data is.

    Raises:
        ExperimentError: when the experiment, its input or its code is wrong, or a secret is not on this machine.
        PlanError: when it cannot be planned.
    """
    return plan_here(check_experiment(file, overrides, reads="run", say=say), workers=workers, nodes=nodes)


def plan_here(checked: CheckedExperiment, *, workers: int | None, nodes: int) -> Planned:
    """Return the plan of `checked` for this machine; arguments and errors as for `plan_run`."""
    check_secrets(checked.loaded, os.environ)
    experiment = checked.loaded.experiment
    plan = plan_for_this_machine(experiment, checked.facts, cores=cores(), nodes=nodes, workers=workers)
    logger.debug(
        "planned: %d consumers of %d workers, %d rows a message, a lease of %g seconds",
        plan.consumers,
        plan.workers_per_node,
        plan.rows_per_message,
        plan.lease_seconds,
    )
    return Planned(checked, plan)


@contextmanager
def launched(planned: Planned, places: Places, told: str | None = None) -> Iterator[tuple[RunFolder, int]]:
    """Make a new run of `planned`, say so and what is worth a look, and hold it.

    Args:
        planned: for this machine.
        places: where it lies.
        told: what is said behind its id; None: its rows and workers.

    Yields:
        The run, and the descriptor that holds it.

    Raises:
        ExperimentError: when something of the experiment cannot be rendered or staged.
        HyperscaleError: when queue or store is no place for it, or the store does not take it; nothing is left then.
    """
    say_warnings(planned.warnings)
    run = places.new_run(planned.checked.loaded.experiment.name)
    with run.lock() as lock:
        try:
            make_run(planned, run)
        except BaseException:
            run.remove()
            raise
        rows, workers = counted(planned.plan.rows, "row"), counted(planned.plan.workers, "worker")
        say(f"run {run.run_id}{told or f': {rows}, {workers} on this machine'}")
        yield run, lock


def make_run(planned: Planned, run: RunFolder) -> None:
    """Write what `run` executes, and its manifest; it is listed when all of that is there.

    Raises:
        ExperimentError: when something of the experiment cannot be rendered or staged.
    """
    loaded, experiment = planned.checked.loaded, planned.checked.loaded.experiment
    inputs = RunInputs(
        run_id=run.run_id,
        queue=run.queue_url,
        store=run.store_url,
        data={key: DataPlace(str(data.copy), data.is_folder) for key, data in loaded.remote.items()},
    )
    files = render(experiment, planned.plan, folder=loaded.folder, out=run.rendered, run=inputs)
    for path, text in files.items():
        file = run.rendered / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    stage_code(planned.code_folder, run.rendered / "components" / "code")
    pipeline = run.rendered / "pipelines" / f"{experiment.name}.yml"
    selected = planned.checked.selected
    with closing(run.store()) as store:
        if selected:  # before the manifest, which counts them
            write_selected_rows(store, selected.rows)
        write_manifest(store, manifest_of(planned, run.run_id, store.now()))
    # Last: a run without its manifest could be resumed, and would have all rows of the input.
    run.write_launch(Launch(experiment.name, str(pipeline), run.queue_url, run.store_url, time.time()))


def take_pipeline(pipeline: Pipeline, run: RunFolder) -> None:
    """Note that `run` executes `pipeline` as its file has it; its seed writes the manifest."""
    file = pipeline.file.absolute()
    run.write_launch(Launch(file.stem, str(file), run.queue_url, run.store_url, time.time()))


def manifest_of(planned: Planned, run_id: str, created_at: float) -> dict[str, Any]:
    """Return what `run.json` says of a run of this plan; a run on Azure ML says where it is, too."""
    plan, loaded, selected = planned.plan, planned.checked.loaded, planned.checked.selected
    return {
        "run_id": run_id,
        "experiment": loaded.experiment.name,
        "created_at": created_at,
        "version": hyperscale.__version__,
        "node_experiment": NodeExperiment.of(loaded.experiment).to_document(),
        "plan": {
            "rows": plan.rows,
            "rows_per_message": plan.rows_per_message,
            "lease_seconds": plan.lease_seconds,
            "workers_per_node": plan.workers_per_node,
            "consumers": plan.consumers,
        },
        "hashes": planned.hashes,
        "experiment_file": str(loaded.file.absolute()),
        "selection": asdict(selected.selection) if selected else None,
    }


def _absolute(place: str | None, what: str) -> str | None:
    """Return `place` as steps can use it: they run in another folder than the user."""
    if place is None or not is_remote(place):
        return None if place is None else str(local_folder(place, what).absolute())
    found = account_place(place, what)
    names = found.names or ((DEFAULT_CONTAINER,) if what == "store" else ())
    return "/".join((found.url, *map(quote, names)))
