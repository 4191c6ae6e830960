"""How the consumers of a run are spread over pipelines: no more in one than the body of its job has room for."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hyperscale.errors import PlanError
from hyperscale.experiment import Experiment, NodeExperiment

#: Azure Resource Manager refuses a body above 4 MB: "RequestContentTooLarge" (Azure/bicep-registry-modules issue 2358).
#: The jobs endpoint was not seen to do so. A quarter is left for what a service may count differently.
MAX_BODY_BYTES = 3_000_000
#: The id of a workspace whose names are as long as they may be: a GUID, a resource group of 90, a workspace of 33
#: (resource-name-rules.md). It stands in each step twice.
_WORKSPACE = (
    f"/subscriptions/{'s' * 36}/resourceGroups/{'g' * 90}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{'w' * 33}"
)
#: Names of 1,000 clusters, seed and teardown, and what else a pipeline has once.
_HEAD_BYTES = 50_000
#: The longest name of a step.
_CONSUMER = "consume_29999"
#: A data input of the pipeline, whose address may be long.
_MOUNT_BYTES = 2_000
#: Who begins a pipeline: `seed` of the first one; a `gate` of a further one, which waits for the seed; nobody where
#: consumers join a run.
Beginning = Literal["seed", "gate", "nobody"]


@dataclass(frozen=True)
class Part:
    """One pipeline of a run; a run with very many consumers has several.

    Attributes:
        suffix: of the pipeline file's name; empty for the first.
        first_number: of its first consumer.
        places: the compute of each of its consumers.
        begins_with: the step whose output its consumers are bound to. The first one, with seed, has teardown too.
        seeded: address of a folder that consumers get where nobody begins.
    """

    suffix: str
    first_number: int
    places: tuple[str, ...]
    begins_with: Beginning = "seed"
    seeded: str | None = None


def parts_of(places: Sequence[str], count: int) -> tuple[Part, ...]:
    """Return the pipelines of a run, at most `count`, as even as can be; none but the first is without consumers.

    Args:
        places: the compute of each of its consumers.
        count: of its pipelines.
    """
    parts, first = [], 0
    for number in range(count):
        size = len(places) // count + (number < len(places) % count)
        chosen = tuple(places[first : first + size])
        if number == 0:
            parts.append(Part("", first, chosen))
        elif chosen:
            # No experiment's name has an underscore: no part is taken for the pipeline of another experiment.
            parts.append(Part(f"_p{number + 1}", first, chosen, "gate"))
        first += size
    return tuple(parts)


def pipeline_count(experiment: Experiment, consumers: int) -> int:
    """Return how many pipelines a run with so many consumers, spare ones included, has.

    Raises:
        PlanError: when not even one consumer fits into a pipeline.
    """
    return max(1, math.ceil(consumers / consumers_that_fit(experiment)))


def consumers_that_fit(experiment: Experiment) -> int:
    """Return how many consumers a pipeline has at most: as many as the experiment says, if there is room for them.

    Raises:
        PlanError: when there is not even room for one.
    """
    return min(experiment.compute.consumers_per_pipeline, room_in_a_pipeline(experiment))


def room_in_a_pipeline(experiment: Experiment) -> int:
    """Return how many consumers the body of one job has room for.

    The body of a pipeline job is a head, which holds the experiment once, and the same step for each consumer, which
    binds each input of the component anew: about 1.5 KB with the longest names, and 0.1 KB for each mount. So thousands
    of consumers fit, and fewer where many mounts or a long experiment take the room.

    Raises:
        PlanError: when there is not even room for one.
    """
    head = _head_bytes(experiment)
    room = (MAX_BODY_BYTES - head) // consumer_bytes(experiment)
    if room < 1:
        raise PlanError(
            f"the experiment has {head:,} bytes as Azure ML gets it, its job may have {MAX_BODY_BYTES:,}",
            hint="give long lists of input.sweep or activity.arguments as a file: as the input, or as a mount",
        )
    return room


def _head_bytes(experiment: Experiment) -> int:
    """Return what a pipeline has beside its consumers, at most."""
    text = json.dumps(NodeExperiment.of(experiment).to_document())
    # As it is rendered: no quote and no dollar of a user reaches a command line.
    text = text.replace("'", "\\u0027").replace("$", "\\u0024")
    own = (text, experiment.description, dict(experiment.tags), [*experiment.mounts])
    return _HEAD_BYTES + _MOUNT_BYTES * len(experiment.mounts) + len(json.dumps(own))


def consumer_bytes(experiment: Experiment) -> int:
    """Return what a consumer adds to the body: the step as azure-ai-ml 1.35 sends it, with the longest names."""
    compute = experiment.compute
    modes = {"input": ""} if experiment.input.form == "files" else {}
    modes |= {f"mount_{name}": mount.mode for name, mount in experiment.mounts.items()}
    names = ["run_id", "queue", "store", "experiment", "workers_per_node", "lease_seconds", *modes]
    inputs = {name: _input(f"${{{{parent.inputs.{name}}}}}", modes.get(name, "")) for name in names}
    resources: dict[str, Any] = {"instance_count": 1, "shm_size": compute.shm_size}
    step: dict[str, Any] = {
        "name": _CONSUMER,
        "type": "command",
        "_source": "REMOTE.WORKSPACE.COMPONENT",
        "componentId": f"{_WORKSPACE}/components/hyperscale_consume/versions/{'v' * 36}",
        "computeId": f"{_WORKSPACE}/computes/{'c' * 24}",
        "inputs": {**inputs, "seeded": _input("${{parent.jobs.seed.outputs.seeded}}")},
        "limits": {"timeout": "P20DT23H59M", "job_limits_type": "Command"},
        "resources": resources,
    }
    if compute.serverless:
        resources["instance_type"] = compute.size
        step["queue_settings"] = {"job_tier": "Standard"}
    if compute.identity_client_id or compute.serverless:
        step["identity"] = {"identity_type": "Managed", "client_id": compute.identity_client_id}
    return len(json.dumps({_CONSUMER: step})) + len(", ")


def _input(value: str, mode: str = "") -> dict[str, str]:
    """Return an input of a step that is bound to `value`; a mount is not said to be one, a download is."""
    return {"value": value, "job_input_type": "literal", **({"mode": "Download"} if mode == "download" else {})}
