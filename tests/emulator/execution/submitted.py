"""What was submitted, as values: the steps of a pipeline job, read from the body that azure-ai-ml sends."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from emulator.execution.expressions import only_name, outputs_named_in
from emulator.rules import is_managed

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_ASSET = re.compile(r"/(codes|components|environments|data)/([^/]+)/versions/([^/]+)$")
SERVERLESS = "serverless"


@dataclass(frozen=True)
class Data:
    """A file or folder somewhere in storage."""

    kind: str
    uri: str


@dataclass(frozen=True)
class StepOutput:
    """A folder or file that a step writes, and where it goes; None is the default place.

    `of_pipeline` is the output of the pipeline that it is bound to; None when it is bound to none.
    """

    kind: str
    uri: str | None
    of_pipeline: str | None = None


@dataclass(frozen=True)
class SubmittedStep:
    """One node of a pipeline.

    Attributes:
        name: of it in the pipeline.
        component: name of its component, for its display name.
        command: text for bash, with expressions in it.
        code: id of its snapshot; None when it has none.
        environment: id, or name:version, of its environment.
        inputs: by name: a text (a literal, or an expression), data, or None for an optional one that nobody gave.
        outputs: by name.
        compute: name of its cluster, or "serverless".
        size: of its node, on serverless.
        tier: "low_priority" or "dedicated", on serverless.
        client_id: of the identity that it asks for; None when it names none.
        is_managed: whether it asks for a managed identity: without that, a serverless step has none.
        timeout_seconds: after which it is cancelled; None is never.
        variables: of its environment.
        needs: names of the steps that it waits for.
        optional_needs: those of them that only optional inputs name: when one fails, the step runs without.
    """

    name: str
    component: str
    command: str
    code: str | None
    environment: str
    inputs: Mapping[str, str | Data | None]
    outputs: Mapping[str, StepOutput]
    compute: str
    size: str | None
    tier: str
    client_id: str | None
    is_managed: bool
    timeout_seconds: float | None
    variables: Mapping[str, str]
    needs: frozenset[str]
    optional_needs: frozenset[str]


@dataclass(frozen=True)
class _Scope:
    """What the nodes of a pipeline, or of a pipeline component in it, are read in.

    Attributes:
        component_spec: returns the componentSpec of the component with an id.
        inputs: of the pipeline, or what the node of the component is given.
        outputs: of it, to the output of the whole pipeline, and the place, that each is bound to.
        prefix: stands in front of the names of steps.
        needs: what all of its steps wait for.
        default_compute: of steps that name none.
    """

    component_spec: Callable[[str], Mapping[str, Any]]
    inputs: Mapping[str, str | Data | None]
    outputs: Mapping[str, StepOutput]
    prefix: str
    needs: frozenset[str]
    default_compute: str | None


def steps_of(properties: Mapping[str, Any], component_spec: Callable[[str], Mapping[str, Any]]) -> list[SubmittedStep]:
    """Return the steps of a job; those of a pipeline component are called NODE/STEP.

    Args:
        properties: of the job's body.
        component_spec: returns the componentSpec of the component with this id.
    """
    scope = _Scope(
        component_spec=component_spec,
        inputs={name: _input(document) for name, document in (properties.get("inputs") or {}).items()},
        outputs={
            name: StepOutput("", (document or {}).get("uri"), name)
            for name, document in (properties.get("outputs") or {}).items()
        },
        prefix="",
        needs=frozenset(),
        default_compute=(properties.get("settings") or {}).get("default_compute") or properties.get("computeId"),
    )
    steps = _steps_in(properties["jobs"], scope)
    return [replace(step, needs=_with_whole_components(step, steps)) for step in steps]


def _with_whole_components(step: SubmittedStep, steps: list[SubmittedStep]) -> frozenset[str]:
    """Return what a step waits for: whoever needs an output of a pipeline component, for all of its steps.

    Assumed: the service starts what is behind a component when that is Completed.
    """
    groups = {group_of(need) for need in step.needs} - {None, group_of(step.name)}
    return step.needs | {other.name for other in steps if group_of(other.name) in groups}


def group_of(step: str) -> str | None:
    """Return the node that a step is in, by the step's name; None when it is a node of the pipeline itself."""
    group, slash, _ = step.partition("/")
    return group if slash else None


def _steps_in(jobs: Mapping[str, Mapping[str, Any]], scope: _Scope) -> list[SubmittedStep]:
    specs = {name: scope.component_spec(node["componentId"]) for name, node in jobs.items()}
    moved = {
        f"parent.jobs.{name}.outputs.{output}": f"parent.jobs.{scope.prefix}{name}{step}.outputs.{own}"
        for name, spec in specs.items()
        for output, (step, own) in _outputs_within(spec).items()
    }
    steps: list[SubmittedStep] = []
    for name, node in jobs.items():
        given = {key: _bound(document, scope, moved) for key, document in (node.get("inputs") or {}).items()}
        if specs[name].get("type") == "pipeline":
            steps += _steps_of_component(name, node, specs[name], given, scope)
        else:
            steps.append(_step(name, node, specs[name], given, scope))
    return steps


def _outputs_within(spec: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return for each output of a component the step in it, as `/NAME`, and its output; a command is its own step."""
    if spec.get("type") != "pipeline":
        return {name: ("", name) for name in spec.get("outputs") or {}}
    return {
        bound: (f"/{step}", output)
        for step, node in spec["jobs"].items()
        for output, document in (node.get("outputs") or {}).items()
        if (bound := _output_of_parent(document))
    }


def _output_of_parent(document: Any) -> str | None:
    name = only_name(str((document or {}).get("value") or (document or {}).get("path") or ""))
    return name.removeprefix("parent.outputs.") if name and name.startswith("parent.outputs.") else None


def _steps_of_component(
    name: str, node: Mapping[str, Any], spec: Mapping[str, Any], given: Mapping[str, str | Data | None], scope: _Scope
) -> list[SubmittedStep]:
    if scope.prefix:
        raise NotImplementedError(f"{scope.prefix}{name}: the emulator knows no pipeline component in another")
    declared = spec.get("inputs") or {}
    outputs = {key: _output(document, node, key, scope) for key, document in (spec.get("outputs") or {}).items()}
    texts = [value for value in given.values() if isinstance(value, str)]
    inner = _Scope(
        component_spec=scope.component_spec,
        inputs={key: given[key] if key in given else _default(document) for key, document in declared.items()},
        outputs=outputs,
        prefix=f"{name}/",
        needs=frozenset(step for step, _ in outputs_named_in(texts)),
        default_compute=scope.default_compute,
    )
    return _steps_in(spec["jobs"], inner)


def _bound(document: Any, scope: _Scope, moved: Mapping[str, str]) -> str | Data | None:
    """Return an input of a node: the value of what it is bound to, or the step in the whole job whose output it is."""
    value = _input(document)
    name = only_name(value) if isinstance(value, str) else None
    if name is None:
        return value
    if name.startswith("parent.inputs."):
        return scope.inputs[name.removeprefix("parent.inputs.")]
    return f"${{{{{moved[name]}}}}}" if name in moved else value


def _step(
    name: str,
    node: Mapping[str, Any],
    spec: Mapping[str, Any],
    given: Mapping[str, str | Data | None],
    scope: _Scope,
) -> SubmittedStep:
    inputs = {
        key: given[key] if key in given else _default(declared) for key, declared in (spec.get("inputs") or {}).items()
    }
    declared_inputs = spec.get("inputs") or {}
    required = {key for key in inputs if not _is_optional(declared_inputs[key])}
    needs, required_needs = _steps_named_in(inputs, inputs), _steps_named_in(inputs, required)
    resources = node.get("resources") or {}
    if int(resources.get("instance_count") or 1) != 1:
        raise ValueError(f"step {name}: the emulator runs each step on one node")
    job_tier = (node.get("queue_settings") or {}).get("job_tier") or "Standard"
    return SubmittedStep(
        name=f"{scope.prefix}{name}",
        component=str(spec.get("display_name") or spec.get("name") or name),
        command=str(spec["command"]),
        code=spec.get("code"),
        environment=environment_id(spec.get("environment")),
        inputs=inputs,
        outputs={key: _output(declared, node, key, scope) for key, declared in (spec.get("outputs") or {}).items()},
        compute=compute_name(node.get("computeId") or scope.default_compute or SERVERLESS),
        size=resources.get("instance_type"),
        tier="low_priority" if job_tier.lower() == "spot" else "dedicated",
        client_id=(node.get("identity") or {}).get("client_id"),
        is_managed=is_managed(node.get("identity") or {}),
        timeout_seconds=seconds_of((node.get("limits") or {}).get("timeout")),
        variables={**(spec.get("environment_variables") or {}), **(node.get("environment_variables") or {})},
        needs=scope.needs | needs,
        optional_needs=needs - required_needs - scope.needs,
    )


def seconds_of(duration: str | None) -> float | None:
    """Return the seconds of a duration such as PT2H15M (ISO 8601)."""
    if duration is None:
        return None
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError(f"{duration!r} is no duration")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def compute_name(compute_id: str) -> str:
    """Return the name in the id of a compute, however it is written."""
    return compute_id.removeprefix("azureml:").rpartition("/")[2]


def asset_name(asset_id: str) -> tuple[str, str, str] | None:
    """Return kind, name and version in the id of an asset; None when it is no id of Azure Resource Manager."""
    found = _ASSET.search(asset_id)
    return (found.group(1), found.group(2), found.group(3)) if found else None


def environment_id(environment: Any) -> str:
    """Return what names an environment: its id, or name:version."""
    if isinstance(environment, Mapping):
        return str(environment.get("id") or f"{environment.get('name')}:{environment.get('version')}")
    return str(environment or "")


def _input(document: Any) -> str | Data | None:
    if not isinstance(document, Mapping):
        return None if document is None else str(document)
    kind = document.get("job_input_type") or document.get("jobInputType")
    if kind in (None, "literal"):
        value = document.get("value")
        return None if value is None else str(value)
    return Data(str(kind), str(document["uri"]))


def _steps_named_in(inputs: Mapping[str, str | Data | None], keys: Collection[str]) -> frozenset[str]:
    """Return the steps whose outputs the inputs `keys` name."""
    texts = [value for key in keys if isinstance(value := inputs[key], str)]
    return frozenset(step for step, _ in outputs_named_in(texts))


def _is_optional(declared: Any) -> bool:
    return isinstance(declared, Mapping) and str(declared.get("optional")).lower() == "true"


def _default(declared: Any) -> str | None:
    default = declared.get("default") if isinstance(declared, Mapping) else None
    return None if default is None else str(default)


def _output(declared: Mapping[str, Any], node: Mapping[str, Any], name: str, scope: _Scope) -> StepOutput:
    given = (node.get("outputs") or {}).get(name) or {}
    kind, bound = str(declared.get("type") or "uri_folder"), _output_of_parent(given)
    if bound is not None:
        return replace(scope.outputs[bound], kind=kind)
    return StepOutput(kind, given.get("uri") or given.get("path"))
