"""Renders the files of an experiment for Azure ML: the same experiment and plan give the same bytes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2

from hyperscale import names
from hyperscale.control.environments import CONTROL_CONDA, CONTROL_IMAGE, node_environment
from hyperscale.control.resources import templates_folder
from hyperscale.control.yaml_text import Plain, folded_json, quoted
from hyperscale.errors import ExperimentError
from hyperscale.experiment import Azure, Experiment, NodeExperiment
from hyperscale.placement import SERVERLESS, Cluster
from hyperscale.plan import JOB_LIFE_HOURS, THIS_MACHINE, Plan

#: The first line of every rendered file: what lacks it is the user's, and is never overwritten.
HEADER = '# Rendered by hyperscale from experiment.yaml: edit that file and run "hyperscale render".'
#: What the pipeline's input `clusters` holds when the run owns none: the SDK drops an empty string.
NO_CLUSTERS = "none"
#: Seed and teardown are small; several runs may share the cluster.
CONTROL_NODES = 4
#: A run drains at max_hours; its consumers may write what they know after that, and teardown collects after them.
DRAIN_HOURS = 0.25
COLLECT_HOURS = 1.0
_GLOB = frozenset("*?[")


@dataclass(frozen=True)
class RunInputs:
    """What a pipeline is told of one run; `auto` is filled in on the nodes.

    Attributes:
        run_id: of the run.
        queue, store: a folder of this machine, or a URL.
    """

    run_id: str = "auto"
    queue: str = "auto"
    store: str = "auto"


@dataclass(frozen=True)
class DataInput:
    """A data input of the pipeline.

    Attributes:
        name: of a mount; empty for the rows.
        input_key: the name of the pipeline's input.
        type: uri_file or uri_folder.
        path: relative to the pipeline file, or a URI.
        mode: ro_mount or download.
    """

    name: str
    input_key: Plain
    type: str
    path: str
    mode: str


def render(experiment: Experiment, plan: Plan, *, folder: Path, out: Path, run: RunInputs) -> dict[PurePosixPath, str]:
    """Return the text of every rendered file by its path in `out`; only the user's package files are read.

    Args:
        experiment: valid.
        plan: of it.
        folder: of the experiment file.
        out: where the files will lie: paths in them are relative to that.
        run: what they say of the run.

    Raises:
        ExperimentError: when something of the experiment cannot be written into the files.
    """
    values = _values(experiment, plan, folder, out, run)
    templates = _templates()

    def text(template: str, **more: Any) -> str:
        return f"{HEADER}\n{templates.get_template(template).render(values, **more)}"

    components = PurePosixPath("components")
    files = {
        PurePosixPath("pipelines", f"{names.EXPERIMENT.check(experiment.name)}.yml"): text("pipeline.yml"),
        components / "seed.yml": text("seed.yml"),
        components / "consume.yml": text("consume.yml"),
        components / "teardown.yml": text("teardown.yml"),
        components / "control_environment" / "conda.yml": text("conda.yml", document=CONTROL_CONDA),
    }
    environment, packages = values["environment"], components / "consume_environment"
    if environment.conda is not None:
        files[packages / "conda.yml"] = text("conda.yml", document=environment.conda)
    if environment.folder:
        files[packages / "Dockerfile"] = text("Dockerfile")
    if environment.folder and environment.requirements is not None:
        files[packages / "requirements.txt"] = f"{HEADER}\n{environment.requirements.rstrip()}\n"
    for cluster, its_values in _computes(experiment, plan):
        files[PurePosixPath("compute", f"{cluster.name}.yml")] = text("compute.yml", cluster=cluster, **its_values)
    return files


def node_document(experiment: Experiment) -> dict[str, Any]:
    """Return what nodes get of `experiment`, for `NodeExperiment.from_document`: keys without a value are left out."""
    document = NodeExperiment.of(experiment).to_document()
    return {
        key: {name: value for name, value in part.items() if value is not None} if isinstance(part, dict) else part
        for key, part in document.items()
    }


def azure_inputs(azure: Azure) -> RunInputs:
    """Return what committed files say of a run: no run id, and the storage account if the experiment names one.

    Raises:
        ExperimentError: when the account or the container cannot have that name.
    """
    account, queues = azure.storage_account, azure.queue_account or azure.storage_account
    inputs = RunInputs()
    if queues is not None:
        inputs = replace(inputs, queue=f"https://{names.STORAGE_ACCOUNT.check(queues)}.queue.core.windows.net")
    if account is not None:
        container = names.CONTAINER.check(azure.container)
        store = f"https://{names.STORAGE_ACCOUNT.check(account)}.blob.core.windows.net/{container}"
        inputs = replace(inputs, store=store)
    return inputs


def templates_hash() -> str:
    """Return a hash over the templates, hexadecimal; a part of the render id."""
    digest = hashlib.sha256()
    for file in sorted(file for file in templates_folder().iterdir() if file.is_file()):
        digest.update(f"{file.name}\n{file.read_text(encoding='utf-8')}\n".encode())
    return digest.hexdigest()


def _templates() -> jinja2.Environment:
    # ${{...}} belongs to Azure ML, hence these delimiters. `finalize` quotes every value that a template prints,
    # unless it is Plain: none can be forgotten.
    environment = jinja2.Environment(  # noqa: S701 (YAML, not HTML)
        loader=jinja2.FileSystemLoader(templates_folder()),
        variable_start_string="<%=",
        variable_end_string="%>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        undefined=jinja2.StrictUndefined,
        finalize=_printed,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["plain"] = Plain
    return environment


def _printed(value: Any) -> Any:
    return value if isinstance(value, jinja2.Undefined) else quoted(value)


def _values(experiment: Experiment, plan: Plan, folder: Path, out: Path, run: RunInputs) -> dict[str, Any]:
    hours = experiment.limits.max_hours
    owned = [cluster.name for cluster in plan.owned_clusters]
    return {
        "experiment": experiment,
        "plan": plan,
        "run": run,
        "tags": _tags(experiment, plan),
        "clusters": ",".join(owned) or NO_CLUSTERS,
        "experiment_lines": [Plain(line) for line in folded_json(node_document(experiment))],
        "data_input": _rows_input(experiment, folder, out),
        "consume_reads_input": experiment.input.form == "files",
        "mounts": [_data_input(folder, out, name, mount.path, mount.mode) for name, mount in experiment.mounts.items()],
        "environment": node_environment(experiment.environment, folder),
        "control_image": CONTROL_IMAGE,
        "hours": {
            "seed": hours,
            "consume": min(hours + DRAIN_HOURS, JOB_LIFE_HOURS[experiment.compute.tier]),
            "teardown": min(hours + COLLECT_HOURS, JOB_LIFE_HOURS["dedicated"]),
        },
    }


def _tags(experiment: Experiment, plan: Plan) -> dict[str, str]:
    ours = {"hyperscale_render": plan.render_id, "hyperscale_experiment": experiment.name}
    return {**experiment.tags, **ours}


def _computes(experiment: Experiment, plan: Plan) -> list[tuple[Cluster, dict[str, Any]]]:
    """Return each compute that has a file, with its size, tier and tags."""
    compute, control = experiment.compute, experiment.compute.control
    shared: dict[str, Any] = {"compute": compute}
    of_run = {"size": compute.size, "tier": compute.tier, "tags": _tags(experiment, plan), **shared}
    computes = [(cluster, of_run) for cluster in plan.owned_clusters]
    if plan.control_cluster not in (SERVERLESS, THIS_MACHINE, control.existing):
        # No tag of a render: what has one, a teardown may delete.
        of_control = {"size": control.size, "tier": "dedicated", "tags": {"hyperscale_control": "shared"}, **shared}
        computes.append((Cluster(plan.control_cluster, None, CONTROL_NODES, owned=False), of_control))
    return computes


def _rows_input(experiment: Experiment, folder: Path, out: Path) -> DataInput:
    rows = experiment.input
    if rows.form == "files":
        return _data_input(folder, out, "", fixed_folder(rows.files or ""), "ro_mount", is_folder=True)
    path = getattr(rows, rows.form)
    if not isinstance(path, str):
        raise ExperimentError(f"input.{rows.form} is not available yet", hint="give the rows as csv or files")
    return _data_input(folder, out, "", path, "ro_mount", is_folder=False)


def fixed_folder(pattern: str) -> str:
    """Return the part of a glob before its first wildcard: the folder that every file it names is in."""
    parts = pattern.split("/")
    fixed = next((number for number, part in enumerate(parts) if _GLOB & set(part)), len(parts) - 1)
    return "/".join(parts[:fixed]) or ("/" if pattern.startswith("/") else ".")


def _data_input(
    folder: Path, out: Path, name: str, path: str, mode: str, *, is_folder: bool | None = None
) -> DataInput:
    names.DATA.check(PurePosixPath(path).name)
    key = Plain(names.INPUT.check(f"mount_{name}")) if name else Plain("input")
    if "://" in path or path.startswith("azureml:"):
        return DataInput(name, key, "uri_file" if is_folder is False else "uri_folder", path, mode)
    local = folder / path
    kind = "uri_folder" if (local.is_dir() if is_folder is None else is_folder) else "uri_file"
    return DataInput(name, key, kind, _relative(local, out / "pipelines"), mode)


def _relative(path: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive of Windows
        return path.absolute().as_posix()
