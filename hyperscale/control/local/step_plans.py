"""What a pipeline file means on this machine: the process of each job, and the jobs that it waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hyperscale.control.local.steps import StepCommand, step_environment
from hyperscale.control.rendered.bindings import check_order, command_arguments, fill, parents_of
from hyperscale.control.rendered.pipeline_files import DATA_TYPES, Component, Job, Pipeline, is_remote
from hyperscale.control.run_folder import RunFolder
from hyperscale.cores import cores
from hyperscale.errors import ExperimentError
from hyperscale.node.consuming.threads import CORES
from hyperscale.node.step_log import RUN_LOG, STEP
from hyperscale.node.storing.places import is_auto


@dataclass(frozen=True)
class StepPlan:
    """A job of a pipeline, ready to be started once the jobs in `needs` have succeeded."""

    job: str
    needs: frozenset[str]
    command: StepCommand


def plan_steps(
    pipeline: Pipeline, run: RunFolder, *, python: str, environment: Mapping[str, str]
) -> dict[str, StepPlan]:
    """Return a plan for each job of `pipeline`, in the order of the file.

    Args:
        pipeline: as its files have it.
        run: fills in where an input run_id, queue or store is `auto`.
        python: path of the interpreter that stands in for the one of the image.
        environment: that steps inherit.

    Raises:
        ExperimentError: when the pipeline cannot be executed on this machine.
    """
    values = {f"parent.inputs.{name}": value for name, value in _pipeline_values(pipeline, run).items()}
    for job in pipeline.jobs.values():
        for output in job.component.outputs:
            values[f"parent.jobs.{job.name}.outputs.{output}"] = str(run.step_output(job.name, output))
    plans = {
        job.name: StepPlan(
            job.name,
            parents_of(job.inputs.values()),
            _command(pipeline, job, values, run, python, environment),
        )
        for job in pipeline.jobs.values()
    }
    check_order({plan.job: plan.needs for plan in plans.values()}, str(pipeline.file))
    return plans


def run_values(run: RunFolder) -> dict[str, str]:
    """Return the inputs of a pipeline that name a run on this machine."""
    return {"run_id": run.run_id, "queue": run.queue_url, "store": run.store_url}


def _pipeline_values(pipeline: Pipeline, run: RunFolder) -> dict[str, str]:
    own = run_values(run)
    values = {}
    for name, given in pipeline.inputs.items():
        if given.type in DATA_TYPES and is_remote(given.value):
            raise ExperimentError(
                f"{pipeline.file}: inputs.{name} is {given.value}, this machine reads local files only",
                hint="`hyperscale run` of the experiment fetches it; or download it, and give its local path",
            )
        values[name] = own[name] if name in own and is_auto(given.value) else given.value
    return values


def _command(
    pipeline: Pipeline,
    job: Job,
    values: Mapping[str, str],
    run: RunFolder,
    python: str,
    environment: Mapping[str, str],
) -> StepCommand:
    component = job.component
    if not component.code.is_dir():
        raise ExperimentError(
            f"{component.file}: code is {component.code}, there is no such folder",
            hint="`hyperscale render` stages it",
        )
    outputs = {name: run.step_output(job.name, name) for name in component.outputs}
    known = {f"inputs.{name}": value for name, value in _job_inputs(pipeline, job, component, values).items()}
    known.update({f"outputs.{name}": str(folder) for name, folder in outputs.items()})
    return StepCommand(
        job=job.name,
        arguments=command_arguments(
            component.command, known, where=f"{component.file}: command of job {job.name}", python=python
        ),
        folder=component.code,
        environment=step_environment(
            environment,
            {
                "HYPERSCALE_SCRATCH": str(run.scratch),
                RUN_LOG: str(run.log),
                STEP: job.name,
                CORES: _share_of_cores(pipeline),
            },
            job.environment_variables,
        ),
        log=run.step_log(job.name),
        outputs=tuple(outputs.values()),
    )


def _share_of_cores(pipeline: Pipeline) -> str:
    """Return of how many cores each consumer is to make use: they share this machine."""
    consumers = sum(name.startswith("consume") for name in pipeline.jobs)
    return str(max(1, cores() // max(1, consumers)))


def _job_inputs(pipeline: Pipeline, job: Job, component: Component, values: Mapping[str, str]) -> dict[str, str]:
    inputs = {}
    for name, declared in component.inputs.items():
        text = job.inputs.get(name)
        if text is None:
            if declared.default is not None:
                inputs[name] = declared.default
            continue
        where = f"{pipeline.file}: jobs.{job.name}.inputs.{name}"
        inputs[name] = fill(text, values, where)
        if declared.type in DATA_TYPES and not is_remote(inputs[name]):
            # An absolute path stays what it is.
            inputs[name] = str((Path(pipeline.file).parent / inputs[name]).resolve())
    return inputs
