"""Renders the files of an experiment for Azure ML: the same experiment and plan give the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from hyperscale import names
from hyperscale.azure_run import NO_CLUSTERS, TAG_CONTROL, TAG_EXPERIMENT, TAG_RENDER, UNKNOWN_PRICE
from hyperscale.control.rendered.data_inputs import DataPlace, mount_inputs, rows_input
from hyperscale.control.rendered.environments import CONTROL_CONDA, CONTROL_IMAGE, node_environment
from hyperscale.control.rendered.yaml_text import Plain, folded_json
from hyperscale.control.resources import templates_folder
from hyperscale.control.templates import yaml_templates
from hyperscale.errors import PlanError
from hyperscale.experiment import Azure, Experiment, NodeExperiment
from hyperscale.node.storing.places import AUTO, DEFAULT_CONTAINER
from hyperscale.pipeline_parts import Part
from hyperscale.placement import CONTROL_CLUSTER_NODES, SEED_CLUSTER_NODES, Cluster, control_settings
from hyperscale.plan import JOB_LIFE_HOURS, Plan

#: The first line of every rendered file: what lacks it is the user's, and is never overwritten.
HEADER = '# Rendered by hyperscale from experiment.yaml: edit that file and run "hyperscale render".'
#: The file of an experiment that is rendered as a component.
COMPONENT = "component.yml"
#: What has a component.
STEPS = ("seed", "gate", "consume", "teardown")
STEPS_OF_COMPONENT = ("seed", "consume", "teardown")
#: A run drains at max_hours; its consumers may write what they know after that, and teardown collects after them.
DRAIN_HOURS = 0.25
COLLECT_HOURS = 1.0


@dataclass(frozen=True)
class RunInputs:
    """What a pipeline is told of one run; `auto` is filled in on the nodes.

    Attributes:
        run_id: of the run.
        queue, store: a folder of this machine, or a URL.
        tags: of its jobs and clusters, beside the user's; empty: they are known by the render id.
        owner_tag: name=value of the one that a cluster must have to be the run's; empty: the render id's.
        data: where data is that nodes do not find beside the experiment, by the name of the pipeline's input.
        version: of the registered components; None: the files beside the pipeline.
        parts: the pipelines; empty: one with all steps.
    """

    run_id: str = "auto"
    queue: str = "auto"
    store: str = "auto"
    tags: Mapping[str, str] = field(default_factory=dict)
    owner_tag: str = ""
    data: Mapping[str, DataPlace] = field(default_factory=dict)
    version: str | None = None
    parts: tuple[Part, ...] = ()


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
    text = _writer(values)
    name = names.EXPERIMENT.check(experiment.name)
    files = {
        **{
            PurePosixPath("pipelines", f"{name}{part.suffix}.yml"): text("pipeline.yml", part=part)
            for part in run.parts or (Part("", 0, plan.places),)
        },
        **_component_files(values, text, PurePosixPath("components")),
    }
    for cluster, tags, settings in _computes(experiment, plan, run):
        path = PurePosixPath("compute", f"{cluster.name}.yml")
        files[path] = text("compute.yml", cluster=cluster, tags=tags, settings=settings)
    return files


def component_folder(experiment: str) -> PurePosixPath:
    """Return where the files of an experiment lie that is rendered as a component: no other experiment shares them."""
    return PurePosixPath("components", f"{names.EXPERIMENT.check(experiment)}-run")


def check_one_pipeline(parts: Sequence[Part]) -> None:
    """See that the consumers of a run fit into one pipeline: a component cannot have several.

    Raises:
        PlanError: when they do not.
    """
    if len(parts) > 1:
        consumers = sum(len(part.places) for part in parts)
        raise PlanError(
            f"{consumers:,} consumers need {len(parts):,} pipelines, and a component is one: at most "
            f"{len(parts[0].places):,} fit",
            hint="lower parallelism.workers, or raise parallelism.workers_per_node",
        )


def render_component(
    experiment: Experiment, plan: Plan, *, folder: Path, out: Path, run: RunInputs
) -> dict[PurePosixPath, str]:
    """Return the text of every file of a pipeline component that is the whole run, by its path in `out`.

    Its clusters are made once and stay: its runs delete none. Arguments and errors are those of `render`, but for
    `out`, which is the folder of these files alone.
    """
    made, plan = plan, _with_lasting_clusters(experiment, plan)
    values = {
        **_values(experiment, plan, folder, out, run),
        "run_key": Plain("run_name"),
        "component": {step: f"./{step}.yml" for step in STEPS_OF_COMPONENT},
        "component_name": names.COMPONENT.check(f"{experiment.name.replace('-', '_')}_run"),
    }
    text = _writer(values)
    component = text("pipeline_component.yml", part=Part("", 0, plan.places))
    three = _component_files(values, text, PurePosixPath(), STEPS_OF_COMPONENT)
    files = {PurePosixPath(COMPONENT): component, **three}
    lasting = {cluster.name for cluster, before in zip(plan.clusters, made.clusters, strict=True) if before.owned}
    tags = {**experiment.tags, TAG_EXPERIMENT: experiment.name}
    computes = [*_computes(experiment, plan, run)]
    computes += [
        (cluster, tags, cluster_settings(experiment, cluster)) for cluster in plan.clusters if cluster.name in lasting
    ]
    for cluster, its_tags, settings in computes:
        path, lasts = PurePosixPath("compute", f"{cluster.name}.yml"), cluster.name in lasting
        files[path] = text("compute.yml", cluster=cluster, tags=its_tags, settings=settings, lasts=lasts)
    return files


def _writer(values: Mapping[str, Any]) -> Callable[..., str]:
    """Return what renders a template, by its name, with `values` and further ones."""
    templates = yaml_templates()

    def text(template: str, **more: Any) -> str:
        return f"{HEADER}\n{templates.get_template(template).render(values, **more)}"

    return text


def _component_files(
    values: Mapping[str, Any], text: Callable[..., str], components: PurePosixPath, steps: Sequence[str] = STEPS
) -> dict[PurePosixPath, str]:
    """Return the components of `steps`, and what their environments are made from."""
    files = {
        **{components / f"{step}.yml": text(f"{step}.yml") for step in steps},
        components / "control_environment" / "conda.yml": text("conda.yml", document=CONTROL_CONDA),
    }
    environment, packages = values["environment"], components / "consume_environment"
    if environment.conda is not None:
        files[packages / "conda.yml"] = text("conda.yml", document=environment.conda)
    if environment.folder:
        files[packages / "Dockerfile"] = text("Dockerfile")
    if environment.folder and environment.requirements is not None:
        files[packages / "requirements.txt"] = f"{HEADER}\n{environment.requirements.rstrip()}\n"
    return files


def _with_lasting_clusters(experiment: Experiment, plan: Plan) -> Plan:
    """Return `plan` with clusters that no run owns, whose names follow from their settings and not from the code.

    With other settings they are other clusters: `az ml compute create` would change those that are there under runs.
    """
    azure = experiment.azure
    place = (azure.subscription_id, azure.resource_group, azure.workspace_name, experiment.name)
    shape = (asdict(experiment.compute), [(cluster.location, cluster.nodes) for cluster in plan.owned_clusters])
    names_of = iter(names.cluster_names(experiment.name, names.render_id(place, shape), len(plan.owned_clusters)))
    clusters = (
        replace(cluster, name=next(names_of), owned=False) if cluster.owned else cluster for cluster in plan.clusters
    )
    return replace(plan, clusters=tuple(clusters))


def node_document(experiment: Experiment) -> dict[str, Any]:
    """Return what nodes get of `experiment`, for `NodeExperiment.from_document`: keys without a value are left out."""
    document = NodeExperiment.of(experiment).to_document()
    return {
        key: {name: value for name, value in part.items() if value is not None} if isinstance(part, dict) else part
        for key, part in document.items()
    }


def azure_inputs(azure: Azure, data: Mapping[str, DataPlace] | None = None) -> RunInputs:
    """Return what committed files say of a run: no run id, and the storage account if the experiment names one.

    Args:
        azure: of the experiment.
        data: where its remote data is.

    Raises:
        ExperimentError: when the account or the container cannot have that name.
    """
    account, queues = azure.storage_account, azure.queue_account or azure.storage_account
    container = names.CONTAINER.check(azure.container)
    inputs = RunInputs(store=AUTO if container == DEFAULT_CONTAINER else f"{AUTO}/{container}", data=data or {})
    if queues is not None:
        inputs = replace(inputs, queue=f"https://{names.STORAGE_ACCOUNT.check(queues)}.queue.core.windows.net")
    if account is not None:
        store = f"https://{names.STORAGE_ACCOUNT.check(account)}.blob.core.windows.net/{container}"
        inputs = replace(inputs, store=store)
    return inputs


def templates_hash() -> str:
    """Return a hash over the templates, hexadecimal; a part of the render id."""
    digest = hashlib.sha256()
    for file in sorted(file for file in templates_folder().iterdir() if file.is_file()):
        digest.update(f"{file.name}\n{file.read_text(encoding='utf-8')}\n".encode())
    return digest.hexdigest()


def _values(experiment: Experiment, plan: Plan, folder: Path, out: Path, run: RunInputs) -> dict[str, Any]:
    hours = experiment.limits.max_hours
    owned = [cluster.name for cluster in plan.owned_clusters]
    return {
        "experiment": experiment,
        "plan": plan,
        "run": run,
        "run_key": Plain("run_id"),
        "lasts": False,
        "tags": _tags(experiment, plan, run),
        "component": {step: _component(step, run.version) for step in STEPS},
        "clusters": ",".join(owned) or NO_CLUSTERS,
        "owner_tag": run.owner_tag or f"{TAG_RENDER}={plan.render_id}",
        "usd_per_node_hour": _price_text(plan.usd_per_node_hour),
        "usd_per_control_hour": _price_text(plan.usd_per_control_hour),
        "experiment_lines": [Plain(line) for line in folded_json(node_document(experiment))],
        "data_input": rows_input(experiment, folder, out, run.data),
        "consume_reads_input": experiment.input.form == "files",
        "mounts": mount_inputs(experiment, folder, out, run.data),
        "environment": node_environment(experiment.environment, folder),
        "control_image": CONTROL_IMAGE,
        "client_ids": {
            "control": experiment.compute.control_client_id,
            "consume": experiment.compute.identity_client_id,
        },
        "hours": {
            "seed": hours,
            "consume": min(hours + DRAIN_HOURS, JOB_LIFE_HOURS[experiment.compute.tier]),
            "teardown": min(hours + COLLECT_HOURS, JOB_LIFE_HOURS["dedicated"]),
        },
    }


def _component(step: str, version: str | None) -> str:
    return f"../components/{step}.yml" if version is None else f"azureml:hyperscale_{step}:{version}"


def _tags(experiment: Experiment, plan: Plan, run: RunInputs) -> dict[str, str]:
    ours = run.tags or {TAG_RENDER: plan.render_id}
    return {**experiment.tags, **ours, TAG_EXPERIMENT: experiment.name}


def _computes(
    experiment: Experiment, plan: Plan, run: RunInputs
) -> Iterator[tuple[Cluster, dict[str, str], dict[str, Any]]]:
    """Yield each compute that has a file, with its tags and its settings; those that runs share come first."""
    compute = experiment.compute
    if plan.seed_cluster != plan.control_cluster:  # else both are one that exists, or serverless, or this machine
        shared = ((plan.seed_cluster, SEED_CLUSTER_NODES), (plan.control_cluster, CONTROL_CLUSTER_NODES))
        for name, nodes in shared:
            # No tag of a render: what has one, a teardown may delete.
            cluster = Cluster(name, None, nodes, owned=False)
            yield cluster, {TAG_CONTROL: "shared"}, control_settings(compute, nodes)
    for cluster in plan.owned_clusters:
        yield cluster, _tags(experiment, plan, run), cluster_settings(experiment, cluster)


def cluster_settings(experiment: Experiment, cluster: Cluster) -> dict[str, Any]:
    """Return the settings of a cluster of consumers, for its template."""
    compute = experiment.compute
    return {
        "size": compute.size,
        "tier": compute.tier,
        "nodes": cluster.nodes,
        "idle_seconds": compute.idle_seconds,
        "network": compute.network,
        "enable_node_public_ip": compute.enable_node_public_ip,
        "identity": compute.identity,
    }


def _price_text(usd: float | None) -> str:
    return UNKNOWN_PRICE if usd is None else f"{usd:g}"
