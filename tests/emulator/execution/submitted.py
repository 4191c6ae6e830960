"""What was submitted, as values: the steps of a pipeline job, read from the body that azure-ai-ml sends."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from emulator.execution.expressions import only_name, outputs_named_in

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
    """A folder or file that a step writes, and where it goes; None is the default place."""

    kind: str
    uri: str | None


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
        client_id: of the identity that it asks for; None when it asks for none.
        timeout_seconds: after which it is cancelled; None is never.
        variables: of its environment.
        needs: names of the steps that it waits for.
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
    timeout_seconds: float | None
    variables: Mapping[str, str]
    needs: frozenset[str]


def steps_of(properties: Mapping[str, Any], component_spec: Callable[[str], Mapping[str, Any]]) -> list[SubmittedStep]:
    """Return the steps of a job.

    Args:
        properties: of the job's body.
        component_spec: returns the componentSpec of the component with this id.
    """
    default = (properties.get("settings") or {}).get("default_compute") or properties.get("computeId")
    inputs = {name: _input(document) for name, document in (properties.get("inputs") or {}).items()}
    return [
        _step(name, node, component_spec(node["componentId"]), inputs, default)
        for name, node in properties["jobs"].items()
    ]


def _step(
    name: str,
    node: Mapping[str, Any],
    spec: Mapping[str, Any],
    parent_inputs: Mapping[str, str | Data | None],
    default_compute: str | None,
) -> SubmittedStep:
    given = {key: _input(document) for key, document in (node.get("inputs") or {}).items()}
    inputs = {
        key: _from_parent(given[key], parent_inputs) if key in given else _default(declared)
        for key, declared in (spec.get("inputs") or {}).items()
    }
    texts = [value for value in inputs.values() if isinstance(value, str)]
    resources = node.get("resources") or {}
    if int(resources.get("instance_count") or 1) != 1:
        raise ValueError(f"step {name}: the emulator runs each step on one node")
    job_tier = (node.get("queue_settings") or {}).get("job_tier") or "Standard"
    return SubmittedStep(
        name=name,
        component=str(spec.get("display_name") or spec.get("name") or name),
        command=str(spec["command"]),
        code=spec.get("code"),
        environment=environment_id(spec.get("environment")),
        inputs=inputs,
        outputs={key: _output(declared, node, key) for key, declared in (spec.get("outputs") or {}).items()},
        compute=compute_name(node.get("computeId") or default_compute or SERVERLESS),
        size=resources.get("instance_type"),
        tier="low_priority" if job_tier.lower() == "spot" else "dedicated",
        client_id=(node.get("identity") or {}).get("client_id"),
        timeout_seconds=seconds_of((node.get("limits") or {}).get("timeout")),
        variables={**(spec.get("environment_variables") or {}), **(node.get("environment_variables") or {})},
        needs=frozenset(step for step, _ in outputs_named_in(texts)),
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


def _from_parent(value: str | Data | None, parent_inputs: Mapping[str, str | Data | None]) -> str | Data | None:
    """Return the value of an input of the pipeline where `value` is bound to one."""
    name = only_name(value) if isinstance(value, str) else None
    if name is None or not name.startswith("parent.inputs."):
        return value
    return parent_inputs[name.removeprefix("parent.inputs.")]


def _default(declared: Any) -> str | None:
    default = declared.get("default") if isinstance(declared, Mapping) else None
    return None if default is None else str(default)


def _output(declared: Mapping[str, Any], node: Mapping[str, Any], name: str) -> StepOutput:
    given = (node.get("outputs") or {}).get(name) or {}
    return StepOutput(str(declared.get("type") or "uri_folder"), given.get("uri") or given.get("path"))
