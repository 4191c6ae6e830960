"""Reads a pipeline file and the component files that it names, rendered by us or edited by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hyperscale.control.reading.positions import Positions
from hyperscale.control.reading.yaml_file import YamlFile, parse_yaml
from hyperscale.errors import ExperimentError
from hyperscale.uris import is_uri

#: Types of inputs that are data: their values are paths or URIs.
DATA_TYPES = ("uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model")
_COMPONENT_SCHEMA = "pipelineComponent.schema.json"
#: A submitted run names its components so; they were registered from the files beside its pipeline.
_REGISTERED = re.compile(r"azureml:hyperscale_(seed|gate|consume|teardown):[A-Za-z0-9._-]+", re.ASCII)


@dataclass(frozen=True)
class ComponentInput:
    """An input that a component declares; `default` is None when it has none."""

    type: str
    default: str | None
    optional: bool


@dataclass(frozen=True)
class Component:
    """A component file.

    Attributes:
        file: that it was read from.
        name: in the file.
        inputs, outputs: by name; of an output the type.
        command: the command line, with its `${{...}}`.
        code: the folder that the command runs in; absolute.
        environment: as the file has it: a reference, or an image with its packages.
        positions: where its values stand in the file.
    """

    file: Path
    name: str
    inputs: Mapping[str, ComponentInput]
    outputs: Mapping[str, str]
    command: str
    code: Path
    environment: Any
    positions: Positions = field(compare=False, repr=False)


@dataclass(frozen=True)
class Job:
    """A step of a pipeline.

    Attributes:
        name: in the pipeline.
        component: that it runs.
        inputs: by name, as text with its `${{...}}`.
        compute: where it runs, such as `azureml:hs-control`; None is the pipeline's default.
        environment_variables: that it gets.
        outputs: what of its outputs is bound to those of the pipeline, by name, as text with its `${{...}}`.
    """

    name: str
    component: Component
    inputs: Mapping[str, str]
    compute: str | None
    environment_variables: Mapping[str, str]
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PipelineInput:
    """An input of a pipeline; the value of a local data input is an absolute path."""

    type: str
    value: str


@dataclass(frozen=True)
class Pipeline:
    """A pipeline file, or that of a pipeline component, whose inputs may have no value.

    Attributes:
        file: that it was read from.
        inputs: by name.
        jobs: by name, in the order of the file.
        settings: as the file has them.
        outputs: by name, their types.
        is_component: whether it is a component for other pipelines.
        positions: where its values stand in the file.
    """

    file: Path
    inputs: Mapping[str, PipelineInput]
    jobs: Mapping[str, Job]
    settings: Mapping[str, Any]
    outputs: Mapping[str, str]
    is_component: bool
    positions: Positions = field(compare=False, repr=False)


def load_pipeline(file: Path) -> Pipeline:
    """Return the pipeline of `file`, with the components that it names.

    Raises:
        ExperimentError: when a file is missing, is no YAML, or lacks what every pipeline or component has.
    """
    document, positions = _read(file)
    if document.get("type") != "pipeline":
        raise _wrong(file, "type", f"is {document.get('type')!r}, expected 'pipeline'")
    components: dict[Path, Component] = {}
    jobs = {
        name: _job(file, name, node, components) for name, node in _mapping(file, "jobs", document.get("jobs")).items()
    }
    if not jobs:
        raise _wrong(file, "jobs", "is empty, expected at least one job")
    inputs = _mapping(file, "inputs", document.get("inputs"))
    is_component = _COMPONENT_SCHEMA in str(document.get("$schema"))
    read = _declared_input if is_component else _pipeline_input
    return Pipeline(
        file=file,
        inputs={name: read(file, name, value) for name, value in inputs.items()},
        jobs=jobs,
        settings=_mapping(file, "settings", document.get("settings")),
        outputs=_outputs(file, document),
        is_component=is_component,
        positions=positions,
    )


def load_component(file: Path) -> Component:
    """Return the component of `file`.

    Raises:
        ExperimentError: when the file is missing, is no YAML, or lacks what every component has.
    """
    document, positions = _read(file)
    command = document.get("command")
    if not isinstance(command, str) or not command.strip():
        raise _wrong(file, "command", f"is {command!r}, expected a command line")
    inputs = _mapping(file, "inputs", document.get("inputs"))
    return Component(
        file=file,
        name=str(document.get("name", "")),
        inputs={name: _component_input(file, name, value) for name, value in inputs.items()},
        outputs=_outputs(file, document),
        command=command,
        code=(file.parent / str(document.get("code", "."))).resolve(),
        environment=document.get("environment"),
        positions=positions,
    )


def mapping_of(parsed: YamlFile, name: str) -> dict[str, Any]:
    """Return the mapping that the YAML file `name` holds; an ExperimentError says that it is something else."""
    if parsed.problems:
        raise ExperimentError(f"{name} cannot be read", problems=parsed.problems)
    if not isinstance(parsed.document, dict):
        raise ExperimentError(f"{name}: holds {parsed.document!r:.50}, expected a mapping of keys to values")
    return parsed.document


def is_remote(path: str) -> bool:
    """Return whether the value of a data input is a URI: data that is not on this machine."""
    return is_uri(path)


def text_of(value: Any) -> str:
    """Return a literal of a YAML file as Azure ML passes it on: as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _read(file: Path) -> tuple[dict[str, Any], Positions]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ExperimentError(f"{file} cannot be read: {reason}", hint="correct the path") from error
    parsed = parse_yaml(text, str(file))
    return mapping_of(parsed, str(file)), parsed.positions


def _job(file: Path, name: str, node: Any, components: dict[Path, Component]) -> Job:
    node = _mapping(file, f"jobs.{name}", node)
    reference = node.get("component")
    path = _component_file(file, reference) if isinstance(reference, str) else None
    if path is None:
        raise _wrong(file, f"jobs.{name}.component", f"is {reference!r}, expected the path of a component file")
    if path not in components:
        components[path] = load_component(path)
    inputs = _mapping(file, f"jobs.{name}.inputs", node.get("inputs"))
    variables = _mapping(file, f"jobs.{name}.environment_variables", node.get("environment_variables"))
    outputs = _mapping(file, f"jobs.{name}.outputs", node.get("outputs"))
    return Job(
        name=name,
        component=components[path],
        inputs={key: _literal(value) for key, value in inputs.items()},
        compute=node.get("compute"),
        environment_variables={key: text_of(value) for key, value in variables.items()},
        outputs={key: _literal(value) for key, value in outputs.items()},
    )


def _component_file(file: Path, reference: str) -> Path | None:
    """Return the file of a component; of a registered one of ours, the file that it was registered from."""
    if registered := _REGISTERED.fullmatch(reference):
        return (file.parent.parent / "components" / f"{registered[1]}.yml").resolve()
    return None if reference.startswith("azureml:") else (file.parent / reference.removeprefix("file:")).resolve()


def _literal(value: Any) -> str:
    return text_of(value.get("path", "") if isinstance(value, dict) else value)


def _pipeline_input(file: Path, name: str, value: Any) -> PipelineInput:
    if not isinstance(value, dict):
        kind = {bool: "boolean", int: "integer", float: "number"}.get(type(value), "string")
        return PipelineInput(kind, text_of(value))
    kind = str(value.get("type", "uri_folder"))
    if kind not in DATA_TYPES:
        return PipelineInput(kind, text_of(value.get("default", "")))
    path = value.get("path")
    if not isinstance(path, str):
        raise _wrong(file, f"inputs.{name}.path", f"is {path!r}, expected a path or a URI")
    if is_remote(path):
        return PipelineInput(kind, path)
    return PipelineInput(kind, str((file.parent / path).resolve()))


def _outputs(file: Path, document: Mapping[str, Any]) -> dict[str, str]:
    """Return the outputs of a pipeline or component by name, with their types."""
    found = _mapping(file, "outputs", document.get("outputs"))
    return {
        name: str(_mapping(file, f"outputs.{name}", value).get("type", "uri_folder")) for name, value in found.items()
    }


def _declared_input(file: Path, name: str, value: Any) -> PipelineInput:
    declared = _component_input(file, name, value)
    return PipelineInput(declared.type, declared.default or "")


def _component_input(file: Path, name: str, value: Any) -> ComponentInput:
    document = _mapping(file, f"inputs.{name}", value)
    default = document.get("default")
    return ComponentInput(
        type=str(document.get("type", "string")),
        default=None if default is None else text_of(default),
        optional=document.get("optional") is True,
    )


def _mapping(file: Path, path: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(file, path, f"is {value!r}, expected a mapping of keys to values")
    return {str(key): item for key, item in value.items()}


def _wrong(file: Path, path: str, message: str) -> ExperimentError:
    return ExperimentError(f"{file}: {path} {message}", hint="render the files again, or correct this one")
