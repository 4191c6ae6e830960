"""Checks a pipeline file for what the SDK of Azure ML lets pass and the service refuses late, or never."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hyperscale import names
from hyperscale.control.reading.positions import ValuePath
from hyperscale.control.rendered.pipeline_files import DATA_TYPES, Component, Job, Pipeline, is_remote, load_pipeline
from hyperscale.errors import ExperimentError, Problem
from hyperscale.figures import counted

_EXPRESSION = re.compile(r"\$\{\{\s*([^{}]*?)\s*\}\}")
#: Settings of a pipeline job (reference-yaml-job-pipeline.md); the SDK takes any other in silence.
SETTINGS = frozenset({"default_datastore", "default_compute", "continue_on_step_failure", "force_rerun"})
#: What a literal of a type looks like.
_LITERALS = {
    "integer": re.compile(r"[+-]?[0-9]+", re.ASCII),
    "number": re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII),
    "boolean": re.compile(r"true|false", re.IGNORECASE),
}


def load_checked_pipeline(file: Path) -> Pipeline:
    """Return the pipeline of `file`.

    Raises:
        ExperimentError: when it cannot be read, or `check_pipeline` finds anything; carries every problem.
    """
    pipeline = load_pipeline(file)
    problems = _problems(pipeline)
    if problems:
        raise ExperimentError(f"{file} cannot be executed: {counted(len(problems), 'problem')}", problems=problems)
    return pipeline


def check_pipeline(file: Path) -> list[Problem]:
    """Return what is wrong with a pipeline file and its components, in the order of the file.

    Raises:
        ExperimentError: when a file cannot be read at all.
    """
    return _problems(load_pipeline(file))


def _problems(pipeline: Pipeline) -> list[Problem]:
    found = [
        *_settings(pipeline),
        *_input_and_output_names(pipeline),
        *(problem for job in pipeline.jobs.values() for problem in _job(pipeline, job)),
        *_cycles(pipeline),
    ]
    components = {job.component.file: job.component for job in pipeline.jobs.values()}
    problems = [pipeline.positions.problem(path, message) for path, message in found]
    return pipeline.positions.sorted(problems) + [
        component.positions.problem(path, message)
        for component in components.values()
        for path, message in _component(component)
    ]


_Found = Iterator[tuple[ValuePath, str]]


def _settings(pipeline: Pipeline) -> _Found:
    for key in pipeline.settings:
        if key not in SETTINGS:
            yield ("settings", key), f"is no setting of a pipeline; there are: {', '.join(sorted(SETTINGS))}"


def _input_and_output_names(pipeline: Pipeline) -> _Found:
    yield from _names(("inputs",), pipeline.inputs)
    yield from _names(("outputs",), pipeline.outputs)
    for name, given in pipeline.inputs.items() if not pipeline.is_component else ():
        if not given.value:
            yield ("inputs", name), "is empty: the SDK leaves empty inputs out, and steps would not get it"
        elif given.type in DATA_TYPES and not is_remote(given.value) and not Path(given.value).exists():
            yield ("inputs", name), f"there is no file or folder {given.value}"


def _job(pipeline: Pipeline, job: Job) -> _Found:
    place: ValuePath = ("jobs", job.name)
    if wrong := names.JOB.problem(job.name):
        yield place, wrong
    yield from _compute(pipeline, job, place)
    for name, declared in job.component.inputs.items():
        if name not in job.inputs and declared.default is None and not declared.optional:
            yield (*place, "inputs", name), f"is missing: {job.component.file.name} needs it"
    for name, value in job.inputs.items():
        where = (*place, "inputs", name)
        if name not in job.component.inputs:
            yield where, f"is no input of {job.component.file.name}; {_there_are(job.component.inputs)}"
        elif wrong := _binding(pipeline, value, job.component.inputs[name].type):
            yield where, wrong
    yield from _outputs(pipeline, job, place)


def _outputs(pipeline: Pipeline, job: Job, place: ValuePath) -> _Found:
    for name, value in job.outputs.items():
        where = (*place, "outputs", name)
        bound = _EXPRESSION.fullmatch(value)
        named = bound[1].split(".") if bound else []
        if name not in job.component.outputs:
            yield where, f"is no output of {job.component.file.name}; {_there_are(job.component.outputs)}"
        elif bound and (named[:2] != ["parent", "outputs"] or len(named) != 3):
            yield where, f"is bound to {bound[1]}, expected parent.outputs.NAME"
        elif bound and named[2] not in pipeline.outputs:
            yield where, f"is bound to {bound[1]}: the pipeline has no such output; {_there_are(pipeline.outputs)}"
        elif bound and pipeline.outputs[named[2]] != (kind := job.component.outputs[name]):
            yield where, f"is bound to {bound[1]}, which is a {pipeline.outputs[named[2]]}: expected {kind}"


def _compute(pipeline: Pipeline, job: Job, place: ValuePath) -> _Found:
    compute = job.compute or pipeline.settings.get("default_compute")
    if not isinstance(compute, str):
        yield (*place, "compute"), "is missing, and settings.default_compute too"
    elif wrong := names.EXISTING_COMPUTE.problem(compute.removeprefix("azureml:")):
        yield (*place, "compute"), wrong


def _binding(pipeline: Pipeline, value: str, wanted: str) -> str | None:
    """Return what is wrong with the `value` of a job's input of the type `wanted`."""
    bound = _EXPRESSION.findall(value)
    if not bound:
        return None if _LITERALS.get(wanted, re.compile("(?s).*")).fullmatch(value) else f"{value!r} is no {wanted}"
    for expression in bound:
        kind, wrong = _source(pipeline, expression)
        if wrong:
            return wrong
        if kind != wanted and not (kind == "integer" and wanted == "number"):
            return f"is bound to {expression}, which is a {kind}: expected {wanted}"
    return None


def _source(pipeline: Pipeline, expression: str) -> tuple[str, str | None]:
    """Return the type of what an expression names, and what is wrong with it."""
    match expression.split("."):
        case ["parent", "inputs", name]:
            if name in pipeline.inputs:
                return pipeline.inputs[name].type, None
            return "", f"is bound to {expression}: the pipeline has no such input; {_there_are(pipeline.inputs)}"
        case ["parent", "jobs", job, "outputs", name]:
            if job not in pipeline.jobs:
                return "", f"is bound to {expression}: there is no job {job}"
            outputs = pipeline.jobs[job].component.outputs
            if name in outputs:
                return outputs[name], None
            return "", f"is bound to {expression}: job {job} has no such output; {_there_are(outputs)}"
    return "", f"is bound to {expression}, expected parent.inputs.NAME or parent.jobs.JOB.outputs.NAME"


def _cycles(pipeline: Pipeline) -> _Found:
    needs = {
        job.name: {
            parts[2]
            for value in job.inputs.values()
            for expression in _EXPRESSION.findall(value)
            if (parts := expression.split("."))[:2] == ["parent", "jobs"] and parts[2:] and parts[2] in pipeline.jobs
        }
        for job in pipeline.jobs.values()
    }
    while ready := [job for job, needed in needs.items() if not needed & needs.keys()]:
        for job in ready:
            del needs[job]
    for job in needs:
        yield ("jobs", job), f"waits for itself: {', '.join(needs)} wait for each other"


def _component(component: Component) -> _Found:
    if wrong := names.COMPONENT.problem(component.name):
        yield ("name",), wrong
    yield from _names(("inputs",), component.inputs)
    yield from _names(("outputs",), component.outputs)
    for name, declared in component.inputs.items():
        literal = _LITERALS.get(declared.type)
        if declared.default is not None and literal and not literal.fullmatch(declared.default):
            yield ("inputs", name, "default"), f"{declared.default!r} is no {declared.type}"
    known = {f"inputs.{name}" for name in component.inputs} | {f"outputs.{name}" for name in component.outputs}
    for expression in _EXPRESSION.findall(component.command):
        if expression not in known:
            yield ("command",), f"names {expression}; {_there_are(known)}"


def _names(place: ValuePath, given: Mapping[str, object]) -> _Found:
    seen: dict[str, str] = {}
    for name in given:
        if wrong := names.INPUT.problem(name):
            yield (*place, name), wrong
        if twin := seen.get(name.lower()):
            yield (*place, name), f"differs from {twin} in case only"
        seen[name.lower()] = name


def _there_are(known: Iterable[str]) -> str:
    return f"there are: {', '.join(sorted(map(str, known))) or 'none'}"
